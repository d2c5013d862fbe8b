"""LRM* of Tables 6 and 7: `configs/lrm.py` with real captures beside the synthetic views, their cameras told.

    python launch/prepare_data.py --dataset mvimgnet --source DIR --out data/mvimgnet_captures --crop mask
    python launch/prepare_data.py --dataset co3d --source DIR --out data/co3d_captures --crop mask
    python launch/train.py --config configs/lrm_real.py          # sizes as of configs/lrm.py

Model, losses, batch and length are those of `configs/lrm.py`. `--crop mask` cuts a square around the object out of each
picture, which moves its principal point; records with '--crop image' will do, too. The world's unit of a capture means
nothing, so each example is scaled until the outline in its source view has one size (`extent`, ours).
"""

from ml_collections import ConfigDict

from configs.lrm import PATCH, posed_source
from configs.lrm import get_config as get_lrm_config

EXTENT = 0.75  # of a box of half-size 1: things are deeper than they are wide, from some sides
CAPTURES = ("mvimgnet_captures", "co3d_captures")


def get_config(size: str = "small") -> ConfigDict:
    """The configuration."""
    config = get_lrm_config(size)
    config.name = config.name.replace("lrm", "lrm_real")
    if size == "tiny":
        made = config.data.embedded.a.to_dict()
        captures = {**made, "kind": "procedural_captures", "family": "b", "seed": 1, "path": "lrm/b_captures"}
        config.data.embedded.b_captures = ConfigDict(captures)
        names = {"b_captures": "lrm/b_captures"}
    else:
        names = {name: name for name in CAPTURES}
    for name, path in names.items():
        config.data.synthetic[name] = posed_source(path, patch=PATCH[size], extent=EXTENT)
        config.data.validation[name] = posed_source(path, patch=PATCH[size], extent=EXTENT)
    return config
