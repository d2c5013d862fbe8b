"""What the rows of configs/ablation.py are scored on.

    python launch/evaluate.py --config configs/eval/ablation.py:tiny --checkpoint runs/ablation_tiny/full

The variants 'tiny' and 'small' score objects of procedural family b that no row has seen; without one of them it is
CO3D, as in Table 5. The protocol is named as in configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

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
    training = get_training_config(f"start,{size}")
    config.table = 3
    config.compute, config.render = training.compute, training.render
    config.data.path = training.data.embedded.b_test.path
    config.data.embedded = ConfigDict({"b_test": training.data.embedded.b_test})
    config.scored = ConfigDict({"novel_views": True, "semantic": False, "consistency": False})
    config.networks.update({"vgg": "", "clip": ""})
    resolution = 128 if size == "small" else 48
    config.protocol.novel_views.update({"views": 4, "resolution": resolution, "target_via": 0})
    config.protocol.semantic.resolution = resolution  # of the report's pictures
    config.batch_per_device = 12
    config.data.workers = 2
    return config
