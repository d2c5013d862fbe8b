"""What `configs/smoke.py` has trained, scored in some minutes on two CPU cores; nothing to download.

    python launch/evaluate.py --config configs/eval/smoke.py --checkpoint runs/smoke
    python launch/evaluate.py --config configs/eval/smoke.py --checkpoint mini        # where it began
    python launch/evaluate.py --config configs/eval/smoke.py:scratch --checkpoint runs/smoke_scratch

No network's weights are at hand, so LPIPS, CLIP and FID are left out by name.
"""

from ml_collections import ConfigDict

from configs.eval.embedded import get_config as get_embedded_config
from configs.smoke import get_config as get_smoke_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    words = variant.split(",")
    scratch = "scratch" in words
    training = get_smoke_config("scratch" if scratch else "")
    config = get_embedded_config(",".join(word for word in words if word != "scratch"))
    config.name = f"{training.name}_{config.protocol.name}"
    config.model = training.model
    config.compute = training.compute
    config.render = training.render
    config.batch_per_device = 6 if scratch else 2
    ((name, held_out),) = training.data.validation.items()
    config.data.path = held_out.path
    config.data.embedded = ConfigDict({name: training.data.embedded[name]})
    config.data.workers = 2
    resolution = 48 if scratch else 64
    config.protocol.novel_views.update({"views": 4, "resolution": resolution, "target_via": 0})
    config.protocol.semantic.resolution = resolution
    consistency = config.protocol.consistency
    consistency.resolution = resolution
    # Three of the protocol's poses, one of each elevation, since each of them costs a reconstruction.
    consistency.azimuths, consistency.elevations = consistency.azimuths[1::5], consistency.elevations[1::5]
    config.networks.update({"vgg": "", "clip": ""})
    return config
