"""Masks as COCO writes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pycocotools")

from real3d_jax.curation import masks
from real3d_jax.data.records import Unusable
from tests.curation.drawn_photographs import run_lengths

pytestmark = pytest.mark.curation


def _random_mask(seed, size=(13, 29), share=0.4):
    return np.random.default_rng(seed).random(size) < share


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_run_lengths_of_both_kinds(share):
    mask = _random_mask(0, share=share)
    np.testing.assert_array_equal(masks.decode(run_lengths(mask), mask.shape), mask)
    np.testing.assert_array_equal(masks.decode(masks.encode(mask), mask.shape), mask)


def test_compressed_numbers_are_those_of_the_uncompressed():
    mask = np.zeros((300, 400), bool)
    mask[3:250, 7:390] = True
    mask[100:120] = False
    counts = masks.run_lengths(masks.encode(mask)["counts"])
    assert counts.tolist() == run_lengths(mask)["counts"]


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
def test_no_text_gives_memory_that_nobody_wrote(counts):
    size = (5, 7)
    try:
        mask = masks.decode({"size": list(size), "counts": counts}, size)
    except Unusable:
        return
    lengths = masks.run_lengths(counts)
    assert lengths.sum() == 35
    assert mask.sum() == lengths[1::2].sum()


def test_polygons_are_filled_and_joined():
    square, other = [2, 2, 8, 2, 8, 8, 2, 8], [12.0, 2.0, 18.0, 2.0, 18.0, 8.0, 12.0, 8.0]
    mask = masks.decode([square, other], (10, 20))
    expected = np.zeros((10, 20), bool)
    expected[2:8, 2:8] = expected[2:8, 12:18] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        (None, "neither"),
        ([], "neither"),
        ("abc", "neither"),
        ({"counts": "04"}, "lack"),
        ({"size": [5, 7], "counts": None}, "lack"),
        ({"size": [7, 5], "counts": [35]}, "7 x 5"),
        ({"size": [5, 7], "counts": [34]}, "add up"),
        ({"size": [5, 7], "counts": [40, -5]}, "add up"),
        ({"size": [5, 7], "counts": [1.5, 33.5]}, "whole numbers"),
        ({"size": [5, 7], "counts": ""}, "broken"),
        ({"size": [5, 7], "counts": "é"}, "broken"),
        ({"size": [5, 7], "counts": "oooooooooooooo0"}, "broken"),
        ([[1, 2, 3, 4]], "three or more"),
        ([[1, 2, 3, 4, 5]], "three or more"),
        ([[1, 2, 3, 4, 5, "6"]], "numbers"),
        ([[1, 2, 3, 4, 5, True]], "numbers"),
        ([[1, 2, 3, 4, 5, float("nan")]], "far outside"),
        ([[1, 2, 3, 4, 5, 1e30]], "far outside"),
    ],
)
def test_what_is_no_mask(segmentation, said):
    with pytest.raises(Unusable, match=said):
        masks.decode(segmentation, (5, 7))
