"""The whole of Real3D's training in minutes on two CPU cores: every loss on, tiny sizes, nothing to download.

    python launch/train.py --config configs/smoke.py

The perceptual networks have random weights, so their losses run but mean nothing.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from configs.real3d import use_embedded_data
from real3d_jax.models.presets import preset


def get_config() -> ConfigDict:
    """The configuration."""
    config = get_real3d_config()
    config.model = preset("tiny")
    config.compute = ConfigDict({"dtype": "float32", "matmul_precision": "highest", "remat": "none"})
    config.render.resolution = 24
    config.render.samples = 24
    config.render.rays_per_chunk = 2304

    config.perceptual.clip_random_size = "tiny"
    config.losses.cycle.curriculum.steps = 400
    config.losses.semantic.weight = 0.01
    config.losses.semantic.views = 2
    config.losses.supervised.lpips = 0.05

    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup_steps = 20
    config.batch = ConfigDict({"synthetic": 8, "real": 4, "micro_batches": 1})

    config.schedule.steps = 400
    config.schedule.log_every = 10
    config.schedule.validate_every = 200
    config.schedule.validation_objects = 32
    config.schedule.validation_views = 3
    config.schedule.pictures_every = 100
    config.schedule.checkpoint_every = 200

    config = use_embedded_data(config)
    config.name = "smoke"
    config.data.workers = 0
    config.data.prefetch = 2
    for source in config.data.embedded.values():
        source.path += "_64"
        source.image_size = 64
    for group in (config.data.synthetic, config.data.real, config.data.validation):
        for source in group.values():
            source.path += "_64"
    config.data.embedded.procedural_a.objects = 256
    config.data.embedded.procedural_a.views = 8
    config.data.embedded.procedural_b.views = 8
    config.data.embedded.procedural_b_single.objects = 256
    config.data.validation = ConfigDict({"procedural_a": config.data.validation.procedural_a.to_dict()})
    return config
