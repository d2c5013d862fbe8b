"""The whole of Real3D's training in minutes on two CPU cores: every loss on, few steps, nothing to download.

    python launch/train.py --config configs/smoke.py
    python launch/train.py --config configs/smoke.py:mine       # supervised by the multi-view records in data/mine
    python launch/train.py --config configs/smoke.py:scratch    # a tiny model from nothing

It begins with the small model that comes with the package. No weights of perceptual networks are at hand, so LPIPS is
left out, and the semantic loss asks a tiny random CLIP: it runs but means nothing.
"""

from ml_collections import ConfigDict

from configs.embedded_data import use_embedded_data
from configs.real3d import get_config as get_real3d_config
from real3d_jax.models.presets import preset
from real3d_jax.weights.boxed import MINI


def get_config(variant: str = "embedded") -> ConfigDict:
    """The configuration; `variant` is 'scratch', a folder of multi-view records below `data/`, or both with a comma."""
    words = [word for word in variant.split(",") if word not in ("", "embedded")]
    scratch, folders = "scratch" in words, [word for word in words if word != "scratch"]
    if len(folders) > 1:
        raise ValueError(f"name one folder of records, not {' and '.join(folders)}")
    config = use_embedded_data(get_real3d_config())
    config.name = "smoke_scratch" if scratch else "smoke"
    config.compute = ConfigDict(
        {
            "dtype": "float32",
            "matmul_precision": "highest",
            "remat": "none",
            "attention": "auto",
            "elementwise": "auto",
            "unroll": 1,
        }
    )
    config.perceptual.clip_random_size = "tiny"
    config.losses.supervised_views = 3
    config.losses.semantic.weight = 0.01
    config.losses.semantic.views = 2
    config.data.workers = 0
    config.data.prefetch = 2
    del config.data.embedded["procedural_b"], config.data.validation["procedural_b"]
    if scratch:
        _tiny_from_nothing(config)
    else:
        _mini(config)
    if folders:
        _use_own_records(config, folders[0])
    return config


def _mini(config: ConfigDict) -> None:
    """A careful start from good weights: a low rate, and no loss that is noise."""
    config.init_from = MINI
    config.model = preset(MINI)
    config.render.resolution = 32
    config.render.samples = 32
    config.render.rays_per_chunk = 1024
    config.losses.supervised.update({"lpips": 0.0, "mask": 1.0})

    config.optimizer.learning_rate = 5e-6
    config.optimizer.warmup_steps = 5
    config.batch = ConfigDict({"synthetic": 1, "real": 1, "micro_batches": 1, "grow": False})
    config.schedule.steps = 15
    config.schedule.log_every = 5
    _at_thirds(config)
    config.schedule.validation_objects = 13
    config.schedule.validation_views = 4
    _named_families(config)


def _named_families(config: ConfigDict) -> None:
    """Objects of the families that the weights know, but other ones than they were trained on."""
    made = {"family": "named", "image_size": 128, "objects": 26, "raw": 0.0}
    views = {**made, "kind": "procedural_views", "path": "smoke/objects", "held_out": 13, "views": 5, "seed": 10}
    single = {**made, "kind": "procedural_single", "path": "smoke/singles", "held_out": 0, "views": 1, "seed": 11}
    cut_out = {**config.data.embedded.photographs.to_dict(), "path": "smoke/photographs", "image_size": 128}
    config.data.embedded = ConfigDict({"objects": views, "singles": single, "photographs": cut_out})
    objects = {**config.data.synthetic.procedural_a.to_dict(), "path": "smoke/objects"}
    config.data.synthetic = ConfigDict({"objects": objects})
    config.data.validation = ConfigDict({"objects": objects})
    real = config.data.real
    singles = {**real.procedural_b.to_dict(), "path": "smoke/singles"}
    photographs = {**real.photographs.to_dict(), "path": "smoke/photographs"}
    config.data.real = ConfigDict({"singles": singles, "photographs": photographs})


def _tiny_from_nothing(config: ConfigDict) -> None:
    config.model = preset("tiny")
    config.render.resolution = 16
    config.render.samples = 16
    config.render.rays_per_chunk = 768
    config.losses.supervised.lpips = 0.02

    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup_steps = 20
    config.batch = ConfigDict({"synthetic": 6, "real": 2, "micro_batches": 1, "grow": False})
    config.schedule.steps = 240
    config.schedule.log_every = 10
    _at_thirds(config)
    config.schedule.validation_objects = 24
    config.schedule.validation_views = 4
    _make_data(config, image_size=48, objects=192, single_views=96, held_out=24)


def _at_thirds(config: ConfigDict) -> None:
    third = config.schedule.steps // 3
    config.schedule.update({"validate_every": third, "pictures_every": third, "checkpoint_every": third})


def _make_data(config: ConfigDict, *, image_size: int, objects: int, single_views: int, held_out: int) -> None:
    for source in config.data.embedded.values():
        source.path += f"_{image_size}"
        source.image_size = image_size
    for group in (config.data.synthetic, config.data.real, config.data.validation):
        for source in group.values():
            source.path += f"_{image_size}"
    config.data.embedded.procedural_a.update({"objects": objects, "held_out": held_out, "views": 5})
    config.data.embedded.procedural_b_single.objects = single_views


def _use_own_records(config: ConfigDict, folder: str) -> None:
    config.name += f"_{folder.replace('/', '_')}"
    (name,) = config.data.synthetic
    del config.data.embedded[name]
    own = {**config.data.synthetic[name].to_dict(), "path": folder}
    config.data.synthetic = ConfigDict({"own": own})
    config.data.validation = ConfigDict({"own": own})
