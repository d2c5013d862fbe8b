"""Objects of the family that `configs/adapting.py` adapts to, none of which its photographs show: 4 novel views each.

    python launch/evaluate.py --config configs/eval/adapting.py --checkpoint mini
    python launch/evaluate.py --config configs/eval/adapting.py --checkpoint runs/adapting/256/seed_0

After the colon may stand 'rehearsal', for a CPU; other words as in configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

from configs.adapting import get_config as get_study_config
from configs.eval.embedded import get_config as get_embedded_config
from configs.mini import get_config as get_mini_config
from configs.smoke import get_config as get_smoke_config
from real3d_jax.models.presets import PRESETS

REHEARSAL = "rehearsal"


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    words = list(filter(None, variant.split(",")))
    rehearsal = REHEARSAL in words
    study = get_study_config(REHEARSAL if rehearsal else "")
    training = get_smoke_config() if rehearsal else get_mini_config("fine")
    words = [word for word in words if word != REHEARSAL]
    config = get_embedded_config(",".join(words))
    config.name = f"{study.name}_{config.protocol.name}"
    config.table = 3
    if not any(word in PRESETS for word in words):
        config.model = training.model
    config.compute, config.render = training.compute, training.render
    held_out = {"objects": 0, "held_out": 3 if rehearsal else 256, "views": 5, "image_size": 128, "raw": 0.0}
    family = {"family": study.photographs.family, "seed": study.photographs.seed + 1}
    path = f"{study.name}_test"
    config.data.path = path
    config.data.embedded = ConfigDict({"test": {**held_out, **family, "kind": "procedural_views", "path": path}})
    config.data.workers = 2
    config.scored = ConfigDict(
        {"novel_views": True, "input_view": True, "semantic": False, "consistency": True, "baselines": False}
    )
    config.networks.update({"vgg": "", "clip": ""})
    resolution = 32 if rehearsal else 64
    config.protocol.novel_views.update({"views": 4, "resolution": resolution, "target_via": 0})
    config.protocol.semantic.resolution = resolution  # of the report's pictures
    consistency = config.protocol.consistency
    consistency.resolution = resolution
    # Three of the protocol's poses, one of each elevation, since each of them costs a reconstruction.
    consistency.azimuths, consistency.elevations = consistency.azimuths[1::5], consistency.elevations[1::5]
    config.batch_per_device = 3 if rehearsal else 16
    config.cases = 1 if rehearsal else 2
    return config
