"""Damaged files of every reader: never a traceback, never another record."""

import math
import pathlib
import shutil
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.records import Item, Unusable, View
from real3d_jax.data.sources.captures import Squares
from real3d_jax.data.sources.co3d import CO3D
from real3d_jax.data.sources.gobjaverse import GObjaverse
from real3d_jax.data.sources.layout import Layout
from real3d_jax.data.sources.mvimgnet import MVImgNet
from real3d_jax.data.sources.nerf import Nerf
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.data.sources.openlrm import OpenLRM
from real3d_jax.data.sources.views import Views
from real3d_jax.data.sources.wild_images import WildImages
from real3d_jax.data.sources.zero123 import Zero123
from real3d_jax.errors import UserError
from tests.data import filming, miniatures, mutations, projection

SIZE = 24
FOV = math.radians(49.1)
SHOTS = projection.cameras(2, seed=3, x_fov=FOV, y_fov=FOV, size=SIZE)
LENS = filming.Lens(width=60, height=80, fx=64.0, fy=64.0, cx=30.0, cy=40.0)
SQUARES = Squares(image_size=24, min_views=2)
QUICK, SLOW = 8, 200  # damages of each reader


def _rendered(write: Callable[..., None], key: str) -> Callable[[pathlib.Path], None]:
    return lambda root: write(root / key, SHOTS, SIZE)


def _tar(root: pathlib.Path) -> None:
    miniatures.write_gobjaverse(root / "0/10005", SHOTS, SIZE)
    with tarfile.open(root / "0/10005.tar", "w") as tar:
        tar.add(root / "0/10005", "10005")
    shutil.rmtree(root / "0/10005")


def _nerf_masks(root: pathlib.Path) -> None:
    """Photographs with a mask each, two splits."""
    miniatures.write_nerf(root / "lego", SHOTS, SIZE)
    path = root / "lego/transforms_train.json"
    path.write_text(path.read_text().replace('"rotation"', '"mask_path": "mask.png", "rotation"'))
    for image in (root / "lego/train").iterdir():
        Image.open(image).getchannel("A").save(root / "lego/mask.png")


def _filmed(root: pathlib.Path, *, text: bool = False) -> None:
    filming.write_mvimgnet(root / "7/1a", filming.film(3, seed=0), LENS)
    if text:
        filming.write_as_text(root / "7/1a/sparse/0")


def _co3d(root: pathlib.Path) -> None:
    filming.write_co3d(root / "apple/1_2_3", filming.film(3, seed=0), LENS, intrinsics_format=None)


def _wild(root: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("photographs", "masks"):
        (root / name).mkdir(parents=True)
    for number in range(2):
        mask = np.zeros((20, 30), np.uint8)
        mask[4:12, 6:20] = 255
        Image.fromarray(rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(root / f"photographs/{number}.png")
        Image.fromarray(mask).convert(("L", "RGB")[number]).save(root / f"masks/{number}.png")


READERS: Mapping[str, tuple[Callable[[pathlib.Path], None], Callable[[pathlib.Path], Layout]]] = {
    "views": (_rendered(miniatures.write_views, "chair"), Views),
    "zero123": (_rendered(miniatures.write_zero123, "0a1b"), lambda root: Zero123(root, views=2)),
    "gobjaverse": (_rendered(miniatures.write_gobjaverse, "0/10005"), lambda root: GObjaverse(root, views=2)),
    "gobjaverse, packed": (_tar, lambda root: GObjaverse(root, views=2)),
    "omniobject3d": (_rendered(miniatures.write_omniobject3d, "anise/anise_001"), OmniObject3D),
    "nerf": (_rendered(miniatures.write_nerf, "lego"), Nerf),
    "nerf with masks": (_nerf_masks, Nerf),
    "openlrm": (_rendered(miniatures.write_openlrm, "0a1b"), OpenLRM),
    "mvimgnet": (_filmed, lambda root: MVImgNet(root, squares=SQUARES)),
    "mvimgnet, text": (lambda root: _filmed(root, text=True), lambda root: MVImgNet(root, squares=SQUARES)),
    "co3d": (_co3d, lambda root: CO3D(root, squares=SQUARES)),
    "wild_images": (_wild, lambda root: WildImages(root / "photographs", root / "masks")),
}


def read(layout: Layout) -> list[Item | str]:
    """What a preparation makes of a folder, which sees to files that the system cannot read."""
    try:
        keys = layout.keys()
    except UserError as error:
        return [str(error)]
    items: list[Item | str] = []
    for key in keys:
        try:
            items.append(layout.read(key))
        except (Unusable, OSError) as error:
            items.append(str(error))
        except UserError as error:
            return [str(error)]
    return items


def known(items: Sequence[Item | str]) -> dict[tuple[str, str], Any]:
    """Records by object and view."""
    records = [record for item in items if isinstance(item, Item) for record in item.records]
    names = [(r.object_id, r.view) if isinstance(r, View) else (r.key, "") for r in records]
    assert len(set(names)) == len(names), f"two records of one name: {names}"
    return dict(zip(names, records, strict=True))


def differ(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, View):
        same = np.allclose(ours.c2w, theirs.c2w, atol=1e-6) and np.allclose(
            ours.intrinsics, theirs.intrinsics, rtol=1e-6
        )
        return not same or not np.array_equal(ours.image, theirs.image)
    return not np.array_equal(ours.image, theirs.image)


def check(name: str, root: pathlib.Path, seeds: range) -> int:
    """Damages the files of a reader once a seed; gives how often a record was lost."""
    write, reader = READERS[name]
    write(root)
    before = known(read(reader(root)))
    assert before
    tree, refused = mutations.Tree(root), 0
    for seed in seeds:
        how = mutations.damage(tree, np.random.default_rng([seed, len(name)]))
        _forget()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                items = read(reader(root))
                found = known(items)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}, {how}: {type(error).__name__}: {error}") from error
        assert all(item for item in items if isinstance(item, str)), f"{name}, seed {seed}, {how}: an empty reason"
        _check_same(found, before, f"{name}, seed {seed}, {how}")
        refused += len(found) < len(before)
        tree.restore()
    return refused


def _check_same(found: Mapping[Any, Any], before: Mapping[Any, Any], how: str) -> None:
    """A capture whose first view is lost is cut otherwise: of these the rays count, not the pixels."""
    for key, record in found.items():
        if key not in before:  # a picture of another name; its camera is one of the known
            assert isinstance(record, View), how
            assert any(np.allclose(record.c2w, other.c2w, atol=1e-6) for other in before.values()), how
        elif len(found) == len(before) or not isinstance(record, View):
            assert not differ(record, before[key]), f"{how}: {key} is another record"
        else:
            assert np.allclose(record.c2w[:3, :3], before[key].c2w[:3, :3], atol=1e-6), f"{how}: {key} is turned"


def _forget() -> None:
    from real3d_jax.data.sources import co3d

    co3d._annotations.cache_clear()
    co3d._set_list.cache_clear()


@pytest.mark.parametrize("name", READERS)
def test_damage_is_refused_or_harmless(tmp_path, name):
    assert check(name, tmp_path / "raw", range(QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_much_damage_is_refused_or_harmless(name):
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, which would keep it
        assert check(name, pathlib.Path(folder) / "raw", range(QUICK, QUICK + SLOW)) > SLOW / 4
