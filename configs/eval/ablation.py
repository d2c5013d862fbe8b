"""What the rows of configs/ablation.py are scored on.

    python launch/evaluate.py --config configs/eval/ablation.py:tiny --checkpoint runs/ablation_tiny/full

The variants 'tiny' and 'small' score objects of the photographs' families that no row has seen; without one of them it
is CO3D, as in Table 5. The protocol is named as in configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

from configs.ablation import TESTS
from configs.ablation import get_config as get_training_config
from configs.eval.co3d import get_config as get_co3d_config
from configs.eval.embedded import get_config as get_embedded_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    size = next((word for word in variant.split(",") if word in ("tiny", "small")), None)
    config = get_co3d_config(variant) if size is None else get_embedded_config(variant)
    config.name = f"ablation_{size or 'co3d'}_{config.protocol.name}"
    if size is None:
        return config
    training, test = get_training_config(f"full,{size}"), TESTS[size]
    config.table = 3
    config.model, config.compute, config.render = training.model, training.compute, training.render
    config.data.path = training.data.embedded[test].path
    config.data.embedded = ConfigDict({test: training.data.embedded[test]})
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
    return config
