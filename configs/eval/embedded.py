"""Objects that the package makes itself, with known novel views: held-out ones of `configs/real3d.py:embedded`.

    python launch/evaluate.py --config configs/eval/embedded.py --checkpoint runs/real3d_embedded

The variant 'b' scores the other family, which stands for the photographs; others as in configs/eval/mvimgnet.py.
"""

from ml_collections import ConfigDict

from configs.eval.mvimgnet import get_config as get_mvimgnet_config
from configs.real3d import get_config as get_real3d_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    words = variant.split(",")
    family = "b" if "b" in words else "a"
    config = get_mvimgnet_config(",".join(word for word in words if word not in ("a", "b")))
    config.name = f"procedural_{family}_{config.protocol.name}"
    config.data.path = f"procedural_{family}"
    source = get_real3d_config("embedded").data.embedded[config.data.path]
    config.data.embedded = ConfigDict({config.data.path: source})
    # Renders are centred, show the whole object, and bring their cameras along.
    config.protocol.input_view.update({"choice": "first", "crop_ratio": 0.0, "distance": 2.4, "fov_y": 0.0})
    config.protocol.semantic.distance = 2.4
    return config
