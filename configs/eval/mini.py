"""The small model of `configs/mini.py` on objects that it has never seen: 2 novel views each, at 128 pixels.

    python launch/evaluate.py --config configs/eval/mini.py --checkpoint mini
    python launch/evaluate.py --config configs/eval/mini.py:furniture --checkpoint mini
    python launch/evaluate.py --config configs/eval/mini.py:scans --checkpoint mini

The word after the colon is the test set. 'procedural', the default, has other objects of the families it was trained
on, made on the first run. 'furniture' are models made by hand; docs/own_data.md makes them. 'scans' are scanned things
that you have rendered into data/scans in the same way. 'photographs' are the records in data/measured
(docs/own_data.md): without other views, so the input view and the self-consistency of single views are scored instead.
The table has a row each for the model and for two pictures that need none. Other words: see configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

from configs.eval.embedded import get_config as get_embedded_config
from configs.mini import get_config as get_mini_config
from real3d_jax.models.presets import PRESETS

SETS = ("procedural", "furniture", "scans", "photographs")


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    words = list(filter(None, variant.split(",")))
    dataset = next((word for word in words if word in SETS), SETS[0])
    words = [word for word in words if word not in SETS]
    training = get_mini_config("fine")
    config = get_embedded_config(",".join(words))
    config.name = f"mini_{dataset}_{config.protocol.name}"
    config.table = 3
    if not any(word in PRESETS for word in words):
        config.model = training.model
    config.compute = training.compute
    config.render = training.render
    config.batch_per_device = 4

    held_out = training.data.embedded.test
    config.data.path = held_out.path if dataset == "procedural" else dataset
    config.data.embedded = ConfigDict({"test": held_out} if dataset == "procedural" else {})
    config.data.limit = 65  # one of each family
    config.data.workers = 2

    config.protocol.novel_views.update({"views": 2, "resolution": 128, "target_via": 0})
    config.protocol.semantic.resolution = 64  # of the report's pictures
    config.scored = ConfigDict(
        {"novel_views": True, "input_view": False, "semantic": False, "consistency": False, "baselines": True}
    )
    config.networks.update({"vgg": "", "clip": ""})
    config.cases = 1
    if dataset == "photographs":
        _without_other_views(config)
    return config


def _without_other_views(config: ConfigDict) -> None:
    """Photographs, framed as `launch/reconstruct.py` does it, and seen again from three of the protocol's poses."""
    config.table = 2
    config.data.path = "measured"
    config.data.limit = 0
    config.protocol.input_view.update({"crop_ratio": 1.35, "fov_y": 39.6})
    consistency = config.protocol.consistency
    consistency.resolution = 64
    consistency.azimuths, consistency.elevations = consistency.azimuths[1::5], consistency.elevations[1::5]
    config.scored.update({"novel_views": False, "input_view": True, "consistency": True, "baselines": False})
