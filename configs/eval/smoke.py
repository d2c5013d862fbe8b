"""What `configs/smoke.py` has trained, scored in a minute or two on two CPU cores; nothing to download.

    python launch/evaluate.py --config configs/eval/smoke.py --checkpoint runs/smoke

No network's weights are at hand, so LPIPS, CLIP and FID are left out by name.
"""

from ml_collections import ConfigDict

from configs.eval.embedded import get_config as get_embedded_config
from configs.smoke import get_config as get_smoke_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    training = get_smoke_config()
    config = get_embedded_config(variant)
    config.name = f"smoke_{config.protocol.name}"
    config.model = training.model
    config.compute = training.compute
    config.render = training.render
    config.batch_per_device = 6
    config.data.path = "procedural_a_48"
    config.data.embedded = ConfigDict({"procedural_a": training.data.embedded.procedural_a})
    config.data.workers = 2
    config.protocol.novel_views.update({"views": 4, "resolution": 48, "target_via": 0})
    config.protocol.semantic.resolution = 48
    config.protocol.consistency.resolution = 48
    config.networks.update({"vgg": "", "clip": ""})
    return config
