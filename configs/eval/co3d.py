"""Real3D's Table 3: 100 sequences of CO3D, with known novel views. Variants as in configs/eval/mvimgnet.py.

python launch/evaluate.py --config configs/eval/co3d.py --checkpoint runs/real3d
"""

from ml_collections import ConfigDict

from configs.eval.mvimgnet import get_config as get_mvimgnet_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    config = get_mvimgnet_config(variant, dataset="co3d")
    config.table = 3
    config.scored.semantic = False
    config.scored.consistency = False
    return config
