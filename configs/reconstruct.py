"""What launch/reconstruct.py makes of a photograph.

    python launch/reconstruct.py --input docs/images/cup.png --out out
    python launch/reconstruct.py --config configs/reconstruct.py:base --checkpoint runs/real3d --input a.png --out out

After a colon stands 'mini' for the model that comes with the package, which is the default; 'triposr' for TripoSR's
weights as published, 'openlrm_small', 'openlrm_base' or 'openlrm_large' for OpenLRM's; the preset of other weights
converted from foreign files ('base', 'small' or 'tiny'; training runs bring their own model); or 'smoke' for fewer and
smaller views of the model that the smoke run has trained.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from real3d_jax.models.presets import CONDITIONED_PRESETS, preset


def get_config(variant: str = "mini") -> ConfigDict:
    """The configuration."""
    training = get_real3d_config()
    config = ConfigDict()
    config.model = preset({"smoke": "mini", "triposr": "base"}.get(variant, variant))
    config.compute = training.compute
    config.render = training.render

    config.input = ConfigDict()
    config.input.mask_threshold = 225  # as for photographs of the training
    config.input.crop_ratio = 1.6  # Appendix A
    config.input.intrinsics = "training"
    config.input.background = 0.5
    config.input.elevation = "0"

    config.orbit = ConfigDict()
    config.orbit.frames = 60
    config.orbit.elevation = 0.0
    config.orbit.distance = 3.0  # that training takes for photographs; the released code's
    config.orbit.fov_y = 39.6
    config.orbit.resolution = 256
    config.orbit.format = "gif"
    config.orbit.maps = ""
    config.orbit.frames_per_second = 20.0
    config.orbit.frames_at_once = 4
    config.orbit.least_density = 0.0

    config.surface = ConfigDict()
    config.surface.format = "glb"
    config.surface.resolution = 256
    config.surface.threshold = 25.0
    config.surface.skip_empty = False
    config.surface.least_share = 0.01
    config.surface.smoothing = 0
    config.surface.faces = 0
    config.surface.texture = 0
    config.surface.textured_faces = 10_000
    config.surface.axes = "z_up"

    config.sheet = ConfigDict({"photographs": 48, "views": 4, "pixels": 96, "columns": 3})

    config.refine = ConfigDict()
    config.refine.steps = 0
    config.refine.steps_of_views = 50
    config.refine.learning_rate = 0.01
    config.refine.hold = 0.1
    config.refine.rays = 512
    config.refine.resolution = 64
    config.refine.seed = 0
    config.refine.distance = config.orbit.distance
    config.refine.fov_y = config.orbit.fov_y
    if variant == "triposr":
        config.input.crop_ratio = 1 / 0.85  # the share of the picture that its own program gives the object
        config.orbit.update({"distance": 1.9, "fov_y": 40.0})  # its training cameras
        config.refine.update({"distance": 1.9, "fov_y": 40.0})
    if variant in CONDITIONED_PRESETS:
        _fit_openlrm(config, samples=64 if variant == "openlrm_large" else 48)
    if variant in ("mini", "smoke"):
        _fit_mini(config)
    if variant == "smoke":
        config.render.samples = 32
        config.orbit.update({"frames": 12, "resolution": 96, "frames_per_second": 8.0})
        config.surface.resolution = 64
    return config


def _fit_openlrm(config: ConfigDict, samples: int) -> None:
    """OpenLRM's renderer and cameras: metric lengths, a box of half-size 1, the object on white."""
    config.render = ConfigDict(
        {
            "resolution": 128,
            "samples": samples,
            "radius": 1.0,
            "density_bias": -1.0,
            "background": 1.0,
            "rays_per_chunk": 8192,
            "implementation": "auto",
        }
    )
    config.input.update({"crop_ratio": 1.25, "background": 1.0})
    config.orbit.update({"distance": 2.0, "fov_y": 67.38, "elevation": 23.58})
    config.surface.update({"resolution": 384, "threshold": 3.0})


def _fit_mini(config: ConfigDict) -> None:
    """Seconds on a CPU, with the camera and the share of the picture that its training objects have."""
    config.compute.update({"dtype": "float32", "matmul_precision": "highest", "remat": "none", "unroll": 1})
    config.render.samples = 48
    config.input.crop_ratio = 1.35
    config.input.elevation = "estimate"
    config.orbit.update({"frames": 16, "elevation": 0.0, "distance": 2.4, "resolution": 128, "frames_per_second": 8.0})
    config.orbit.least_density = 0.05
    config.surface.update({"resolution": 128, "threshold": 10.0})
    config.refine.distance = 2.4
