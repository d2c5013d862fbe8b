"""The pictures of docs/mini.md and the README: what stands where."""

import contextlib

import numpy as np
import pytest
from PIL import Image

from real3d_jax.export.isosurface import isosurface
from real3d_jax.inference.gallery import row, sheet
from real3d_jax.inference.reconstruction import Reconstruction


class _Result(Reconstruction):
    """A ball whose input is red and whose view k is k."""

    def __init__(self):
        self.image = np.full((8, 8, 3), (255, 0, 0), np.uint8)

    @staticmethod
    def orbit(*, frames, elevation):
        assert elevation == 0  # above the photograph's
        return np.stack([np.full((8, 8, 3), number, np.uint8) for number in range(frames)])

    @staticmethod
    def mesh():
        points = np.stack(np.meshgrid(*[np.linspace(-0.87, 0.87, 16)] * 3, indexing="ij"), -1)
        return isosurface(100 * np.maximum(0.6 - np.linalg.norm(points, axis=-1), 0), radius=0.87)


class _Rasterizer:
    """Sees a green half of what is loaded, and notes from where."""

    def __init__(self):
        self.seen = []

    @contextlib.contextmanager
    def loaded(self, mesh):
        yield

    def colour(self, c2w, fov_y):
        self.seen.append(c2w[:3, 3])
        image = np.zeros((8, 8, 4), np.uint8)
        image[:4] = 0, 255, 0, 255
        return image


@pytest.fixture(autouse=True)
def files():
    pytest.importorskip("mapbox_earcut", reason="needs the render extra")


def test_a_row_is_the_input_views_around_and_the_mesh_over_white():
    rasterizer = _Rasterizer()
    drawn = np.asarray(row(_Result(), rasterizer, 8))
    assert drawn.shape == (8, 9 * 8 + 8, 3)
    assert (drawn[:, :8] == (255, 0, 0)).all() and (drawn[:, 8:12] == 255).all()
    assert [int(drawn[0, 12 + 8 * number, 0]) for number in range(6)] == [0, 2, 5, 8, 11, 14]
    meshes = drawn[:, 9 * 8 + 8 - 16 :]
    assert (meshes[:4] == (0, 255, 0)).all() and (meshes[4:] == 255).all()
    np.testing.assert_allclose([np.linalg.norm(place) for place in rasterizer.seen], 1.6, rtol=1e-5)
    assert rasterizer.seen[0][1] > 0 > rasterizer.seen[1][1]  # to the right of the input's camera, and to its left


def test_rows_stand_below_each_other():
    rows = [Image.new("RGB", (20, 8), colour) for colour in ("red", "blue")]
    made = np.asarray(sheet(rows))
    assert made.shape == (20, 20, 3)
    assert (made[:8] == (255, 0, 0)).all() and (made[8:12] == 255).all() and (made[12:] == (0, 0, 255)).all()
