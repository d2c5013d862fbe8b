"""The cut-out photographs of scikit-image."""

import numpy as np
import pytest

from real3d_jax.data import transforms
from real3d_jax.data.embedded.photograph_outlines import OUTLINES
from real3d_jax.data.embedded.photographs import MASK_THRESHOLD, photographs
from real3d_jax.errors import UserError


@pytest.fixture(scope="module")
def items():
    source = photographs(image_size=128)
    return {item.key: item.records[0] for item in source.items("train", range(source.splits["train"]))}


def test_every_photograph_is_cut_out(items):
    assert list(items) == list(OUTLINES)
    for name, record in items.items():
        assert max(record.image.shape[:2]) <= 128
        share = (record.image[..., 3] > MASK_THRESHOLD).mean()
        assert 0.3 < share < 0.9, name
        crop = transforms.square_crop(record.image, threshold=MASK_THRESHOLD, ratio=1.5)
        assert crop.shape[0] == crop.shape[1]


def test_objects_are_in_and_surroundings_out(items):
    coffee = items["coffee"].image
    middle = coffee[coffee.shape[0] // 2, coffee.shape[1] // 2]
    assert middle[3] == 255
    assert coffee[0, 0, 3] == coffee[0, -1, 3] == coffee[-1, 0, 3] == 0
    # The saucer is red, the table around it brown: what was kept at the lower rim is red.
    rim = coffee[int(0.85 * len(coffee)), :, :3][coffee[int(0.85 * len(coffee)), :, 3] == 255].astype(int)
    assert (rim[:, 0] - rim[:, 1]).mean() > 60


def test_shards_are_made_from_any_part():
    source = photographs(image_size=64)
    (third,) = source.items("train", range(2, 3))
    assert third.key == list(OUTLINES)[2]
    assert third.records[0].provenance["file"] == OUTLINES[third.key].file


def test_bad_size():
    with pytest.raises(UserError, match="at least 16"):
        photographs(image_size=8)


def test_images_are_uint8_rgba(items):
    for record in items.values():
        assert record.image.dtype == np.uint8
        assert record.image.shape[-1] == 4
