"""A camera-conditioned LRM (OpenLRM, `configs/lrm.py`, `configs/lrm_real.py`) on the test sets of Tables 1 to 4.

    python launch/evaluate.py --config configs/eval/lrm.py --checkpoint weights/openlrm-mix-base-1.1
    python launch/evaluate.py --config configs/eval/lrm.py:small,co3d --checkpoint runs/lrm_real
    python launch/evaluate.py --config configs/eval/lrm.py:tiny --checkpoint runs/lrm_real_tiny

After the colon stand a size (small, base, large; base if none is named), a test set (mvimgnet, co3d, omniobject3d,
wild) and a protocol (paper, released). The model is told each object's input camera, whose distance is the protocol's;
the protocol's views, crops and fields of view are those of the other models. 'tiny' scores configs/lrm_real.py:tiny.
"""

from ml_collections import ConfigDict

from configs.eval.co3d import get_config as get_co3d_config
from configs.eval.embedded import get_config as get_embedded_config
from configs.eval.mvimgnet import get_config as get_mvimgnet_config
from configs.eval.omniobject3d import get_config as get_omniobject3d_config
from configs.eval.wild import get_config as get_wild_config
from configs.lrm import PATCH, SAMPLES, SIZES, use_metric_render
from configs.lrm_real import get_config as get_training_config
from real3d_jax.config.files import read_variant
from real3d_jax.config.protocols import PROTOCOLS
from real3d_jax.models.presets import preset

SETS = {
    "mvimgnet": get_mvimgnet_config,
    "co3d": get_co3d_config,
    "omniobject3d": get_omniobject3d_config,
    "wild": get_wild_config,
}
# Half the field of view that an object of the training fills is about 0.75 of the box; the protocol's distances are for
# a box of half-size 0.87, and this one has 1.
LARGER = 1 / 0.87


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    size, test, protocol = read_variant(
        variant, "An evaluation of LRM", ("base", SIZES), ("mvimgnet", SETS), ("paper", PROTOCOLS)
    )
    tiny = size == "tiny"
    config = get_embedded_config(protocol) if tiny else SETS[test](protocol)
    config.name = f"lrm_{'tiny' if tiny else test}_{protocol}"
    config.model = preset("lrm_tiny" if tiny else f"openlrm_{size}")
    use_metric_render(config, resolution=PATCH[size], samples=SAMPLES[size])
    config.geometry.threshold = 3.0  # of the activated density, as its own meshes have it
    for group in (config.protocol.input_view, config.protocol.semantic):
        group.distance = group.distance * LARGER
    return _tiny(config) if tiny else config


def _tiny(config: ConfigDict) -> ConfigDict:
    training = get_training_config("tiny")
    config.compute = training.compute
    config.data.path = training.data.embedded.b_captures.path
    config.data.embedded = ConfigDict({"b_captures": training.data.embedded.b_captures})
    config.data.workers = 2
    config.scored = ConfigDict(
        {"novel_views": True, "input_view": True, "semantic": False, "consistency": False, "baselines": False}
    )
    config.networks.update({"vgg": "", "clip": ""})
    config.protocol.novel_views.update({"views": 4, "resolution": 48, "target_via": 0})
    config.protocol.semantic.resolution = 48  # of the report's pictures
    config.protocol.consistency.resolution = 48
    return config
