"""A picture on a mesh: charts by xatlas, and colours asked for at the texels' places on the surface."""

import contextlib
import dataclasses
import io
from collections.abc import Callable

import numpy as np
import scipy.ndimage
from jaxtyping import Float, Int, UInt8
from PIL import Image

from real3d_jax.errors import check_installed
from real3d_jax.export.stages import Stage
from real3d_jax.export.topology import areas
from real3d_jax.images import as_bytes

SMALLEST, LARGEST = 64, 8192  # texels per side
_PADDING = 4  # texels between charts, so that mipmaps mix none
_MARGIN = 1.0  # texels around a chart whose colours are asked for, on the plane of its faces
_LARGEST_CHART = 1 / 30  # of the surface: xatlas lays out large charts slowly, and no better
_CANDIDATES_AT_ONCE = 2**16  # whose arrays stay in a processor's cache
_TEXELS_AT_ONCE = 2**20


def check_xatlas() -> None:
    """Raises UserError unless textures can be made."""
    check_installed("xatlas", what="Textures are laid out", extra="texture")


@dataclasses.dataclass(frozen=True)
class Texture:
    """The base colour of a mesh, which keeps its vertices whole: corners of its faces have their own coordinates.

    Attributes:
      image: sRGB, its first row on top.
      uv: places in it, in [0, 1]: to the right, and downwards, as in glTF.
      faces: which of `uv` each corner of the mesh's faces has.
    """

    image: UInt8[np.ndarray, "S S 3"]
    uv: Float[np.ndarray, "T 2"]
    faces: Int[np.ndarray, "F 3"]

    def png(self) -> bytes:
        """The image as a PNG file."""
        file = io.BytesIO()
        Image.fromarray(self.image).save(
            file, format="PNG", compress_level=4
        )  # twice as fast as 6, and a twentieth larger
        return file.getvalue()


def textured(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    colours_at: Callable[[Float[np.ndarray, "N 3"]], Float[np.ndarray, "N 3"]],
    *,
    size: int,
    stage: Stage = contextlib.nullcontext,
) -> Texture:
    """A texture of a mesh.

    A texel's colour is that of its place on the surface, or, one texel around a chart, on the plane of the chart's
    nearest face, so that bilinear filters are right up to the seams. All others have the colour of the nearest one.

    Args:
      vertices: corners.
      faces: three corners each; seconds for 20,000, and minutes for many more.
      colours_at: sRGB colours in [0, 1] of points.
      size: texels per side.
      stage: entered as 'UVs' while charts are laid out.

    Raises:
      UserError: xatlas is not installed.
    """
    with stage("UVs"):
        uv, corners = _charts(vertices, faces, size)
    face = texel_faces(uv * size, corners, size)
    texels = np.flatnonzero(face >= 0)
    image = np.zeros((size * size, 3), np.uint8)
    places_of = _planes(vertices[faces], uv[corners] * size)
    for start in range(0, len(texels), _TEXELS_AT_ONCE):
        part = texels[start : start + _TEXELS_AT_ONCE]
        image[part] = as_bytes(colours_at(places_of(face[part], _centres(part, size))))
    image, empty = image.reshape(size, size, 3), (face < 0).reshape(size, size)
    nearest = scipy.ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    return Texture(image[tuple(np.asarray(nearest))], uv, corners)


def _charts(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], size: int
) -> tuple[Float[np.ndarray, "T 2"], Int[np.ndarray, "F 3"]]:
    check_xatlas()
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_chart_area = float(_LARGEST_CHART * areas(vertices, faces).sum())
    packing.resolution, packing.padding, packing.bilinear = size, _PADDING, True
    atlas.generate(charts, packing)
    _, corners, uv = atlas[0]
    return uv.astype(np.float32), corners.astype(np.int32)


def texel_faces(
    uv: Float[np.ndarray, "T 2"], corners: Int[np.ndarray, "F 3"], size: int
) -> Int[np.ndarray, "{size}*{size}"]:
    """The face that each texel lies on or, within a texel around a chart, next to; -1 for none.

    Args:
      uv: places in texels, whose centres lie at halves.
      corners: of the faces, among `uv`.
      size: texels per side.
    """
    triangles = uv[corners].astype(np.float64)
    first = np.clip(np.ceil(triangles.min(1) - _MARGIN - 0.5), 0, size).astype(np.int64)
    end = np.clip(np.floor(triangles.max(1) + _MARGIN - 0.5) + 1, 0, size).astype(np.int64)
    width, height = np.maximum(end - first, 0).T
    width[_doubled_areas(triangles) == 0] = 0
    lines = _lines(triangles)
    nearest, face = np.full(size * size, -_MARGIN), np.full(size * size, -1, np.int32)
    for some in _in_parts(width * height):
        count = (width * height)[some]
        of = np.repeat(some, count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        down, right = np.divmod(place, width[of])
        down, right = down + first[of, 1], right + first[of, 0]
        texel = down * size + right
        depth = np.full(len(of), np.inf)  # distance to the nearest edge, negative outside
        for x, y, constant in lines:
            np.minimum(depth, x[of] * (right + 0.5) + y[of] * (down + 0.5) + constant[of], out=depth)
        np.maximum.at(nearest, texel, depth)
        won = depth == nearest[texel]
        face[texel[won]] = of[won]
    return face


def _in_parts(counts: Int[np.ndarray, "F"]) -> list[Int[np.ndarray, "_"]]:
    """Numbers of faces whose candidates fit into memory together."""
    part = np.cumsum(counts) // _CANDIDATES_AT_ONCE
    wanted = np.flatnonzero(counts)
    return np.split(wanted, np.flatnonzero(np.diff(part[wanted])) + 1) if len(wanted) else []


def _centres(texel: Int[np.ndarray, "N"], size: int) -> Float[np.ndarray, "N 2"]:
    return np.stack([texel % size, texel // size], axis=1) + 0.5


def _doubled_areas(triangles: Float[np.ndarray, "N 3 2"]) -> Float[np.ndarray, "N"]:
    """Signed."""
    (ax, ay), (bx, by) = (triangles[:, 1] - triangles[:, 0]).T, (triangles[:, 2] - triangles[:, 0]).T
    return ax * by - ay * bx


def _planes(
    triangles: Float[np.ndarray, "F 3 3"], uv: Float[np.ndarray, "F 3 2"]
) -> Callable[[Int[np.ndarray, "N"], Float[np.ndarray, "N 2"]], Float[np.ndarray, "N 3"]]:
    """The places of texels on the planes of faces, as a function of these and the texels' centres."""
    (corner, first, second), (at, u, v) = (
        (x[:, 0], x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) for x in (triangles.astype(np.float64), uv.astype(np.float64))
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # faces without texels
        area = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])[:, None]
        right = (v[:, 1:] * first - u[:, 1:] * second) / area
        down = (u[:, :1] * second - v[:, :1] * first) / area

    def places(face, centres):
        across, along = (centres - at[face]).T[..., None]
        return corner[face] + across * right[face] + along * down[face]

    return places


def _lines(triangles: Float[np.ndarray, "N 3 2"]) -> Float[np.ndarray, "3 3 N"]:
    """For each edge `(a, b, c)`, so that a point's distance to its line is a x + b y + c, negative outside."""
    start, end = np.roll(triangles, -1, axis=1), np.roll(triangles, -2, axis=1)
    along = (end - start) / np.maximum(np.linalg.norm(end - start, axis=2, keepdims=True), 1e-12)
    along *= np.sign(_doubled_areas(triangles))[:, None, None]
    (x, y), (start_x, start_y) = np.moveaxis(along, 2, 0), np.moveaxis(start, 2, 0)
    return np.stack([-y, x, start_x * y - start_y * x]).transpose(2, 0, 1)
