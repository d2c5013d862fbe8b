"""What the rows of configs/table7.py are scored on: for all of a size the same objects, views and pixels.

    python launch/evaluate.py --config configs/eval/table7.py:lrm_real,tiny --checkpoint runs/table7_tiny/lrm_real

'tiny' and 'small' score the ablation's objects, of families that only captures or photographs show; without one of them
it is MVImgNet (for CO3D and OmniObject3D score the runs with configs/eval/lrm.py and those of the other model).
"""

from ml_collections import ConfigDict

from configs.eval.ablation import get_config as get_ablation_config
from configs.eval.lrm import get_config as get_lrm_config
from configs.eval.mvimgnet import get_config as get_mvimgnet_config
from configs.table7 import ROWS
from configs.table7 import get_config as get_training_config
from real3d_jax.ablation.rows import SIZES
from real3d_jax.config.files import read_variant


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    row, size = read_variant(variant, "Table 7", ("real3d", ROWS), ("paper", SIZES))
    if size == "paper":
        return get_lrm_config("base") if "lrm" in row else get_mvimgnet_config()
    config = get_ablation_config(size)
    config.name = f"table7_{size}"
    training = get_training_config(f"{row},{size}")
    config.model, config.compute, config.render = training.model, training.compute, training.render
    return config
