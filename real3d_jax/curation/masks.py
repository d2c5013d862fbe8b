"""Masks as COCO writes them: run lengths, compressed or not, and polygons.

pycocotools decodes them, but trusts them: run lengths that do not fill the image give memory that nobody wrote, and
points far outside never end. So everything is checked first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pycocotools.mask
from jaxtyping import Bool, Int

from real3d_jax.data.records import Unusable

coco_mask: Any = pycocotools.mask  # its stubs know fewer of its types than it does


def decode(segmentation: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The mask of an annotation's `segmentation`.

    Args:
      segmentation: `{"size": [height, width], "counts": text or numbers}`, or a list of such or of polygons
        `[x, y, x, y, ...]`, which are joined.
      size: height and width of the photograph.

    Raises:
      Unusable: it is none of these, broken, or of another size.
    """
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, size)
    if isinstance(segmentation, list) and segmentation:
        if all(isinstance(part, dict) for part in segmentation):
            return np.any([_from_runs(part, size) for part in segmentation], axis=0)
        return _from_polygons(segmentation, size)
    raise Unusable("its segmentation is neither run lengths nor polygons")


def encode(mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    """Compressed run lengths, as JSON."""
    runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": runs["counts"].decode("ascii")}


def run_lengths(counts: str) -> Int[np.ndarray, " N"]:
    """The numbers in compressed run lengths: chunks of five bits, the sixth says that more follow; from the fourth
    number on, each is the difference from the one two before.

    Raises:
      Unusable: the text is no such code.
    """
    chunks = np.frombuffer(counts.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if not chunks.size or chunks.min() < 0 or chunks.max() > 63 or chunks[-1] & 32:
        raise Unusable("its compressed run lengths are broken")
    ends = np.flatnonzero(~chunks & 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(chunks)) - np.repeat(starts, ends - starts + 1)
    if place.max() > 7:
        raise Unusable("its compressed run lengths are broken")
    numbers = np.add.reduceat((chunks & 31) << 5 * place, starts)
    numbers -= np.where(chunks[ends] & 16, 1 << 5 * (ends - starts + 1), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _from_runs(runs: dict[str, Any], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    counts, stated = runs.get("counts"), runs.get("size")
    if not (isinstance(stated, list) and len(stated) == 2 and isinstance(counts, str | list)):
        raise Unusable("its run lengths lack 'size' or 'counts'")
    if tuple(stated) != size:
        raise Unusable(f"its mask is {stated[0]} x {stated[1]}, the photograph {size[0]} x {size[1]} (height x width)")
    if isinstance(counts, list) and not all(type(n) is int and abs(n) < 2**62 for n in counts):
        raise Unusable("its run lengths are no whole numbers")
    numbers = run_lengths(counts) if isinstance(counts, str) else np.array(counts, np.int64)
    if (numbers < 0).any() or numbers.sum() != size[0] * size[1]:
        raise Unusable(f"its run lengths do not add up to the mask's {size[0] * size[1]} pixels")
    compressed = runs if isinstance(counts, str) else coco_mask.frPyObjects(runs, *size)
    return coco_mask.decode(compressed).astype(bool)


def _from_polygons(polygons: Sequence[Any], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    for polygon in polygons:
        if not (isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0):
            raise Unusable("its polygons are not lists of three or more x, y")
        if not all(type(number) in (int, float) for number in polygon):
            raise Unusable("its polygons hold something else than numbers")
        longest = max(size)
        if not all(-longest <= number <= 2 * longest for number in polygon):  # NaN is out as well
            raise Unusable("its polygons reach far outside the photograph")
    if all(0 <= number <= 1 for polygon in polygons for number in polygon):
        raise Unusable("its polygons lie between 0 and 1: they look like shares of the photograph, not pixels")
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *size))).astype(bool)
