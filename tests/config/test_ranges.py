"""Numbers that a run could be begun with and would be wrong, refused by name."""

import dataclasses
import math
from pathlib import Path

import pytest

from real3d_jax.config import files, ranges
from real3d_jax.config.adapting import AdaptingConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.paper_tables import PaperTablesConfig
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def test_every_range_is_of_a_field():
    for schema, allowed in ranges._RANGES.items():
        assert allowed.keys() <= {field.name for field in dataclasses.fields(schema)}, schema


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optimizer.learning_rate=-1e-4", "config.optimizer.learning_rate is -0.0001: set it above 0"),
        ("optimizer.learning_rate=0", "config.optimizer.learning_rate is 0: set it above 0"),
        ("optimizer.learning_rate=1e999", "config.optimizer.learning_rate must be a finite number, but is inf"),
        ("optimizer.learning_rate=nan", "config.optimizer.learning_rate must be of type float, but is 'nan'"),
        ("optimizer.weight_decay=-0.1", "weight_decay is -0.1: set it to 0 or more"),
        ("optimizer.b2=1.0", "b2 is 1: set it to 0 or more, and below 1"),
        ("optimizer.clip_norm=0.0", "clip_norm is 0: set it above 0"),
        ("optimizer.ema_decay=1.5", "ema_decay is 1.5"),
        ("optimizer.warmup_steps=-1", "warmup_steps is -1"),
        ("schedule.steps=0", "config.schedule.steps is 0: set it to 1 or more"),
        ("schedule.steps=-5", "config.schedule.steps is -5"),
        ("schedule.keep=0", "keep is 0"),
        ("batch.real=-1", "config.batch.real is -1"),
        ("mesh.fsdp=0", "fsdp is 0: set it to 1 or more"),
        ("losses.input_view.mse=-1.0", "config.losses.input_view.mse is -1: set it to 0 or more"),
        ("losses.semantic.weight=-0.5", "weight is -0.5"),
        ("losses.semantic.law=normal", "law is 'normal': set it to one of 'uniform', 'released'"),
        ("losses.cycle.curriculum.azimuth_end=270.0", "azimuth_end is 270: set it between 0 and 180 degrees"),
        ("data.real.embedded.fov_y=0.0", "config.data.real.embedded.fov_y is 0: set it between 0 and 180"),
        ("data.real.embedded.crop_ratio=(1.7,1.4)", "crop_ratio is .*the smaller one first"),
        ("data.real.embedded.fraction=0.0", "fraction is 0: set it above 0, and at most to 1"),
        ("data.synthetic.embedded.weight=-1.0", "weight is -1"),
        ("data.workers=-1", "config.data.workers is -1"),
        ("render.samples=0", "samples is 0: set it to 1 or more"),
        ("render.background=2.0", "background is 2: set it between 0 and 1"),
        ("compute.dtype=float16", "dtype is 'float16': set it to one of 'bfloat16', 'float32'"),
        ("seed=-1", "config.seed is -1: set it from 0 to 4294967295"),
        ("seed=4294967296", "config.seed is 4294967296: set it from 0 to"),
        ("data.max_quarantined=-1", "max_quarantined is -1: set it to 0 or more"),
        ("schedule.checkpoint_minutes=-1", "checkpoint_minutes is -1"),
        ("model.heads=5", "token_width is .*, which 5 heads cannot share"),
    ],
)
def test_training(change, said):
    source = f"{CONFIGS / 'real3d.py'}:embedded"
    config = files.load(source)
    for kind in ("real", "synthetic"):
        change = change.replace(f"{kind}.embedded", f"{kind}.{next(iter(getattr(config.data, kind)))}")
    said = said.replace("data.real.embedded", f"data.real.{next(iter(config.data.real))}")
    with pytest.raises(UserError, match=said):
        files.load(source, [f"--config.{change}"])


def test_a_batch_of_nothing():
    with pytest.raises(UserError, match=r"config\.batch\.synthetic and \.real are both 0"):
        files.load(str(CONFIGS / "real3d.py"), ["--config.batch.synthetic=0", "--config.batch.real=0"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("bootstrap.level=1.0", "level is 1: set it between 0 and 1"),
        ("bootstrap.resamples=0", "resamples is 0"),
        ("geometry.points=0", "points is 0"),
        ("geometry.resolution=30", "resolution is 30: set it to a multiple of 4"),
        ("calibration.distances=(1.0,-2.0)", "distances is .*: set it to numbers above 0"),
        ("seed=-1", "config.seed is -1: set it from 0 to 4294967295"),
        ("protocol.every=0", "config.protocol.every is 0: set it to 1 or more"),
        ("protocol.novel_views.views=-2", "config.protocol.novel_views.views is -2: set it to 1 or more"),
        ("protocol.novel_views.resolution=0", "resolution is 0"),
        ("protocol.input_view.fov_y=180", "fov_y is 180: set it to 0, or between 0 and 180 degrees"),
        ("protocol.semantic.fid_jpeg_quality=101", "quality is 101: set it between 0 and 100"),
        ("protocol.novel_views.target_via=3", "target_via is 3, below the 224 of .resolution"),
        ("protocol.novel_views.ssim_window=box", "ssim_window is 'box': set it to one of 'uniform', 'gaussian'"),
        ("calibration.scope=object", "scope is 'object': set it to one of 'instance', 'set'"),
        ("protocol.consistency.first_scored=-1", "first_scored is -1"),
        ("data.split=validation", "split is 'validation': set it to one of 'test', 'train'"),
    ],
)
def test_evaluation(change, said):
    with pytest.raises(UserError, match=said):
        files.load_as(EvaluationConfig, str(CONFIGS / "eval" / "co3d.py"), [f"--config.{change}"])


@pytest.mark.parametrize(
    ("schema", "file", "change", "said"),
    [
        (PaperTablesConfig, "tables.py", "limit=-3", "config.limit is -3: set it to 0 or more"),
        (PaperTablesConfig, "tables.py", "test_sets=co3d", "config.test_sets must be a list of words, but is 'co3d'"),
        (PaperTablesConfig, "tables.py", "deltas=lrm", "config.deltas must be a list of lists, but is 'lrm'"),
        (PaperTablesConfig, "tables.py", "rows.lrm.distances=1", "distances must be a list of numbers, but is 1"),
        (PaperTablesConfig, "tables.py", "rows.lrm.distances=(-1.5,)", "distances is .*: set it to numbers above 0"),
        (AdaptingConfig, "adapting.py", "seeds=(0,-1)", "config.seeds is .*: set it to numbers from 0 to"),
        (AdaptingConfig, "adapting.py", "photographs.cut=1.5", "cut is 1.5: set it between 0 and 1"),
        (AdaptingConfig, "adapting.py", "curation.image_size=0", "image_size is 0"),
    ],
)
def test_studies(schema, file, change, said):
    with pytest.raises(UserError, match=said):
        files.load_as(schema, str(CONFIGS / file), [f"--config.{change}"])


def test_the_seeds_of_what_is_drawn():
    for kind in ("embedded", "streamed"):
        tree = files.load_tree(f"{CONFIGS / 'mini.py'}")
        next(iter(tree.data[kind].values())).seed = -1
        with pytest.raises(UserError, match=rf"config\.data\.{kind}\.\w+\.seed is -1: set it from 0 to"):
            files.parse(tree)


def test_reconstruction():
    with pytest.raises(UserError, match="mask_threshold is 255: set it between 0 and 254"):
        files.load_as(ReconstructionConfig, str(CONFIGS / "reconstruct.py"), ["--config.input.mask_threshold=255"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps=-1", "config.refine.steps is -1: set it to 0 or more"),
        ("learning_rate=0.0", "config.refine.learning_rate is 0: set it above 0"),
        ("rays=0", "config.refine.rays is 0: set it to 1 or more"),
        ("fov_y=180.0", "config.refine.fov_y is 180: set it between 0 and 180 degrees"),
    ],
)
def test_refinement(change, said):
    with pytest.raises(UserError, match=said):
        files.load_as(ReconstructionConfig, str(CONFIGS / "reconstruct.py"), [f"--config.refine.{change}"])


def test_a_file_may_not_give_what_is_no_number():
    tree = files.load_tree(str(CONFIGS / "real3d.py"))
    tree.losses.supervised.mse = math.nan
    with pytest.raises(UserError, match=r"config\.losses\.supervised\.mse must be a finite number, but is nan"):
        files.parse(tree)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("losses.supervised.overlap=-0.1", r"config\.losses\.supervised\.overlap is -0\.1: set it to 0 or more"),
        ("data.synthetic.furniture.zoom=0.0", r"furniture\.zoom is 0: set it above 0, and at most to 1"),
        ("data.synthetic.furniture.mirrored=1.5", r"furniture\.mirrored is 1\.5: set it between 0 and 1"),
        ("data.synthetic.furniture.distance=0.0", r"furniture\.distance is 0: set it above 0"),
        ("losses.supervised.mask=-1.0", r"mask is -1: set it to 0 or more"),
    ],
)
def test_augmented_training(change, said):
    with pytest.raises(UserError, match=said):
        files.load("mini:furniture,augmented,outlines", [f"--config.{change}"])
