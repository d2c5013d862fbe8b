"""The masks of an object's views, small and in the forms that comparing them takes."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy import ndimage

RESOLUTION = 128  # pixels of the longer side, at the most
PIXELS = 192  # compared of each view
FAR = 1000.0  # pixels: farther from a mask than any image is wide


@dataclasses.dataclass(frozen=True)
class Silhouettes:
    """The masks of views of equal size.

    Attributes:
      distance: pixels from each pixel to the mask, 0 on it. The mask counts every pixel that the object touches.
      pixels: positions `u, v` (fractions of width and height) of pixels on the object, spread evenly over each mask.
      boxes: `left, top, right, bottom` of each mask, fractions.
      area: share of the image that is mask.
      touches_edge: whether the mask reaches the image's edge, and the object may go on beyond it.
    """

    distance: Float[np.ndarray, "views h w"]
    pixels: Float[np.ndarray, "views pixels 2"]
    boxes: Float[np.ndarray, "views 4"]
    area: Float[np.ndarray, "views"]
    touches_edge: Bool[np.ndarray, "views"]

    def chosen(self, views, pixels: int | None = None) -> "Silhouettes":
        """Those of some views, with fewer pixels if so asked."""
        of_views = Silhouettes(*(getattr(self, field.name)[views] for field in dataclasses.fields(self)))
        if pixels is None:
            return of_views
        every = np.linspace(0, self.pixels.shape[1] - 1, pixels).round().astype(int)
        return dataclasses.replace(of_views, pixels=of_views.pixels[:, every])


def mask_of(image: UInt8[np.ndarray, "H W 4"], threshold: int) -> UInt8[np.ndarray, "h w"]:
    """The share of each pixel that is the object (0 to 255), where alpha is above `threshold`, made small."""
    opaque = Image.fromarray((image[..., 3] > threshold).astype(np.uint8) * 255)
    return np.asarray(opaque.reduce(-(-max(opaque.size) // RESOLUTION)))


def silhouettes(masks: Sequence[UInt8[np.ndarray, "h w"]], pixels: int = PIXELS) -> Silhouettes:
    """The masks as `mask_of` makes them, of one size, none of them empty."""
    shares = np.stack(masks)
    _, height, width = shares.shape
    touched = shares > 0
    chosen = np.stack([_spread(np.argwhere(share > 127), np.argwhere(share > 0), pixels) for share in shares])
    edges = np.ones((height, width), bool)
    edges[1:-1, 1:-1] = False
    return Silhouettes(
        distance=np.stack([np.asarray(ndimage.distance_transform_edt(~mask), np.float32) for mask in touched]),
        pixels=((chosen[..., ::-1] + 0.5) / (width, height)).astype(np.float32),
        boxes=np.stack([_box(mask) for mask in touched]) / (width, height, width, height),
        area=touched.mean((1, 2)),
        touches_edge=np.asarray((touched & edges).any((1, 2))),
    )


def _spread(inside: np.ndarray, touched: np.ndarray, count: int) -> np.ndarray:
    """`count` of the pixels, evenly; of those that are mostly object if there are any. Small masks repeat some."""
    among = inside if len(inside) else touched
    return among[np.linspace(0, len(among) - 1, count).round().astype(int)]


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
