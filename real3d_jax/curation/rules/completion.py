"""How much of an object is hidden, guessed from where its contour is cut off.

Where something nearer owns a stretch of an object's contour, the object's own contour ends at both ends of the stretch
and goes on behind. It is continued there along its tangents until they meet, or for a limited length; the area between
these lines and the stretch is the guess. Grazing contact gives next to nothing, a cut-off leg a square of its width.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from real3d_jax.curation.rules.contours import Contour


def hidden_area(contour: Contour, owned: Bool[np.ndarray, " N"], *, tangent: int, extension: float) -> float:
    """Area that is hidden, square pixels.

    Args:
      contour: of the visible part.
      owned: points that belong to something nearer.
      tangent: number of points before and after a stretch from which its tangents are taken.
      extension: how far tangents are followed at most, in units of the distance between the stretch's ends.
    """
    area = 0.0
    for number in np.unique(contour.curve[owned]):
        on_curve = contour.curve == number
        points = contour.points[on_curve]
        area += sum(_hidden_by(points, start, stop, tangent, extension) for start, stop in _stretches(owned[on_curve]))
    return area


def _stretches(owned: Bool[np.ndarray, " N"]) -> Iterator[tuple[int, int]]:
    """Runs of owned points [start, stop) of a closed curve; stop may exceed its number of points."""
    if owned.all():
        yield 0, len(owned)
        return
    first = int(np.flatnonzero(~owned)[0])
    steps = np.diff(np.roll(owned, -first).astype(np.int8), prepend=0, append=0)
    for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        yield int(start) + first, int(stop) + first


def _hidden_by(points: Float[np.ndarray, "N 2"], start: int, stop: int, tangent: int, extension: float) -> float:
    count = len(points)
    if stop - start == count:
        return abs(_polygon_area(points))
    before, after = points[(start - 1) % count], points[stop % count]
    into = _unit(before - points[(start - 1 - tangent) % count])
    back = _unit(after - points[(stop + tangent) % count])
    furthest = extension * float(np.linalg.norm(after - before))
    lengths = _meeting(before, into, after, back)
    if lengths is None or max(lengths) > furthest:
        beyond = np.stack([after + furthest * back, before + furthest * into])
    else:
        beyond = (before + lengths[0] * into)[None]
    stretch = np.concatenate([before[None], points[np.arange(start, stop) % count], after[None]])
    # If tangents lead back into the visible part, as beside a notch, what the stretch cuts out of it remains.
    return max(abs(_polygon_area(np.concatenate([stretch, beyond]))), _polygon_area(stretch))


def _meeting(a: np.ndarray, along_a: np.ndarray, b: np.ndarray, along_b: np.ndarray) -> tuple[float, float] | None:
    """How far from a and b the two rays cross; None if they do not."""
    cross = along_a[0] * along_b[1] - along_a[1] * along_b[0]
    if abs(cross) < 1e-6:
        return None
    x, y = b - a
    from_a, from_b = (x * along_b[1] - y * along_b[0]) / cross, (x * along_a[1] - y * along_a[0]) / cross
    return (float(from_a), float(from_b)) if min(from_a, from_b) > 0 else None


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def _polygon_area(corners: Float[np.ndarray, "N 2"]) -> float:
    """Positive if the corners go round it as a contour goes round what is outside the mask."""
    x, y = (corners - corners[0]).T
    return float(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) / 2
