"""A trained model, self-trained on your own photographs beside the supervised data that hold its shapes in place.

    python launch/curate.py --input photos --instances coco.json --depth depths --out data/curated
    python launch/train.py --config configs/adapt.py --config.init_from=runs/real3d
    python launch/train.py --config configs/adapt.py:smoke          # the package's own model, minutes on a CPU
    python launch/train.py --config configs/adapt.py:smoke,cups     # on the records in data/cups
    python launch/train.py --config configs/adapt.py:mini,cups      # the same at full strength: a minute on a GPU

The photographs are single-view records: launch/curate.py's, or those of `prepare_data.py --dataset wild_images` for
pictures that are cut out already. Losses are those of configs/real3d.py; batch, length and learning rate are ours, for
some hundreds to thousands of photographs on one GPU.
"""

from ml_collections import ConfigDict

from configs.mini import get_config as get_mini_config
from configs.real3d import get_config as get_real3d_config
from configs.smoke import get_config as get_smoke_config
from real3d_jax.weights.boxed import MINI

STRENGTHS = ("smoke", "mini")  # of the package's own model


def get_config(variant: str = "") -> ConfigDict:
    """The configuration; `variant` is 'smoke' or 'mini', a folder of records below `data/`, or both with a comma."""
    words = [word for word in variant.split(",") if word]
    strengths = [word for word in words if word in STRENGTHS]
    folders = [word for word in words if word not in STRENGTHS] or ["curated"]
    if len(strengths) > 1:
        raise ValueError(f"name one of {' and '.join(STRENGTHS)}")
    if len(folders) > 1:
        raise ValueError(f"name one folder of records, not {' and '.join(folders)}")
    (strength,) = strengths or ("",)
    config = {"": get_real3d_config, "smoke": get_smoke_config, "mini": lambda: get_mini_config("fine")}[strength]()
    config.init_from = MINI if strength else "runs/real3d"
    config.name = f"adapt_{strength + '_' if strength else ''}{folders[0].replace('/', '_')}"
    real = config.data.real or get_real3d_config().data.real
    photograph = next(iter(real.values())).to_dict()
    config.data.real = ConfigDict({"own": {**photograph, "path": folders[0], "weight": 0.0, "distance": 3.0}})
    if strength == "smoke":  # with the batch and the low rate of the smoke run
        config.data.embedded = ConfigDict({"objects": config.data.embedded.objects})
        config.schedule.steps = 32
    elif strength == "mini":
        _mini(config)
    else:
        config.batch = ConfigDict({"synthetic": 8, "real": 8, "micro_batches": 0, "grow": False})
        config.optimizer.learning_rate *= 0.25
        config.schedule.steps = 2000
    quarter = config.schedule.steps // 4
    config.schedule.update({"validate_every": quarter, "pictures_every": quarter, "checkpoint_every": quarter})
    return config


def _mini(config: ConfigDict) -> None:
    """The rate, the batch and the framing of the ablation's self-training (configs/ablation.py, 'small')."""
    config.perceptual.update({"clip": "random", "vgg": "random"})  # no loss asks them
    config.optimizer.learning_rate = 1e-4
    config.optimizer.warmup_steps = 20
    config.optimizer.ema_decay = 0.0
    config.batch = ConfigDict({"synthetic": 32, "real": 32, "micro_batches": 1, "grow": False})
    config.schedule.steps = 240
    # Drawn objects of all families that the model knows; the photographs are cropped as closely as those fill a view.
    for stream in config.data.streamed.values():
        stream.seed = 1
    config.data.real.own.update({"distance": 2.4, "crop_ratio": (1.15, 1.45)})
