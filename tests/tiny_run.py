"""A run of the real modules that is small enough for a test: every part there, no VGG and no CLIP to compile."""

from pathlib import Path

from ml_collections import ConfigDict

from real3d_jax.config import files as config_files
from real3d_jax.config.files import parse
from real3d_jax.config.training import Config
from tests.miniature import shrink_model

SMOKE = Path(__file__).parents[1] / "configs" / "smoke.py"


def make_tiny_config(root: Path, **changes) -> Config:
    """configs/smoke.py:scratch, shrunk; `changes` are single keys, such as `schedule__steps=3`."""
    return parse(make_tiny_tree(root, **changes))


def make_tiny_tree(root: Path, **changes) -> ConfigDict:
    """`make_tiny_config` as a config file returns it."""
    tree = config_files.load_tree(f"{SMOKE}:scratch")
    shrink_model(tree)
    for weights in (tree.losses.supervised, tree.losses.input_view, tree.losses.cycle.weights):
        weights.lpips = 0.0
    tree.losses.semantic.weight = 0.0
    tree.losses.supervised_views = 2
    tree.optimizer.update(warmup_steps=1, ema_decay=0.5)
    tree.batch.update(synthetic=2, real=2, micro_batches=1)
    tree.schedule.update(
        steps=5,
        log_every=1,
        validate_every=2,
        validation_objects=2,
        validation_views=2,
        pictures_every=0,
        checkpoint_every=2,
        keep=2,
    )
    tree.data.root = str(root)
    tree.data.embedded = {name: tree.data.embedded[name] for name in ("procedural_a", "photographs")}
    tree.data.real = {"photographs": tree.data.real.photographs.copy_and_resolve_references()}
    for source in tree.data.embedded.values():
        source.update(image_size=32)
        if source.kind == "procedural_views":
            source.update(objects=4 if source.objects else 0, held_out=2, views=4)
    for key, value in changes.items():
        *groups, leaf = key.split("__")
        group = tree
        for name in groups:
            group = group[name]
        group[leaf] = value
    return tree
