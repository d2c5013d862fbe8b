"""Point clouds in PLY files, read with `plyfile`, which is an extra."""

import pathlib

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import Unusable
from real3d_jax.errors import check_installed


def check_reader() -> None:
    """Refuses to go on without the package that reads them: see `errors.check_installed`."""
    check_installed("plyfile", what="Point clouds are read", extra="data")


def read_points(path: pathlib.Path) -> Float[np.ndarray, "n 3"]:
    """The positions in a PLY file, binary or ASCII; at least one.

    Raises:
      Unusable: the file is missing or damaged, or has no points or some that are not finite.
    """
    import plyfile

    if not path.is_file():
        raise Unusable(f"'{path.name}' is missing")
    try:
        vertices = plyfile.PlyData.read(path)["vertex"]
        points = np.stack([vertices[axis] for axis in "xyz"], -1).astype(np.float64)
    except Exception as error:  # it raises many kinds for damaged files
        raise Unusable(f"'{path.name}' cannot be read ({' '.join(str(error).split())[:200]})") from error
    if not len(points):
        raise Unusable(f"'{path.name}' has no points")
    if not np.isfinite(points).all():
        raise Unusable(f"'{path.name}' has points that are not finite")
    return points
