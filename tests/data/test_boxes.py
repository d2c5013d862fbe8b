"""Boxes and squares."""

import numpy as np
import pytest

from real3d_jax.data import boxes
from real3d_jax.errors import UserError

SIZE = 30, 20  # an image's width and height
BOX = 18, 8, 21, 12  # its farther edge lies 6 columns right of the middle


def test_the_box_of_what_is_seen():
    alpha = np.zeros(SIZE[::-1], np.uint8)
    alpha[8:12, 18:21] = 200
    assert boxes.object_box(alpha, threshold=0) == BOX
    with pytest.raises(UserError, match="shows nothing"):
        boxes.object_box(alpha, threshold=200)


def test_squares_around_a_box():
    assert boxes.square_around(BOX, ratio=1.0) == (17, 8, 4)
    assert boxes.square_around(BOX, ratio=2.0) == (15, 6, 8)
    assert boxes.square_around((3, 3, 4, 4), ratio=0.1) == (3, 3, 1)


def test_squares_about_the_middle():
    assert boxes.side_about_middle(BOX, SIZE, ratio=1.0) == 12
    assert boxes.side_about_middle(BOX, SIZE, ratio=1.6) == 19
    assert boxes.side_about_middle((14, 1, 16, 12), SIZE, ratio=1.0) == 18  # the upper edge is the farthest
    assert boxes.square_about_middle(SIZE, 12) == (9, 4, 12)
    assert boxes.square_about_middle(SIZE, 40) == (-5, -10, 40)


def test_what_is_cut_off_comes_last():
    assert boxes.off_middle(BOX, SIZE) == (False, pytest.approx(4.5))
    assert boxes.off_middle((14, 7, 17, 14), SIZE) == (False, pytest.approx(np.hypot(0.5, 0.5)))
    for box in ((0, 8, 30, 12), (18, 0, 21, 12), (18, 8, 30, 12), (18, 8, 21, 20)):
        assert boxes.off_middle(box, SIZE)[0]


@pytest.mark.parametrize(("pixels", "specks"), [(1, 1), (2, 0)])
def test_a_speck_is_small_beside_the_largest_part_alone(pixels, specks):
    """Of 200 pixels; 100 more of another part make nothing smaller."""
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:20, 10:30] = alpha[25:35, 10:20] = 255
    alpha[0, 50 : 50 + pixels] = 255
    assert boxes.main_box(alpha, threshold=0) == ((10, 10, 30, 35) if specks else (10, 0, 52, 35), specks)


def test_what_touches_a_part_by_a_corner_belongs_to_it():
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:20, 10:30] = 255
    alpha[20, 30] = alpha[21, 31] = 255
    alpha[30, 50] = 255
    assert boxes.main_box(alpha, threshold=0) == ((10, 10, 32, 22), 1)
