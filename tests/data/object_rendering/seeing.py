"""Pictures of mesh files from their front, and what is expected in them."""

import numpy as np

from real3d_jax.data.object_rendering import mesh_files
from tests.data.object_rendering import shapes

SIZE = 128
FOV_Y = 40.0
# Looks along -y of the world, which is the file's -z where +y of the file is up.
FRONT = np.array([[1.0, 0, 0, 0], [0, 0, -1, -1.8], [0, 1, 0, 0], [0, 0, 0, 1]])
RED, GREEN, BLUE, STEEL = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (100, 150, 200))


def front(renderer, path, **options) -> np.ndarray:
    """The picture of a file from its front, +x to the right and +y up; the square of side 1 is 97 pixels wide."""
    with renderer.loaded(mesh_files.load(path, **options)):
        return renderer.colour(FRONT, FOV_Y)


def assert_quarters(rgba, expected=shapes.QUARTERS, atol=1):
    """Each quarter of the square has its colour."""
    for row in range(2):
        for column in range(2):
            pixel = rgba[(48, 80)[row], (48, 80)[column]]
            np.testing.assert_allclose(pixel, [*expected[row][column], 255], atol=atol)


def corners(path, **options) -> np.ndarray:
    """The corners of all triangles, in the file's coordinates."""
    parts, _ = mesh_files.read_parts(path)
    return np.concatenate([part.triangles for part in parts])


def area(triangles) -> float:
    """Of a surface."""
    sides = triangles[:, 1:] - triangles[:, :1]
    return float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=-1).sum() / 2)


def notes(path, **options) -> list[str]:
    """What was noted."""
    return list(mesh_files.load(path, **options).notes)
