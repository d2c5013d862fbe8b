"""What launch/reconstruct.py makes of a photograph.

    python launch/reconstruct.py --input docs/images/cup.png --out out
    python launch/reconstruct.py --config configs/reconstruct.py:base --checkpoint runs/real3d --input a.png --out out

After a colon stands 'mini' for the model that comes with the package, which is the default; 'triposr' for TripoSR's
weights as published; the preset of other weights converted from foreign files ('base', 'small' or 'tiny'; training runs
bring their own model); or 'smoke' for fewer and smaller views of the model that the smoke run has trained.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from real3d_jax.models.presets import preset


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

    config.orbit = ConfigDict()
    config.orbit.frames = 60
    config.orbit.elevation = 0.0
    config.orbit.distance = 3.0  # that training takes for photographs; the released code's
    config.orbit.fov_y = 39.6
    config.orbit.resolution = 256
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
    if variant == "triposr":
        config.input.crop_ratio = 1 / 0.85  # the share of the picture that its own program gives the object
        config.orbit.update({"distance": 1.9, "fov_y": 40.0})  # its training cameras
    if variant in ("mini", "smoke"):
        _fit_mini(config)
    if variant == "smoke":
        config.render.samples = 32
        config.orbit.update({"frames": 12, "resolution": 96, "frames_per_second": 8.0})
        config.surface.resolution = 64
    return config


def _fit_mini(config: ConfigDict) -> None:
    """Seconds on a CPU, with the camera and the share of the picture that its training objects have."""
    config.compute.update({"dtype": "float32", "matmul_precision": "highest", "remat": "none", "unroll": 1})
    config.render.samples = 48
    config.input.crop_ratio = 1.2
    config.orbit.update({"frames": 16, "elevation": 0.0, "distance": 2.4, "resolution": 128, "frames_per_second": 8.0})
    config.orbit.least_density = 0.05
    config.surface.update({"resolution": 128, "threshold": 10.0})
