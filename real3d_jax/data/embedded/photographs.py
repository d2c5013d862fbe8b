"""The few real photographs in scikit-image's wheel, cut out, as single-view records.

They show that real pixels go through; nobody should expect to learn from seven pictures. A hand-drawn outline says
roughly where the object is, and a watershed on the image's edges settles the last pixels.
"""

import importlib.metadata
import pathlib
from collections.abc import Iterator

import numpy as np
import skimage
from jaxtyping import Bool, UInt8
from PIL import Image

from real3d_jax.data.embedded.photograph_outlines import OUTLINES, Outline
from real3d_jax.data.records import SINGLE_VIEW, Item, Photograph, Source
from real3d_jax.errors import UserError

MASK_THRESHOLD = 225
_BAND = 4  # pixels on either side of the outline that the watershed decides on
_MARGIN = 4  # transparent pixels kept around the object


def photographs(*, image_size: int) -> Source:
    """The cut-out photographs, the longer side of each at most `image_size` pixels.

    Raises:
      UserError: `image_size` is below 16.
    """
    if image_size < 16:
        raise UserError(f"The image size of photographs must be at least 16 pixels, not {image_size}.")

    def items(split: str, chosen: range) -> Iterator[Item]:
        for name in list(OUTLINES)[chosen.start : chosen.stop]:
            image = Image.fromarray(cut_out(OUTLINES[name]))
            image.thumbnail((image_size, image_size), Image.Resampling.LANCZOS)
            provenance = {
                "file": OUTLINES[name].file,
                "from": f"scikit-image {importlib.metadata.version('scikit-image')}",
            }
            yield Item(name, (Photograph(name, np.asarray(image), provenance),))

    settings = {"dataset": "photographs", "image_size": image_size}
    splits = {"train": len(OUTLINES), "test": 0}
    return Source(SINGLE_VIEW, MASK_THRESHOLD, settings, splits, items, unit="photograph")


def cut_out(outline: Outline) -> UInt8[np.ndarray, "H W 4"]:
    """The object as straight-alpha RGBA, cropped to its box."""
    path = pathlib.Path(skimage.__file__).parent / "data" / outline.file
    with Image.open(path) as file:
        rgb = np.asarray(file.convert("RGB"))
    mask = _object(rgb, outline)
    alpha = skimage.filters.gaussian(mask.astype(np.float32), 0.7)
    rgba = np.concatenate([rgb, np.round(255 * alpha)[..., None].astype(np.uint8)], -1)
    rows, columns = np.nonzero(mask)
    top, left = max(rows.min() - _MARGIN, 0), max(columns.min() - _MARGIN, 0)
    return rgba[top : rows.max() + 1 + _MARGIN, left : columns.max() + 1 + _MARGIN]


def _object(rgb: UInt8[np.ndarray, "H W 3"], outline: Outline) -> Bool[np.ndarray, "H W"]:
    x, y = np.array(outline.corners).T
    inside = skimage.draw.polygon2mask(rgb.shape[:2], np.stack([y, x], -1))
    # Outside the picture counts as the object where the outline touches the border: it goes on there.
    padded = np.pad(inside, _BAND, mode="edge")
    disk = skimage.morphology.disk(_BAND)
    inner = skimage.morphology.erosion(padded, disk)[_BAND:-_BAND, _BAND:-_BAND]
    outer = skimage.morphology.dilation(inside, disk)
    edges = skimage.filters.sobel(skimage.color.rgb2lab(rgb)[..., 0]) + skimage.filters.sobel(
        skimage.color.rgb2lab(rgb)[..., 1]
    )
    markers = inner.astype(np.int32) + 2 * ~outer.astype(bool)
    parts = np.asarray(skimage.measure.label(skimage.segmentation.watershed(edges, markers) == 1))
    largest = 1 + np.argmax(np.bincount(parts.ravel())[1:])  # chips come off at thin places
    return np.equal(parts, largest)
