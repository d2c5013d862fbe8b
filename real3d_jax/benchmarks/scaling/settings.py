"""The configuration of a row, and the data that it reads."""

import dataclasses
from pathlib import Path

from real3d_jax.benchmarks.scaling.plan import Row, Times
from real3d_jax.benchmarks.step_programs import shrunken
from real3d_jax.config import files as config_files
from real3d_jax.config.data import DataConfig
from real3d_jax.config.training import BatchConfig, Config, MeshConfig


@dataclasses.dataclass(frozen=True)
class Size:
    """What a suite of this size measures.

    Attributes:
      config: whose step.
      examples: of each kind in a step of strong scaling.
      part: of each kind computed on a device at a time, the same in all rows.
      sets: data sets that the embedded data of either domain are made as, side by side.
      objects: of each of them.
      views: of each object of the synthetic domain.
      image_size: of their pictures, pixels per side.
      workers: processes that read examples.
      paper_steps: of the run whose hours are told.
      times: for the plan, and when rows are given up.
    """

    config: str
    examples: int
    part: int
    sets: int
    objects: int
    views: int
    image_size: int
    workers: int
    paper_steps: int
    times: Times


# Seen on four H100s of a machine with 64 processors: all rows compiled in 60 to 79 s, 5 s of importing, 12 of tracing,
# and 12 from there to a state, without the first examples.
_FULL = Times(
    rate=6.5, compiling=80.0, starting=38.0, extra=8.0, out_of_memory=15.0,
    silent={"compiling": 300.0, "importing": 90.0, "starting": 120.0, "measuring": 60.0},
)  # fmt: skip
_TINY = Times(
    rate=20.0, compiling=60.0, starting=30.0, extra=8.0, out_of_memory=15.0,
    silent=dict.fromkeys(("compiling", "importing", "starting", "measuring"), 600.0),
)  # fmt: skip
SIZES = {
    "full": Size("real3d:embedded", 40, 5, 12, 2, 6, 512, 8, 40_000, _FULL),
    "tiny": Size("real3d:embedded", 8, 1, 1, 6, 6, 48, 0, 40_000, _TINY),
}


def make_config(row: Row, size: str, data: Path) -> Config:
    """The run of a row: the step is that of the config; scoring, pictures and saves by the clock are off."""
    sizes = SIZES[size]
    config = config_files.load(sizes.config)
    if size == "tiny":
        config = _tiny(config)
    return dataclasses.replace(
        config,
        batch=BatchConfig(row.examples, row.examples, micro_batches=max(row.each // sizes.part, 1)),
        mesh=MeshConfig(fsdp=row.count if row.sharded else 1),
        data=make_data_config(config.data, sizes, data),
        schedule=dataclasses.replace(
            config.schedule, validate_every=0, validation_objects=0, pictures_every=0, checkpoint_every=0,
            checkpoint_minutes=0.0, stop_if_unsaved=True,
        ),
    )  # fmt: skip


def make_data_config(config: DataConfig, sizes: Size, root: Path) -> DataConfig:
    """The embedded data of both domains in several sets, each of which one process makes, and fewer objects."""
    embedded = {"photographs": dataclasses.replace(config.embedded["photographs"], image_size=sizes.image_size)}
    synthetic, real = {}, {"photographs": config.real["photographs"]}
    for number in range(sizes.sets):
        a, b = f"procedural_a_{number}", f"procedural_b_{number}"
        made = {"objects": sizes.objects, "held_out": 0, "image_size": sizes.image_size}
        embedded[a] = dataclasses.replace(
            config.embedded["procedural_a"], path=a, seed=1000 + number, views=sizes.views, **made
        )
        embedded[b] = dataclasses.replace(config.embedded["procedural_b_single"], path=b, seed=2000 + number, **made)
        synthetic[a] = dataclasses.replace(config.synthetic["procedural_a"], path=a)
        real[b] = dataclasses.replace(config.real["procedural_b"], path=b, weight=0.9 / sizes.sets)
    return dataclasses.replace(
        config,
        root=str(root),
        embedded=embedded,
        synthetic=synthetic,
        real=real,
        validation={},
        workers=sizes.workers,
    )


def _tiny(config: Config) -> Config:
    """A twin that compiles in seconds: the smallest model, and no networks that judge."""
    config = shrunken(config, "tiny")
    losses = config.losses
    return dataclasses.replace(
        config,
        compute=dataclasses.replace(config.compute, dtype="float32", matmul_precision="highest", unroll=1),
        losses=dataclasses.replace(
            losses,
            supervised=dataclasses.replace(losses.supervised, lpips=0.0),
            semantic=dataclasses.replace(losses.semantic, weight=0.0),
        ),
    )
