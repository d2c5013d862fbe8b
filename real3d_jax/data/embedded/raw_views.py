"""Clean single views made worse, as photographs are before curation: objects hidden in part, or cut by the frame.

A share of the items, chosen by their names, is spoilt; one half of them is occluded, the other truncated. An occluded
object loses what the silhouette of the source's next object covers, as instance segmentation leaves it: its mask ends
where the thing in front begins. A truncated one loses what lies beyond one side of its photograph. Either way between
20 and 50 percent of its pixels are lost, as nearly as the shapes allow.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, UInt8

from real3d_jax.data.names import place
from real3d_jax.data.records import Item, Photograph, Rejection, Source
from real3d_jax.errors import UserError

_LOST = (0.2, 0.5)  # of the object's pixels
_STEPS = 48  # places that an occluder is tried at
_PURPOSE = "raw"

_Image = UInt8[np.ndarray, "H W 4"]


def with_raw_share(source: Source, share: float) -> Source:
    """The source with a share of its photographs spoilt; their `provenance` says how, and how much was lost.

    Args:
      source: of single views of one size each, whose items can be made beyond the end of a split.
      share: in (0, 1].

    Raises:
      UserError: the share is out of range.
    """
    if not 0 < share <= 1:
        raise UserError(f"The share of raw views must lie above 0 and be at most 1, not {share}.")

    def items(split: str, chosen: range) -> Iterator[Item | Rejection]:
        with_next = source.items(split, range(chosen.start, chosen.stop + 1))
        for item, following in itertools.pairwise(with_next):
            assert isinstance(item, Item)
            assert isinstance(following, Item)
            yield _spoilt(item, following) if place(item.key, purpose=_PURPOSE) < share else item

    return dataclasses.replace(source, settings={**source.settings, "raw": share}, items=items)


def _spoilt(item: Item, following: Item) -> Item:
    (photograph,), (front,) = item.records, following.records
    assert isinstance(photograph, Photograph)
    assert isinstance(front, Photograph)
    rng = np.random.default_rng([*item.key.encode()])
    wanted = rng.uniform(*_LOST)
    occluded = rng.uniform() < 0.5
    if occluded:
        image = occlude(photograph.image, front.image[..., 3] > 0, wanted=wanted, angle=rng.uniform(0, 2 * np.pi))
    else:
        image = truncate(photograph.image, wanted=wanted, side=int(rng.integers(4)))
    lost = 1 - np.count_nonzero(image[..., 3]) / np.count_nonzero(photograph.image[..., 3])
    how = {"raw": "occluded" if occluded else "truncated", "lost": round(lost, 4)}
    return Item(item.key, (Photograph(item.key, image, {**photograph.provenance, **how}),))


def occlude(image: _Image, silhouette: Bool[np.ndarray, "H W"], *, wanted: float, angle: float) -> _Image:
    """Takes away what a silhouette covers, which is moved in until it covers about enough.

    Args:
      image: straight alpha.
      silhouette: of the thing in front.
      wanted: share of the object's pixels to be lost.
      angle: direction that it comes from, radians.
    """
    alpha = image[..., 3] > 0
    shifts = [
        (round(far * np.sin(angle)), round(far * np.cos(angle))) for far in np.linspace(0, max(alpha.shape), _STEPS)
    ]
    covers = [_moved(silhouette, *shift) for shift in shifts]
    lost = [np.count_nonzero(alpha & cover) / max(1, np.count_nonzero(alpha)) for cover in covers]
    nearest = covers[int(np.argmin(np.abs(np.array(lost) - wanted)))]
    return np.where(nearest[..., None], np.uint8(0), image)


def truncate(image: _Image, *, wanted: float, side: int) -> UInt8[np.ndarray, "h w 4"]:
    """Cuts the image on one side so that about a share of the object is lost.

    Args:
      image: straight alpha.
      wanted: share of the object's pixels to be lost.
      side: 0 left, 1 top, 2 right, 3 bottom.
    """
    turned = np.rot90(image, side)  # that side is on the left now
    columns = np.count_nonzero(turned[..., 3], axis=0)
    lost = np.cumsum(columns) / max(1, columns.sum())
    cut = int(np.argmin(np.abs(lost - wanted))) + 1
    return np.ascontiguousarray(np.rot90(turned[:, cut:], -side))


def _moved(mask: Bool[np.ndarray, "H W"], down: int, right: int) -> Bool[np.ndarray, "H W"]:
    """The mask elsewhere, with nothing where it came from."""
    height, width = mask.shape
    moved = np.zeros_like(mask)
    from_rows, to_rows = slice(max(0, -down), height - max(0, down)), slice(max(0, down), height - max(0, -down))
    from_columns, to_columns = (
        slice(max(0, -right), width - max(0, right)),
        slice(max(0, right), width - max(0, -right)),
    )
    moved[to_rows, to_columns] = mask[from_rows, from_columns]
    return moved
