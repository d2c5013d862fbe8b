"""Real3D's Table 1: 100 sequences of MVImgNet, with known novel views.

    python launch/evaluate.py --config configs/eval/mvimgnet.py --checkpoint runs/real3d
    python launch/evaluate.py --config configs/eval/mvimgnet.py:released --checkpoint weights/real3d
    python launch/evaluate.py --config configs/eval/mvimgnet.py:small --checkpoint runs/mine

The variant names a protocol ('paper' or 'released'), a preset of the model's size, or both, with a comma between.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from real3d_jax.config.files import read_variant
from real3d_jax.config.protocols import PROTOCOLS, protocol
from real3d_jax.models.presets import PRESETS, preset


def get_config(variant: str = "", dataset: str = "mvimgnet") -> ConfigDict:
    """The configuration."""
    name, size = read_variant(variant, "An evaluation", ("paper", PROTOCOLS), ("base", PRESETS))
    training = get_real3d_config()
    config = ConfigDict()
    config.name = f"{dataset}_{name}"
    config.table = 1
    config.seed = 0
    config.model = preset(size)
    config.compute = training.compute
    config.render = training.render
    config.mesh = ConfigDict({"fsdp": 1})
    config.batch_per_device = 8

    config.data = ConfigDict()
    config.data.root = "data"
    config.data.path = dataset
    config.data.split = "test"
    config.data.limit = 0
    config.data.embedded = ConfigDict()
    config.data.workers = 8

    config.protocol = protocol(name, dataset)
    config.scored = ConfigDict(
        {"novel_views": True, "input_view": False, "semantic": True, "consistency": True, "baselines": False}
    )

    config.networks = ConfigDict()
    config.networks.vgg = "timm/vgg16.tv_in1k"
    config.networks.clip = "openai/clip-vit-base-patch16"
    config.networks.clip_random_size = "base"
    config.networks.inception = ""  # path of pytorch-fid's pt_inception-2015-12-05-6726825d.pth

    config.geometry = ConfigDict()
    config.geometry.meshes = ""
    config.geometry.resolution = 256  # Section 5
    config.geometry.threshold = 25.0
    config.geometry.points = 100_000
    config.geometry.f_distance = 0.05

    config.calibration = ConfigDict({"distances": (), "scope": "instance"})
    config.bootstrap = ConfigDict({"level": 0.95, "resamples": 10_000})
    config.cases = 3
    return config
