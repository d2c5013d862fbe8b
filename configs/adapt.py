"""A trained model, self-trained on your own photographs beside the supervised data that hold its shapes in place.

    python launch/curate.py --input photos --instances coco.json --depth depths --out data/curated
    python launch/train.py --config configs/adapt.py --config.init_from=runs/real3d
    python launch/train.py --config configs/adapt.py:smoke          # the package's own model, minutes on a CPU
    python launch/train.py --config configs/adapt.py:smoke,cups     # on the records in data/cups

The photographs are single-view records: launch/curate.py's, or those of `prepare_data.py --dataset wild_images` for
pictures that are cut out already. Losses are those of configs/real3d.py; batch, length and learning rate are ours, for
some hundreds to thousands of photographs on one GPU.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from configs.smoke import get_config as get_smoke_config
from real3d_jax.weights.boxed import MINI


def get_config(variant: str = "") -> ConfigDict:
    """The configuration; `variant` is 'smoke', a folder of records below `data/`, or both with a comma between."""
    words = [word for word in variant.split(",") if word]
    smoke = "smoke" in words
    folders = [word for word in words if word != "smoke"] or ["curated"]
    if len(folders) > 1:
        raise ValueError(f"name one folder of records, not {' and '.join(folders)}")
    config = get_smoke_config() if smoke else get_real3d_config()
    config.init_from = MINI if smoke else "runs/real3d"
    config.name = f"adapt_{'smoke_' if smoke else ''}{folders[0].replace('/', '_')}"
    photograph = next(iter(config.data.real.values())).to_dict()
    config.data.real = ConfigDict({"own": {**photograph, "path": folders[0], "weight": 0.0, "distance": 3.0}})
    if smoke:  # with the batch and the low rate of the smoke run
        config.data.embedded = ConfigDict({"objects": config.data.embedded.objects})
        config.schedule.steps = 32
    else:
        config.batch = ConfigDict({"synthetic": 8, "real": 8, "micro_batches": 0, "grow": False})
        config.optimizer.learning_rate *= 0.25
        config.schedule.steps = 2000
    quarter = config.schedule.steps // 4
    config.schedule.update({"validate_every": quarter, "pictures_every": quarter, "checkpoint_every": quarter})
    return config
