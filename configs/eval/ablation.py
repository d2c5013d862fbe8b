"""What the rows of configs/ablation.py are scored on.

    python launch/evaluate.py --config configs/eval/ablation.py:tiny --checkpoint runs/ablation_tiny/full
    python launch/evaluate.py --config configs/eval/ablation.py:tiny,wild --checkpoint runs/ablation_tiny/full

The variants 'tiny' and 'small' score objects of the photographs' families that no row has seen; without one of them it
is CO3D, as in Table 5. A test set beside (mvimgnet, co3d, omniobject3d, wild) is a panel of Figure 5: novel views, or
self-consistency in the wild. At 'tiny' and 'small' MVImgNet is played by those objects, CO3D by families that no row
knows, OmniObject3D by others of the supervised ones, and WildImages by single views of the photographs' families. The
protocol is named as in configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

from configs.ablation import SEEN, TESTS, UNSEEN
from configs.ablation import get_config as get_training_config
from configs.eval.embedded import get_config as get_embedded_config
from configs.eval.lrm import SETS
from real3d_jax.config.protocols import DATASETS

_MAIN = {"tiny": "mvimgnet", "small": "mvimgnet", None: "co3d"}  # what is scored in any case, by size
# The other test sets' players at a size: family, and seed.
PLAYERS = {
    "tiny": {"co3d": ("mug+car+chair+teapot", 3), "omniobject3d": ("a", 3), "wild": ("b", 4)},
    "small": {"co3d": ("b", 3), "omniobject3d": (SEEN, 4), "wild": (UNSEEN, 4)},
}


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    words = variant.split(",")
    size = next((word for word in words if word in ("tiny", "small")), None)
    test = next((word for word in words if word in DATASETS), _MAIN[size])
    rest = ",".join(word for word in words if word not in DATASETS)
    config = SETS[test](rest) if size is None else get_embedded_config(rest)
    config.name = f"ablation_{size or test}_{config.protocol.name}"
    if size is not None:
        _play(config, size, test)
    if test != _MAIN[size]:
        wild = test == "wild"
        config.name = f"ablation_{size or 'paper'}_{test}_{config.protocol.name}"
        config.scored.update(novel_views=not wild, input_view=False, semantic=False, consistency=wild)
    return config


def _play(config: ConfigDict, size: str, test: str) -> None:
    """Gives a configuration the objects of a size that play a test set."""
    training, main = get_training_config(f"full,{size}"), TESTS[size]
    config.table = 3
    config.model, config.compute, config.render = training.model, training.compute, training.render
    made = training.data.embedded[main].to_dict()
    name, path = main, made["path"]
    if test in PLAYERS[size]:
        family, seed = PLAYERS[size][test]
        name, path = test, f"{path}_{test}"
        made |= {"family": family, "seed": seed, "path": path, "views": 1 if test == "wild" else made["views"]}
    config.data.path = path
    config.data.embedded = ConfigDict({name: made})
    small = size == "small"
    config.scored = ConfigDict(
        {"novel_views": True, "input_view": small, "semantic": False, "consistency": small, "baselines": False}
    )
    config.networks.update({"vgg": "", "clip": ""})
    config.protocol.novel_views.update({"views": 4, "resolution": 48, "target_via": 0})
    config.protocol.semantic.resolution = 48  # of the report's pictures
    config.protocol.consistency.resolution = 48
    config.batch_per_device = 12
    config.data.workers = 2
