"""An ablation that is small enough for a test: configs/ablation.py and its evaluation, shrunk, as config files."""

from pathlib import Path

from real3d_jax.config import files as config_files
from real3d_jax.data import record_writer
from tests.data.samples import multiview_source, photograph_source
from tests.miniature import shrink_model

CONFIGS = Path(__file__).parents[2] / "configs"
TRAINING, EVALUATION = CONFIGS / "ablation.py", CONFIGS / "eval" / "ablation.py"


def write_config_files(folder: Path) -> list[str]:
    """Writes both config files and their data, and returns the command line's words that name the files."""
    data = training_tree(str(folder / "data"), "full_raw,tiny").data
    for path, source in (
        (data.synthetic.a.path, multiview_source(objects=4, held_out=0)),
        (data.real.wild_images.path, photograph_source()),
        (evaluation_tree(data.root, "tiny").data.path, multiview_source(objects=0, held_out=3)),
        (evaluation_tree(data.root, "tiny,co3d").data.path, multiview_source(objects=0, held_out=2)),
    ):
        record_writer.write(Path(data.root) / path, source, progress=False)
    for name, function in (("training", training_tree), ("evaluation", evaluation_tree)):
        (folder / f"{name}.py").write_text(
            f"from tests.ablation.tiny_ablation import {function.__name__}\n\n\n"
            f"def get_config(variant):\n    return {function.__name__}({str(folder / 'data')!r}, variant)\n"
        )
    return ["--config", str(folder / "training.py"), "--evaluation", str(folder / "evaluation.py")]


def training_tree(root: str, variant: str):
    """A row of two objects, four photographs and four steps."""
    tree = config_files.load_tree(f"{TRAINING}:{variant}")
    _shrink(tree)
    for weights in (tree.losses.supervised, tree.losses.input_view, tree.losses.cycle.weights):
        weights.lpips = 0.0
    tree.losses.supervised_views = 2
    tree.optimizer.warmup_steps = 1
    tree.batch.synthetic, tree.batch.real = 2, min(2, tree.batch.real)
    tree.schedule.update(steps=4, log_every=1, validation_objects=0, checkpoint_every=0)
    tree.data.validation = {}
    tree.data.root = root
    return tree


def evaluation_tree(root: str, variant: str):
    """Three objects, two novel views."""
    tree = config_files.load_tree(f"{EVALUATION}:{variant}")
    _shrink(tree)
    tree.batch_per_device = 3
    tree.data.root = root
    tree.protocol.semantic.resolution = 16
    tree.protocol.novel_views.update(views=2, resolution=16)
    tree.bootstrap.resamples = 200
    tree.cases = 1
    return tree


def _shrink(tree) -> None:
    shrink_model(tree)
    tree.data.embedded = {}
