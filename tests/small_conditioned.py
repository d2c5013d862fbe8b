"""A camera-conditioned run that is small enough for a test, on records that are written in a moment."""

from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from real3d_jax.config import files as config_files
from real3d_jax.config.training import Config
from real3d_jax.data import record_writer
from real3d_jax.data.records import MULTIVIEW, Item, Source, View
from tests.data.samples import pose

SIZE = 24


def filmed(objects: int = 4, held_out: int = 2, views: int = 4) -> Source:
    """Coloured squares, seen by cameras whose principal points are off the middle."""

    def items(split, chosen):
        for i in chosen:
            number = i + (objects if split == "test" else 0)
            shots = []
            for v in range(views):
                image = np.zeros((SIZE, SIZE, 4), np.uint8)
                image[7:17, 7 + v : 17 + v] = (250 - 30 * number, 40, 20 * v, 255)
                lens = np.array([1.2, 1.2, 0.5 + v / SIZE, 0.5])
                shots.append(View(f"o{number}", f"{v:05d}", image, pose(number, v), lens))
            yield Item(f"o{number}", tuple(shots))

    return Source(MULTIVIEW, 0, {"made by": "a test"}, {"train": objects, "test": held_out}, items)


def make_tree(root: Path, **changes) -> ConfigDict:
    """configs/lrm_real.py:tiny, shrunk; `changes` as of `tiny_run.make_tiny_config`."""
    if not record_writer.is_complete(root / "filmed"):
        record_writer.write(root / "filmed", filmed(), progress=False)
    tree = config_files.load_tree("lrm_real:tiny")
    shrink_conditioned(tree)
    tree.losses.supervised_views = 2
    tree.optimizer.update(learning_rate=5e-3, warmup_steps=1)
    tree.batch.update(synthetic=2)
    tree.schedule.update(
        steps=4, log_every=1, validate_every=0, validation_objects=2, validation_views=2, pictures_every=0
    )
    tree.schedule.checkpoint_every = 2
    tree.data.root = str(root)
    tree.data.embedded = {}
    for kind in ("synthetic", "validation"):
        source = tree.data[kind].b_captures.copy_and_resolve_references()
        source.update(path="filmed", target_sizes=(8, 16))
        tree.data[kind] = ConfigDict({"filmed": source})
    for key, value in changes.items():
        *groups, leaf = key.split("__")
        group = tree
        for name in groups:
            group = group[name]
        group[leaf] = value
    return tree


def make_config(root: Path, **changes) -> Config:
    """`make_tree`, parsed."""
    return config_files.parse(make_tree(root, **changes))


def shrink_conditioned(tree) -> None:
    """Gives a config tree a camera-conditioned model and renders of the smallest sizes."""
    tree.model.update(
        image_size=16, camera_width=8, plane_tokens=2, token_width=16, layers=1, heads=2, plane_channels=4
    )
    tree.model.update(decoder_width=8, decoder_layers=1)
    tree.model.encoder.update(width=16, layers=1, heads=2, mlp_width=16, position_grid=2)
    tree.render.update(resolution=8, samples=4)
