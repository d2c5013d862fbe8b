"""The whole of Real3D's training in minutes on two CPU cores: every loss on, tiny sizes, nothing to download.

    python launch/train.py --config configs/smoke.py
    python launch/train.py --config configs/smoke.py:mine       # supervised by the multi-view records in data/mine

The perceptual networks have random weights, so their losses run but mean nothing.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from configs.real3d import set_length, use_embedded_data
from real3d_jax.models.presets import preset


def get_config(data: str = "embedded") -> ConfigDict:
    """The configuration; `data` is 'embedded', or a folder of multi-view records below `data/`."""
    config = get_real3d_config()
    config.model = preset("tiny")
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
    config.render.resolution = 16
    config.render.samples = 16
    config.render.rays_per_chunk = 768

    config.perceptual.clip_random_size = "tiny"
    config.losses.supervised_views = 3
    config.losses.supervised.lpips = 0.02
    config.losses.semantic.weight = 0.01
    config.losses.semantic.views = 2

    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup_steps = 20
    config.batch = ConfigDict({"synthetic": 6, "real": 2, "micro_batches": 1})

    set_length(config, 240)
    config.schedule.log_every = 10
    config.schedule.validate_every = 80
    config.schedule.validation_objects = 24
    config.schedule.validation_views = 4
    config.schedule.pictures_every = 80
    config.schedule.checkpoint_every = 80

    config = use_embedded_data(config)
    config.name = "smoke"
    config.data.workers = 0
    config.data.prefetch = 2
    for source in config.data.embedded.values():
        source.path += "_48"
        source.image_size = 48
    for group in (config.data.synthetic, config.data.real, config.data.validation):
        for source in group.values():
            source.path += "_48"
    config.data.embedded.procedural_a.update({"objects": 192, "held_out": 24, "views": 5})
    config.data.embedded.procedural_b_single.objects = 96
    del config.data.embedded["procedural_b"], config.data.validation["procedural_b"]
    if data != "embedded":
        config.name = f"smoke_{data.replace('/', '_')}"
        del config.data.embedded["procedural_a"]
        own = {**config.data.synthetic.procedural_a.to_dict(), "path": data}
        config.data.synthetic = ConfigDict({"own": own})
        config.data.validation = ConfigDict({"own": own})
    return config
