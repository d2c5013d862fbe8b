"""Real3D self-trained on MVImgNet alone, one picture of each object: the paper's variant in Table 7 (Appendix C).

    python launch/prepare_data.py --dataset mvimgnet --single_view --source DIR --out data/mvimgnet_single
    python launch/train.py --config configs/real3d_mvimgnet.py

Everything but the real images is as in `configs/real3d.py`: the paper gives no other numbers. The released code has a
run of this kind with its own numbers, those of `configs/real3d_released.py` for a shorter time, and a random picture of
each object every time:

    python launch/prepare_data.py --dataset mvimgnet --single_view --every_picture \\
        --source DIR --out data/mvimgnet_pictures
    python launch/train.py --config configs/real3d_mvimgnet.py:released
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_paper_config
from configs.real3d_released import get_config as get_released_config


def get_config(numbers: str = "paper") -> ConfigDict:
    """The configuration; `numbers` is 'paper' or 'released'."""
    if numbers not in ("paper", "released"):
        raise ValueError(f"the part after the colon must be 'paper' or 'released', not '{numbers}'")
    config = get_paper_config()
    config.name = "real3d_mvimgnet"
    if numbers == "released":
        config = get_released_config()
        config.name = "real3d_mvimgnet_released"
        config.schedule.steps = 4000  # 40,000 micro-iterations
    config.data.real = ConfigDict({"mvimgnet_single": config.data.real.mvimgnet_single})
    return config
