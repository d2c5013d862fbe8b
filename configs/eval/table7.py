"""What the rows of configs/table7.py are scored on: for all of a size the same objects, views and pixels.

    python launch/evaluate.py --config configs/eval/table7.py:lrm_real,tiny --checkpoint runs/table7_tiny/lrm_real
    python launch/evaluate.py --config configs/eval/table7.py:lrm_real,tiny,wild --checkpoint runs/table7_tiny/lrm_real

A row, a size and a test set (mvimgnet, the default, co3d, omniobject3d, wild). At 'tiny' and 'small' procedural objects
play them, as in configs/eval/ablation.py; MVImgNet is played by families that only captures or photographs show.
"""

from ml_collections import ConfigDict

from configs.eval.ablation import get_config as get_ablation_config
from configs.eval.lrm import SETS
from configs.eval.lrm import get_config as get_lrm_config
from configs.table7 import ROWS
from configs.table7 import get_config as get_training_config
from real3d_jax.ablation.rows import SIZES
from real3d_jax.config.files import read_variant
from real3d_jax.config.protocols import DATASETS


def get_config(variant: str = "") -> ConfigDict:
    """The configuration."""
    row, size, test = read_variant(variant, "Table 7", ("real3d", ROWS), ("paper", SIZES), ("", ("", *DATASETS)))
    if size == "paper":
        test = test or "mvimgnet"
        return get_lrm_config(f"base,{test}") if "lrm" in row else SETS[test]()
    config = get_ablation_config(f"{size},{test}" if test else size)
    config.name = f"table7_{size}" if test in ("", "mvimgnet") else f"table7_{size}_{test}"
    training = get_training_config(f"{row},{size}")
    config.model, config.compute, config.render = training.model, training.compute, training.render
    return config
