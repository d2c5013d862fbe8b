"""Stage 0: TripoSR fine-tuned on synthetic views of constant camera distance, which settles its scale (Appendix A).

    python launch/convert_weights.py --input model.ckpt --output weights/triposr
    python launch/train.py --config configs/finetune_tsr.py

The result is where `configs/real3d.py` starts. The released code's stage 0, where `configs/real3d_released.py` starts:

    python launch/train.py --config configs/finetune_tsr.py:released
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config
from configs.real3d_released import SUPERVISED as RELEASED_LOSS
from real3d_jax.config.files import read_variant


def get_config(numbers: str = "paper") -> ConfigDict:
    """The configuration; `numbers` is 'paper' or 'released'."""
    (numbers,) = read_variant(numbers, "Stage 0", ("paper", ("paper", "released")))
    config = get_real3d_config()
    config.name = "finetune_tsr"
    config.init_from = "weights/triposr"

    config.optimizer.learning_rate = 4e-5  # Appendix A
    config.optimizer.warmup_steps = 3000  # Appendix A
    config.schedule.steps = 40_000  # Appendix A
    config.batch = ConfigDict({"synthetic": 80, "real": 0, "micro_batches": 0, "grow": False})
    config.data.real = ConfigDict()
    if numbers == "released":
        config.name = "finetune_tsr_released"
        config.losses.supervised = ConfigDict(RELEASED_LOSS)
        config.optimizer.learning_rate = 4e-4
        config.optimizer.warmup_steps = 100  # 1,000 micro-iterations
        config.schedule.steps = 10_000  # 100,000 micro-iterations
        config.data.target_antialias = False
    return config
