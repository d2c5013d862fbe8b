"""Masks in every mode in which tools store them."""

import json

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data import preparation, record_writer
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.mask_files import open_mask
from real3d_jax.data.sources.wild_images import WildImages

SHOWN = np.zeros((20, 30), bool)
SHOWN[4:15, 6:22] = True
GREY = np.where(SHOWN, 255, 0).astype(np.uint8)
COLOURED = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def rgba(rgb, alpha) -> Image.Image:
    return Image.fromarray(np.concatenate([np.broadcast_to(rgb, (20, 30, 3)), alpha[..., None]], -1).astype(np.uint8))


def indexed(values, palette) -> Image.Image:
    image = Image.fromarray(values.astype(np.uint8), "P")
    image.putpalette([c for colour in palette for c in colour])
    return image


MASKS = {
    "grey": (Image.fromarray(GREY), ""),
    "bits": (Image.fromarray(SHOWN), ""),
    "RGB": (Image.fromarray(GREY).convert("RGB"), "masks of RGB"),
    "RGBA, opaque": (Image.fromarray(GREY).convert("RGBA"), "masks with alpha"),
    "white where seen": (rgba(np.full(3, 255), GREY), "masks with alpha"),
    "a cut-out": (rgba(COLOURED, GREY), "masks with alpha"),
    "a cut-out of grey and alpha": (Image.merge("LA", [Image.fromarray(GREY)] * 2), "masks with alpha"),
    "palette of greys": (indexed(SHOWN, [(0, 0, 0), (255, 255, 255)]), "masks with a palette"),
    "palette, reversed": (indexed(~SHOWN, [(255, 255, 255), (0, 0, 0)]), "masks with a palette"),
    "palette of VOC": (indexed(2 * SHOWN, [(0, 0, 0), (128, 0, 0), (0, 128, 0)]), "masks with a palette"),
    "0 and 1": (Image.fromarray(SHOWN.astype(np.uint8)), "masks of 0 and 1"),
    "0 and 1, RGB": (Image.fromarray(SHOWN.astype(np.uint8)).convert("RGB"), "masks of 0 and 1"),
    "16 bits": (Image.fromarray((SHOWN * 65535).astype(np.uint16)), "masks of 16 bits"),
    "16 bits of 255": (Image.fromarray((SHOWN * 255).astype(np.uint16)), "masks of 16 bits"),
    "16 bits of 1": (Image.fromarray(SHOWN.astype(np.uint16)), "masks of 0 and 1"),
}


@pytest.mark.parametrize("name", MASKS)
def test_one_reading(tmp_path, name):
    image, repaired = MASKS[name]
    image.save(tmp_path / "m.png")
    found = open_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(found.alpha, GREY)
    assert found.repaired == repaired


def test_soft_masks_stay_soft(tmp_path):
    soft = np.linspace(0, 255, 600).astype(np.uint8).reshape(20, 30)
    Image.fromarray(soft).save(tmp_path / "m.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "m.png").alpha, soft)
    Image.fromarray(soft.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "deep.png").alpha, soft)
    Image.fromarray(soft).convert("RGB").save(tmp_path / "m.jpg", quality=95)
    assert np.abs(open_mask(tmp_path / "m.jpg").alpha.astype(int) - soft).max() < 12


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.fromarray(COLOURED), "has colours"),
        (Image.fromarray(COLOURED).convert("RGBA"), "has colours"),
        (
            rgba(np.where(SHOWN[..., None], 255, 0), np.where(np.arange(30) < 25, 255, 0) * np.ones((20, 1))),
            "different",
        ),
        (rgba(np.zeros(3), 255 - GREY), "different"),
        (indexed(1 * SHOWN + (np.arange(30) > 20), [(0, 0, 0), (128, 0, 0), (0, 128, 0)]), "palette has 3 colours"),
        (indexed(SHOWN, [(128, 0, 0), (0, 128, 0)]), "palette has 2 colours"),
        (Image.fromarray((2 * SHOWN + 1).astype(np.uint8)), "largest value is 3 of 255"),
        (Image.fromarray((SHOWN * 700).astype(np.uint16)), "largest value is 700 of 65535"),
        (Image.fromarray(SHOWN.astype(np.float32), "F"), "has mode F|cannot"),
    ],
)
def test_several_readings_are_refused(tmp_path, image, reason):
    image.save(tmp_path / ("m.tif" if image.mode == "F" else "m.png"))
    with pytest.raises(Unusable, match=f"^'m\\..*{reason}"):
        open_mask(next(tmp_path.iterdir()))


def test_what_was_repaired_is_counted(tmp_path):
    for folder in ("photographs", "masks"):
        (tmp_path / folder).mkdir()
    for number, name in enumerate(("grey", "RGB", "0 and 1", "palette of VOC", "16 bits of 1")):
        Image.fromarray(COLOURED).save(tmp_path / f"photographs/{number}.png")
        MASKS[name][0].save(tmp_path / f"masks/{number}.png")
    Image.fromarray(COLOURED).save(tmp_path / "photographs/9.png")
    Image.fromarray(COLOURED).save(tmp_path / "masks/9.png")
    layout = WildImages(tmp_path / "photographs", tmp_path / "masks")
    with preparation.file_source(layout) as source:
        record_writer.write(tmp_path / "out", source, items_per_shard=2, progress=False)
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["repaired"] == {"masks of 0 and 1": 2, "masks of RGB": 1, "masks with a palette": 1}
    assert summary["splits"]["train"] | {"records": 5} == summary["splits"]["train"]
    assert summary["reasons"] == {"'...' is no mask: it has colours, and several may be objects": 1}
