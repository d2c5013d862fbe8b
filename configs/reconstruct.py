"""What launch/reconstruct.py makes of a photograph.

    python launch/reconstruct.py --checkpoint runs/real3d --input chair.png --out out

After a colon stands the preset of converted weights ('base', which is the default, 'small' or 'tiny'; a training run
brings its own model), 'triposr' for TripoSR's weights as published, or 'smoke' for the smoke run's model on a CPU.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from configs.smoke import get_config as get_smoke_config
from real3d_jax.models.presets import preset


def get_config(variant: str = "base") -> ConfigDict:
    """The configuration."""
    smoke = variant == "smoke"
    training = get_smoke_config() if smoke else get_real3d_config()
    config = ConfigDict()
    config.model = preset({"smoke": "tiny", "triposr": "base"}.get(variant, variant))
    config.compute = training.compute
    config.render = training.render

    config.input = ConfigDict()
    config.input.mask_threshold = 225  # as for photographs of the training
    config.input.crop_ratio = 1.6  # Appendix A

    config.orbit = ConfigDict()
    config.orbit.frames = 60
    config.orbit.elevation = 0.0
    config.orbit.distance = 3.0  # Appendix A: of photographs
    config.orbit.fov_y = 39.6
    config.orbit.resolution = 256
    config.orbit.frames_per_second = 20.0
    config.orbit.frames_at_once = 4

    config.surface = ConfigDict()
    config.surface.format = "glb"
    config.surface.resolution = 256
    config.surface.threshold = 25.0
    if variant == "triposr":
        config.input.crop_ratio = 1 / 0.85  # the share of the picture that its own program gives the object
        config.orbit.update({"distance": 1.9, "fov_y": 40.0})  # its training cameras
    if smoke:
        config.render.samples = 64
        config.orbit.update({"frames": 24, "distance": 2.4, "resolution": 96, "frames_per_second": 12.0})
        config.surface.update({"resolution": 64, "threshold": 8.0})  # its objects are more like fog
    return config
