"""What takes the place of data sets and pretrained weights in `configs/real3d.py:embedded`; no config of its own.

The package makes these data itself, on the first run. Procedural family A is the synthetic domain; single views of
family B, and a few photographs, are the real one.
"""

from ml_collections import ConfigDict


def use_embedded_data(config: ConfigDict) -> ConfigDict:
    """Changes a config so that it needs nothing that has to be downloaded."""
    config.name += "_embedded"
    config.init_from = ""
    config.perceptual.clip = "random"
    config.perceptual.vgg = "random"
    made = {
        "kind": "procedural_views",
        "objects": 512,
        "held_out": 32,
        "views": 12,
        "image_size": 512,
        "seed": 0,
        "raw": 0.0,
    }
    config.data.embedded = ConfigDict(
        {
            "procedural_a": {**made, "path": "procedural_a", "family": "a"},
            "procedural_b": {
                **made,
                "path": "procedural_b",
                "family": "b",
                "objects": 0,
                "held_out": 32,
                "seed": 1,
            },
            "procedural_b_single": {
                **made,
                "path": "procedural_b_single",
                "kind": "procedural_single",
                "family": "b",
                "held_out": 0,
                "views": 1,
                "seed": 1,
            },
            "photographs": {
                **made,
                "path": "photographs",
                "kind": "photographs",
                "family": "",
                "objects": 0,
                "held_out": 0,
                "views": 1,
            },
        }
    )
    multiview = {"weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False}
    photograph = {"weight": 0.0, "distance": 2.4, "fov_y": 39.6, "crop_ratio": (1.45, 1.7), "fraction": 1.0}
    config.data.synthetic = ConfigDict({"procedural_a": {**multiview, "path": "procedural_a"}})
    config.data.real = ConfigDict(
        {
            "procedural_b": {**photograph, "path": "procedural_b_single", "weight": 0.9},
            "photographs": {**photograph, "path": "photographs", "weight": 0.1, "distance": 3.0},
        }
    )
    config.data.validation = ConfigDict(
        {
            "procedural_a": {**multiview, "path": "procedural_a"},
            "procedural_b": {**multiview, "path": "procedural_b"},
        }
    )
    return config
