"""Stage 0: TripoSR fine-tuned on synthetic views of constant camera distance, which settles its scale (Appendix A).

    python launch/convert_weights.py --input model.ckpt --output weights/triposr
    python launch/train.py --config configs/finetune_tsr.py

The result is where `configs/real3d.py` starts.
"""

from ml_collections import ConfigDict

from configs.real3d import get_config as get_real3d_config


def get_config() -> ConfigDict:
    """The configuration."""
    config = get_real3d_config()
    config.name = "finetune_tsr"
    config.init_from = "weights/triposr"

    config.optimizer.learning_rate = 4e-5  # Appendix A; the released code has 4e-4
    config.optimizer.warmup_steps = 3000  # Appendix A; the released code has 100
    config.schedule.steps = 40_000  # Appendix A
    config.batch = ConfigDict({"synthetic": 80, "real": 0, "micro_batches": 0})

    # Both renderings of Objaverse, each with its own field of view in its records.
    config.data.synthetic.zero123 = ConfigDict(
        {"path": "zero123", "weight": 0.0, "distance": 2.4, "input_views": 0, "replacement": False}
    )
    config.data.real = ConfigDict()
    return config
