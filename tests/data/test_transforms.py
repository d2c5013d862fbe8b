"""Compositing, masks and crops."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from real3d_jax.data import transforms
from real3d_jax.errors import UserError

sides = st.integers(1, 12)
images = st.tuples(sides, sides).flatmap(lambda s: hnp.arrays(np.uint8, (*s, 4)))
squares = st.integers(2, 12).flatmap(lambda s: hnp.arrays(np.uint8, (s, s, 4)))


def composite(rgba, **options):
    return transforms.composite(transforms.premultiply(rgba), **options)


def test_composite_by_hand():
    rgba = np.array([[[200, 100, 0, 255], [50, 50, 50, 0]], [[255, 0, 0, 51], [0, 0, 255, 255]]], np.uint8)
    white = composite(rgba, size=2, background=1.0)
    np.testing.assert_array_equal(white[0, 0], [200, 100, 0])
    np.testing.assert_array_equal(white[0, 1], [255, 255, 255])
    np.testing.assert_array_equal(white[1, 0], [255, 204, 204])
    np.testing.assert_array_equal(composite(rgba, size=2, background=0.5)[0, 1], [128, 128, 128])


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [5, 16, 40])
def test_colour_behind_transparency_never_shows(size, antialias):
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[4:12, 4:12] = (250, 20, 20, 255)
    hidden = rgba.copy()
    hidden[rgba[..., 3] == 0, :3] = (0, 255, 0)
    settings = {"size": size, "background": 1.0, "antialias": antialias}
    np.testing.assert_array_equal(composite(hidden, **settings), composite(rgba, **settings))


def test_antialias_averages_and_its_absence_samples():
    rgba = np.full((8, 8, 4), 255, np.uint8)
    rgba[::4, ::4, :3] = 0  # in each 4 x 4 block one black pixel, away from its middle
    averaged = composite(rgba, size=2, background=1.0, antialias=True)
    sampled = composite(rgba, size=2, background=1.0, antialias=False)
    assert np.abs(averaged.astype(int) - 255 * 15 / 16).max() <= 1
    assert (sampled == 255).all()


@pytest.mark.parametrize(
    ("size", "antialias"),
    [*((size, True) for size in (30, 32, 59, 64, 100, 118, 128, 131, 200)), (118, False), (200, False)],
)
def test_resizing_moves_nothing(size, antialias):
    """A disc's centre stays where it was, to a fraction of a pixel."""
    centres = np.arange(131) + 0.5
    worst = 0.0
    for x, y in ((40.2, 51.7), (88.9, 97.1), (65.5, 30.0)):
        rgba = np.zeros((131, 131, 4), np.uint8)
        rgba[..., 3] = np.round(255 * np.clip(5.5 - np.hypot(centres - x, centres[:, None] - y), 0, 1))
        rgb = composite(rgba, size=size, background=1.0, antialias=antialias)
        weight = 255.0 - rgb[..., 0]
        places = (np.arange(size) + 0.5) * 131 / size
        found = np.array([weight.sum(0) @ places, weight.sum(1) @ places]) / weight.sum()
        worst = np.maximum(worst, np.abs(found - (x, y)).max() * size / 131)
    assert worst < 0.05


@hypothesis.given(squares)
def test_own_size_changes_nothing_where_opaque(rgba):
    rgba[..., 3] = 255
    np.testing.assert_array_equal(composite(rgba, size=len(rgba), background=1.0), rgba[..., :3])


@hypothesis.given(images, st.integers(0, 255))
def test_binary_mask(rgba, threshold):
    mask = transforms.binary_mask(rgba, threshold=threshold)
    np.testing.assert_array_equal(mask == 255, rgba[..., 3] > threshold)
    assert set(np.unique(mask)) <= {0, 255}


@hypothesis.given(squares, st.integers(0, 254), st.integers(1, 12))
def test_resized_masks(rgba, threshold, size):
    near = transforms.object_mask(rgba, threshold=threshold, size=size, antialias=False)
    area = transforms.object_mask(rgba, threshold=threshold, size=size)
    assert near.shape == area.shape == (size, size, 1)
    assert set(np.unique(near)) <= {0, 255}
    if len(rgba) % size == 0:
        share = (rgba[..., 3] > threshold).mean()
        assert abs(area.mean() / 255 - share) < 0.005


@hypothesis.given(images, st.integers(0, 254), st.floats(1.0, 2.5))
def test_crop_holds_the_object_in_its_middle(rgba, threshold, ratio):
    occupied = rgba[..., 3] > threshold
    if not occupied.any():
        with pytest.raises(UserError, match="shows nothing"):
            transforms.square_crop(rgba, threshold=threshold, ratio=ratio)
        return
    crop = transforms.square_crop(rgba, threshold=threshold, ratio=ratio)
    rows, columns = np.nonzero(occupied)
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    assert crop.shape == (round(ratio * longer),) * 2 + (4,)
    found = crop[..., 3] > threshold
    assert found.sum() == occupied.sum()
    np.testing.assert_array_equal(crop[found], rgba[occupied])
    for places in np.nonzero(found):
        assert abs(places.min() - (len(crop) - 1 - places.max())) <= 1


def test_crop_is_transparent_beyond_the_border():
    rgba = np.full((4, 4, 4), 255, np.uint8)
    crop = transforms.square_crop(rgba, threshold=0, ratio=2.0)
    assert crop.shape == (8, 8, 4)
    assert crop[..., 3].sum() == 16 * 255
    assert (crop[2:6, 2:6] == 255).all()
