"""The camera-conditioned LRM on synthetic views, in OpenLRM's released manner: the paper's LRM of Tables 6 and 7.

    python launch/train.py --config configs/lrm.py               # openlrm_small on the paper's renders of Objaverse
    python launch/train.py --config configs/lrm.py:base          # or large
    python launch/train.py --config configs/lrm.py:tiny          # a CPU, on data that are made on the way

Each example is a source and three other views; targets are patches of pictures of any size, over black, grey or
white. The model is told where the source's camera stands and what its intrinsics are. Numbers are those of the
published sample config where it has them; it leaves batch and length to be replaced. `configs/lrm_real.py` adds real
captures.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from real3d_jax.config.files import read_variant
from real3d_jax.models.presets import preset

SIZES = ("small", "base", "large", "tiny")
PATCH = {"small": 64, "base": 96, "large": 128, "tiny": 16}  # pixels per side of a training render
SAMPLES = {"small": 48, "base": 48, "large": 64, "tiny": 12}  # and as many again at the second pass
GREYS = (0.0, 0.5, 1.0)


def get_config(size: str = "small") -> ConfigDict:
    """The configuration."""
    (size,) = read_variant(size, "configs/lrm.py", ("small", SIZES))
    config = get_real3d_config()
    config.name = "lrm" if size == "small" else f"lrm_{size}"
    config.init_from = ""
    config.position_start = "random"
    tiny = size == "tiny"
    config.model = preset("lrm_tiny" if tiny else f"openlrm_{size}")
    use_metric_render(config, resolution=PATCH[size], samples=SAMPLES[size])
    leave_out_self_training(config)
    config.losses.supervised_views = 4  # the source and three others
    config.losses.supervised = ConfigDict({"mse": 1.0, "lpips": 1.0, "mask": 0.0, "total_variation": 5e-4})

    config.optimizer.learning_rate = 4e-4
    config.optimizer.warmup_steps = 3000
    config.optimizer.b2 = 0.95
    config.optimizer.eps = 1e-8
    config.batch = ConfigDict({"synthetic": 128, "real": 0, "micro_batches": 0, "grow": False})
    config.schedule.steps = 120_000  # 60 epochs of the paper's Objaverse

    # Renders of Objaverse have objects of half-size 0.5, and the box here is of half-size 1.
    config.data.synthetic = ConfigDict(
        {
            "gobjaverse": posed_source("gobjaverse", patch=PATCH[size], scale=2.0, input_views=25),
            "zero123": posed_source("zero123", patch=PATCH[size], scale=2.0),
        }
    )
    config.data.validation = ConfigDict({"gobjaverse": config.data.synthetic.gobjaverse.copy_and_resolve_references()})
    return _tiny(config) if tiny else config


def posed_source(path: str, *, patch: int, scale: float = 0.0, extent: float = 0.0, input_views: int = 0) -> ConfigDict:
    """A data set whose cameras are told; targets are patches of pictures from as large as a patch to three times."""
    return ConfigDict(
        {
            "path": path,
            "weight": 0.0,
            "scale": scale,
            "extent": extent,
            "input_views": input_views,
            "replacement": False,
            "target_sizes": (patch, 3 * patch),
            "backgrounds": GREYS,
        }
    )


def use_metric_render(config: ConfigDict, *, resolution: int, samples: int, radius: float = 1.0) -> None:
    """OpenLRM's renderer."""
    config.render = ConfigDict(
        {
            "resolution": resolution,
            "samples": samples,
            "radius": radius,
            "density_bias": -1.0,
            "background": 1.0,
            "rays_per_chunk": 4096,
            "implementation": "auto",
        }
    )


def leave_out_self_training(config: ConfigDict) -> None:
    """No photographs, and no loss on them."""
    config.losses.input_view.update({"mse": 0.0, "lpips": 0.0, "mask": 0.0})
    config.losses.cycle.weights.update({"mse": 0.0, "lpips": 0.0, "mask": 0.0})
    config.losses.semantic.weight = 0.0
    config.data.real = ConfigDict()


def _tiny(config: ConfigDict) -> ConfigDict:
    """Minutes on two cores; without ImageNet's weights LPIPS means nothing and is left out."""
    config.perceptual.update({"clip": "random", "clip_random_size": "tiny", "vgg": "random"})
    config.position_start = "aligned"  # ours
    config.losses.supervised.update({"lpips": 0.0, "mask": 1.0})
    config.compute.update({"dtype": "float32", "matmul_precision": "highest", "remat": "none", "unroll": 1})
    config.optimizer.update({"learning_rate": 2e-3, "warmup_steps": 20})
    config.batch.update({"synthetic": 4, "micro_batches": 1})
    config.schedule.update({"steps": 200, "validate_every": 100, "validation_objects": 16, "pictures_every": 100})
    made = {"family": "a", "image_size": 48, "raw": 0.0, "seed": 0}
    views = {**made, "kind": "procedural_views", "objects": 96, "held_out": 16, "views": 6}
    config.data.embedded = ConfigDict({"a": {**views, "path": "lrm/a"}})
    config.data.synthetic = ConfigDict({"a": posed_source("lrm/a", patch=PATCH["tiny"], scale=2.0)})
    config.data.validation = config.data.synthetic.copy_and_resolve_references()
    config.data.workers = 0
    return config
