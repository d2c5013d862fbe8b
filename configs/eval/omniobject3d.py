"""Real3D's Table 4: scanned objects of OmniObject3D, rendered. Variants as in configs/eval/mvimgnet.py.

    python launch/evaluate.py --config configs/eval/omniobject3d.py --checkpoint runs/real3d

With the true meshes at hand, `--config.geometry.meshes=FOLDER` adds Chamfer distances; launch/lay_scans.py makes the
folder of the data set's raw scans.
"""

from ml_collections import ConfigDict

from configs.eval.mvimgnet import get_config as get_mvimgnet_config


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    config = get_mvimgnet_config(variant, dataset="omniobject3d")
    config.table = 4
    config.scored.semantic = False
    config.scored.consistency = False
    return config
