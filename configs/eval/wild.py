"""Real3D's Table 2: photographs in the wild, without other views. Variants as in configs/eval/mvimgnet.py.

python launch/evaluate.py --config configs/eval/wild.py --checkpoint runs/real3d
"""

from ml_collections import ConfigDict

from configs.eval.mvimgnet import get_config as get_mvimgnet_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    config = get_mvimgnet_config(variant, dataset="wild")
    config.table = 2
    config.data.path = "wild_images"
    config.scored.novel_views = False
    return config
