"""From which number of photographs on adapting the model in the box helps: what `docs/adapt.md` shows.

    python -m real3d_jax.ablation.adapting                       # draws, curates, trains, scores; minutes on a GPU
    python -m real3d_jax.ablation.adapting --config configs/adapting.py:rehearsal --out runs/rehearsal      # CPU

The photographs show wheelbarrows, a family that the model was never trained on, drawn before backdrops. Each run is
`configs/adapt.py:mini` on so many of them; other wheelbarrows are scored by `configs/eval/adapting.py`.
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
    """The configuration; `variant` is 'rehearsal', for a CPU, or nothing."""
    if variant not in ("", "rehearsal"):
        raise ValueError(f"the part after the colon must be 'rehearsal', not '{variant}'")
    config = ConfigDict()
    config.name = "adapting"
    config.init_from = "mini"
    config.photographs = ConfigDict(
        {
            "family": "wheelbarrow",
            "count": 1200,
            "seed": 21,
            "drawn": 160,
            "width": 240,
            "height": 180,
            "cut": 0.1,
        }
    )
    config.curation = ConfigDict({"min_side": 50, "border": 4, "image_size": 128})
    config.numbers = (0, 16, 64, 256, 1000)
    config.seeds = (0,)
    config.training = "configs/adapt.py:mini"
    config.changes = (
        "--config.schedule.validate_every=0",
        "--config.schedule.validation_objects=65",
        "--config.schedule.pictures_every=0",
        "--config.schedule.checkpoint_every=0",
    )
    config.evaluation = "configs/eval/adapting.py"
    config.shown = 4
    config.bootstrap = ConfigDict({"level": 0.95, "resamples": 10_000})
    if variant == "rehearsal":
        config.name = "adapting_rehearsal"
        config.photographs.update({"count": 8, "cut": 0.25})
        config.numbers = (0, 4)
        config.training = "configs/adapt.py:smoke"
        config.changes += (
            "--config.schedule.steps=2",
            "--config.optimizer.warmup_steps=1",
            "--config.schedule.validation_objects=1",
        )
        config.evaluation += ":rehearsal"
        config.shown = 1
        config.bootstrap.resamples = 200
    return config
