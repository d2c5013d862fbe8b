"""An evaluation that is small enough for a test: a tiny random model over a few simple objects."""

from pathlib import Path

import jax

from real3d_jax.checkpoints.trained_model import Described
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from tests.miniature import shrink_model
from tests.small_model import initialized

SMOKE = Path(__file__).parents[2] / "configs" / "eval" / "smoke.py"
OBJECTS = 5


def make_tiny_tree(root: Path, variant: str = ""):
    """configs/eval/smoke.py, shrunk."""
    tree = config_files.load_tree(f"{SMOKE}:{variant}" if variant else str(SMOKE))
    shrink_model(tree)
    tree.batch_per_device = 2
    tree.data.root = str(root)
    tree.data.path = "views"
    tree.data.embedded = {}
    tree.protocol.novel_views.update(views=3, resolution=16)
    tree.protocol.consistency.update(azimuths=(0.0, 30.0), elevations=(0.0, 30.0), resolution=16)
    tree.protocol.semantic.resolution = 16
    tree.bootstrap.resamples = 200
    tree.cases = 1
    return tree


def make_tiny_evaluation(root: Path, variant: str = "", **changes) -> EvaluationConfig:
    """The same as a configuration; `changes` are single keys, such as `data__limit=2`."""
    tree = make_tiny_tree(root, variant)
    for key, value in changes.items():
        *groups, leaf = key.split("__")
        group = tree
        for name in groups:
            group = group[name]
        group[leaf] = value
    return config_files.build(EvaluationConfig, tree.to_dict(), "config")


def random_params(config: Described, seed: int = 0) -> dict:
    """Parameters of a model that sees something: random ones, with a density bias that shows."""
    return jax.tree.map(lambda x: 2.0 * x, initialized(config.model, config.compute, seed))
