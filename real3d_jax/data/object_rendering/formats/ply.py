"""Reads PLY with plyfile: text and binary of both byte orders, polygons and strips, colours and textures."""

import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from plyfile import PlyData, PlyElement, PlyListProperty, PlyParseError

from real3d_jax.data.object_rendering.formats.colours import NO_COLOUR, rgba_to_linear, with_alpha
from real3d_jax.data.object_rendering.formats.parts import part
from real3d_jax.data.object_rendering.formats.polygons import triangulate
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.object_rendering.formats.strips import strip_triangles
from real3d_jax.data.object_rendering.meshes import Part, Texture
from real3d_jax.data.records import Unusable

_INDICES = ("vertex_indices", "vertex_index")
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_ALPHAS = ("alpha", "diffuse_alpha", "a")
_COORDINATES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_TEXTURE = "TextureFile"
_LONGEST_HEADER = 1 << 16


class _Faces(NamedTuple):
    """Triangles as positions in the corners of all polygons, and what belongs to them."""

    triangles: Int[np.ndarray, "triangles 3"]
    corners: Int[np.ndarray, "corners"]  # vertices
    polygons: Int[np.ndarray, "triangles"]  # rows of the file's faces
    starts: Int[np.ndarray, "polygons"]  # in `corners`


def read(reading: Reading) -> list[Part]:
    """The faces of a file, one part for each texture.

    Raises:
      Malformed: it is damaged, or a face has a corner that is not there.
      Unusable: it has no faces.
    """
    file = _opened(reading)
    vertex = _element(file, "vertex")
    if vertex is None:
        raise Unusable("it has no faces")
    points = _columns(vertex, ("x", "y", "z"))
    if points is None:
        raise Malformed("its vertices have no x, y and z")
    face = _element(file, "face")
    faces = _faces(file, face, points)
    if not len(faces.triangles):
        cloud = " (it is a cloud of Gaussians)" if "f_dc_0" in _properties(vertex) else ""
        raise Unusable(f"it has no faces{cloud}")
    at = faces.corners[faces.triangles]
    normals = _columns(vertex, ("nx", "ny", "nz"))
    colours = _colours(reading, vertex, face, faces, at)
    made = []
    for rows, uv, texture in _textured(reading, file, vertex, face, faces, at):
        shown = colours[rows] if texture is None else np.ones((len(rows), 3, 4))
        smooth = None if normals is None else normals[at[rows]]
        made.append(part(points[at[rows]], colours=shown, normals=smooth, uv=uv, texture=texture))
    return made


def _opened(reading: Reading) -> PlyData:
    """The file. Lists of one known length are read at once, others a row at a time."""
    fault, plain = None, _in_ascii(reading)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's of lists of no numbers
        for count in (3, 4, None):
            known = {} if count is None else {"face": {**dict.fromkeys(_INDICES, count), "texcoord": 2 * count}}
            try:
                return PlyData.read(io.BytesIO(plain) if plain else str(reading.path), known_list_len=known)
            except PlyParseError as error:
                fault = error
            except (ValueError, TypeError, OverflowError, MemoryError, StopIteration, RuntimeError) as error:
                raise Malformed(str(error) or type(error).__name__) from error
    raise Malformed(str(fault))


def _in_ascii(reading: Reading) -> bytes | None:
    """The file with a header that plyfile reads, where comments have other letters than ASCII's; else None."""
    with reading.path.open("rb") as file:
        header = file.read(_LONGEST_HEADER).partition(b"end_header")[0]
        if header.isascii():
            return None
        file.seek(len(header))
        rest = file.read()
    lines = header.split(b"\n")
    for line in lines:
        if not line.isascii() and (_TEXTURE.encode() in line or not line.startswith((b"comment", b"obj_info"))):
            raise Malformed("its header has letters that are not ASCII's")
    return b"\n".join(line if line.isascii() else b"comment" for line in lines) + rest


def _element(file: PlyData, name: str) -> PlyElement | None:
    return next((element for element in file.elements if element.name == name), None)


def _properties(element: PlyElement) -> list[str]:
    return [entry.name for entry in element.properties]


def _columns(element: PlyElement | None, names: Sequence[str]) -> Float[np.ndarray, "rows columns"] | None:
    """Numbers of an element; None where it lacks one of the properties."""
    if element is None or not set(names) <= set(_properties(element)):
        return None
    if any(isinstance(element.ply_property(name), PlyListProperty) for name in names):
        raise Malformed(f"'{names[0]}' is a list in it")
    return np.stack([np.asarray(element.data[name], np.float64) for name in names], -1)


def _lists(element: PlyElement | None, name: str) -> tuple[Any, Int[np.ndarray, "rows"]] | None:
    """The values of a list property, one after the other, and how many each row has."""
    if element is None or name not in _properties(element):
        return None
    if not isinstance(element.ply_property(name), PlyListProperty):
        raise Malformed(f"'{name}' is no list in it")
    column: Any = element.data[name]
    if column.dtype != object:
        return np.asarray(column).reshape(-1), np.full(len(column), column.shape[1] if column.ndim > 1 else 0)
    counts = np.array([len(row) for row in column], np.int64)
    return (np.concatenate(list(column)) if len(column) else np.zeros(0, np.int64)), counts


def _corner_lists(element: PlyElement | None) -> tuple[Any, Int[np.ndarray, "rows"]] | None:
    return next((found for name in _INDICES if (found := _lists(element, name)) is not None), None)


def _faces(file: PlyData, face: PlyElement | None, points: Float[np.ndarray, "vertices 3"]) -> _Faces:
    nothing = np.zeros(0, np.int64)
    listed, strips = _corner_lists(face), _corner_lists(_element(file, "tristrips"))
    if listed is None and strips is not None:
        corners = _checked(strips[0], len(points), ends=True)
        runs = np.split(corners, np.cumsum(strips[1])[:-1])
        pieces = [piece[piece >= 0] for run in runs for piece in np.split(run, np.flatnonzero(run < 0))]
        triangles = np.concatenate([strip_triangles(piece) for piece in pieces] or [np.zeros((0, 3), np.int64)])
        return _Faces(np.arange(triangles.size).reshape(-1, 3), triangles.ravel(), np.arange(len(triangles)), nothing)
    if listed is None:
        return _Faces(np.zeros((0, 3), np.int64), nothing, nothing, nothing)
    corners, counts = _checked(listed[0], len(points)), listed[1]
    starts = np.cumsum(counts) - counts
    triangles = triangulate(points[corners], counts)
    polygons = np.searchsorted(starts + counts, triangles[:, 0], side="right")
    return _Faces(triangles, corners, polygons, starts)


def _checked(indices: np.ndarray, count: int, *, ends: bool = False) -> Int[np.ndarray, "corners"]:
    """Indices of vertices; `ends` allows -1, which ends a strip."""
    if len(indices) and not np.issubdtype(indices.dtype, np.integer):
        raise Malformed("the corners of its faces are no whole numbers")
    indices = indices.astype(np.int64)
    if len(indices) and (indices.min() < (-1 if ends else 0) or indices.max() >= count):
        raise Malformed("a face has a corner that is not there")
    return indices


def _colours(
    reading: Reading,
    vertex: PlyElement,
    face: PlyElement | None,
    faces: _Faces,
    at: Int[np.ndarray, "triangles 3"],
) -> Float[np.ndarray, "triangles 3 4"]:
    """Colours of the vertices; without them those of the faces, and without these grey."""
    of_vertices, of_faces = _rgba(reading, vertex), _rgba(reading, face)
    if of_vertices is not None:
        if of_faces is not None:
            reading.note("the colours of its faces were passed over for those of its vertices")
        return of_vertices[at]
    if of_faces is not None:
        return np.repeat(of_faces[faces.polygons][:, None], 3, axis=1)
    if face is not None and "color" in _properties(face):
        reading.note("the colours of its faces' corners were passed over")
    return np.tile(rgba_to_linear(np.array(NO_COLOUR)), (len(at), 3, 1))


def _rgba(reading: Reading, element: PlyElement | None) -> Float[np.ndarray, "rows 4"] | None:
    for names, alpha in zip(_COLOURS, _ALPHAS, strict=True):
        if _columns(element, names) is None:
            continue
        assert element is not None
        present = [*names, alpha] if alpha in _properties(element) else list(names)
        channels = _columns(element, present)
        assert channels is not None
        channels = channels / _full_scale(reading, element.data[names[0]].dtype, channels)
        return rgba_to_linear(with_alpha(channels))
    return None


def _full_scale(reading: Reading, dtype: np.dtype, values: Float[np.ndarray, "rows channels"]) -> float:
    """The number that is white."""
    if not np.isfinite(values).all():
        raise Malformed("it has colours that are not finite")
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return float(np.iinfo(dtype).max)
    largest = values.max(initial=0)
    if dtype.kind == "f" and largest <= 1:
        return 1.0
    if largest > 255:
        raise Malformed(f"its colours go to {largest:g}")
    if dtype.kind == "f":
        reading.note("its colours go to 255 as fractions, and were divided by it")
    return 255.0


def _textured(
    reading: Reading,
    file: PlyData,
    vertex: PlyElement,
    face: PlyElement | None,
    faces: _Faces,
    at: Int[np.ndarray, "triangles 3"],
) -> Iterator[tuple[Int[np.ndarray, "some"], Float[np.ndarray, "some 3 2"] | None, Texture | None]]:
    """Triangles that share a texture, their texture coordinates, and it."""
    names = [comment[len(_TEXTURE) :].strip() for comment in file.comments if comment.startswith(_TEXTURE)]
    uv, there = _coordinates(vertex, face, faces, at)
    number = np.zeros(len(at), np.int64)
    if face is not None and "texnumber" in _properties(face) and names:
        number = np.asarray(_columns(face, ("texnumber",)))[faces.polygons, 0].astype(np.int64)
    there &= (number >= 0) & (number < len(names))
    if names and not there.any():
        reading.fault(f"it has no texture coordinates for its texture '{names[0]}'")
    elif names and not there.all():
        reading.note("faces without texture coordinates show no texture")
    if not there.all():
        yield np.flatnonzero(~there), None, None
    for index, name in enumerate(names):
        rows = np.flatnonzero(there & (number == index))
        if len(rows):
            pixels = reading.picture(name, lambda name=name: reading.contents(name))
            yield rows, uv[rows], None if pixels is None else Texture(pixels)


def _coordinates(
    vertex: PlyElement, face: PlyElement | None, faces: _Faces, at: Int[np.ndarray, "triangles 3"]
) -> tuple[Float[np.ndarray, "triangles 3 2"], Bool[np.ndarray, "triangles"]]:
    """Texture coordinates, and which triangles have them."""
    listed = _lists(face, "texcoord")
    if listed is not None and len(faces.starts):
        values, counts = listed
        sizes = np.diff(np.append(faces.starts, len(faces.corners)))
        there = (counts == 2 * sizes)[faces.polygons]
        corner = faces.triangles - faces.starts[faces.polygons][:, None]
        place = (np.cumsum(counts) - counts)[faces.polygons][:, None] + 2 * corner
        pairs = np.where(there[:, None, None], place[..., None] + np.arange(2), 0)
        values = np.asarray(values, np.float64) if len(values) else np.zeros(1)
        return values[pairs], there
    for names in _COORDINATES:
        of_vertices = _columns(vertex, names)
        if of_vertices is not None:
            return of_vertices[at], np.ones(len(at), bool)
    return np.zeros((len(at), 3, 2)), np.zeros(len(at), bool)
