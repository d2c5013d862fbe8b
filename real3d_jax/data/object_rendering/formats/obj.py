"""Reads OBJ: the polygons of its whole grammar, with materials, textures and colours of vertices.

Curves, points and lines have no surface and are passed over; free-form surfaces are refused by name.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from real3d_jax.data.object_rendering.formats import mtl
from real3d_jax.data.object_rendering.formats.colours import NO_COLOUR, at_corners, rgba_to_linear, with_alpha
from real3d_jax.data.object_rendering.formats.parts import part
from real3d_jax.data.object_rendering.formats.polygons import triangulate
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.object_rendering.formats.text import number, statements, without_comment
from real3d_jax.data.object_rendering.meshes import Part
from real3d_jax.data.records import Unusable

_NO_SURFACE = """
g o s p l vp mg bevel c_interp d_interp shadow_obj trace_obj ctech stech
cstype deg bmat step curv curv2 parm trim hole scrv sp end con
"""
_NO_EFFECT = frozenset(_NO_SURFACE.split())
_NOTED = ("lod", "maplib", "usemap")
_REFUSED = {
    **dict.fromkeys(("surf", "bzp", "bsp", "cdc", "cdp", "res"), "free-form surfaces"),
    **dict.fromkeys(("call", "csh"), "commands"),
}
_NO_MATERIAL = ("", "none", "(null)", "null")
_POSITION, _TEXTURE, _NORMAL = range(3)


class _Corners(NamedTuple):
    """Corners of polygons, one after the other.

    Attributes:
      indices: of vertex, texture coordinate and normal; -1 is none.
      counts: corners of each polygon.
    """

    indices: Int[np.ndarray, "corners 3"]
    counts: Int[np.ndarray, "polygons"]


@dataclasses.dataclass
class _Statements:
    """What the lines of a file say."""

    rows: dict[str, list[str]] = dataclasses.field(default_factory=lambda: {"v": [], "vt": [], "vn": []})
    lines: dict[str, list[int]] = dataclasses.field(default_factory=lambda: {"v": [], "vt": [], "vn": []})
    faces: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    libraries: list[str] = dataclasses.field(default_factory=list)


def read(reading: Reading) -> list[Part]:
    """The faces of a file: one part for each material, and another for its faces without texture coordinates.

    Raises:
      Malformed: it is damaged, or a face has a corner that is not there.
      Unusable: it has no faces, or uses a statement that is not understood.
    """
    found = _statements(reading)
    if not any(found.faces.values()):
        raise Unusable("it has no faces")
    points, colours = _vertices(reading, found)
    uv, normals = _table(found, "vt", (1, 2, 3), fill=0.0), _table(found, "vn", (3,))
    materials = mtl.read(reading, found.libraries)
    made = []
    for name, faces in sorted(found.faces.items()):
        if not faces:
            continue
        corners = _corners(faces, (len(points), len(uv), len(normals)))
        if (corners.counts < 3).any():
            reading.note("faces of fewer than three corners were passed over")
        triangles = corners.indices[triangulate(points[corners.indices[:, _POSITION]], corners.counts)]
        material = _material(reading, materials, name)
        for chosen, is_mapped in _by_mapping(triangles):
            if len(chosen):
                made.append(_part(reading, chosen, points, colours, uv if is_mapped else None, normals, material))
    if not made:
        raise Unusable("it has no faces")
    return made


def _statements(reading: Reading) -> _Statements:
    found, unknown = _Statements(), None
    rows, lines = found.rows, found.lines
    current = found.faces.setdefault("", [])
    for line, word, rest in statements(reading.path.read_bytes()):
        if word in rows:
            rows[word].append(rest)
            lines[word].append(line)
        elif word in ("f", "fo"):
            rest = without_comment(rest)
            current.append(_absolute(rest, rows, line) if "-" in rest else rest)
        elif word == "usemtl":
            current = found.faces.setdefault(rest, [])
        elif word == "mtllib":
            found.libraries.append(rest)
        elif word in _REFUSED:
            raise Unusable(f"line {line} has '{word}': {_REFUSED[word]} of OBJ are not read; export it as polygons")
        elif word in _NOTED:
            reading.note(f"{word} was not applied")
        elif word not in _NO_EFFECT and unknown is None:
            unknown = Malformed(f"line {line} begins with '{word[:20]}', which OBJ does not have")
    if unknown is not None and any(found.faces.values()):
        raise unknown
    return found


def _absolute(face: str, rows: dict[str, list[str]], line: int) -> str:
    """A face whose negative indices, which count back from the last one so far, are replaced."""
    counts = [len(rows[name]) for name in ("v", "vt", "vn")]

    def replaced(corner: str) -> str:
        try:
            parts = [int(part) if part else 0 for part in corner.split("/")]
        except ValueError as error:
            raise Malformed(f"line {line}: '{corner[:40]}' is no corner") from error
        if len(parts) > 3 or any(-part > count for part, count in zip(parts, counts, strict=False)):
            raise Malformed(f"line {line}: a face has a corner that is not there ('{corner[:40]}')")
        turned = [part + count + 1 if part < 0 else part for part, count in zip(parts, counts, strict=False)]
        return "/".join(str(part or "") for part in turned)

    return " ".join(map(replaced, face.split()))


# Faces of one form are read at once: corners as 1, 1/2, 1//3 or 1/2/3.
_FORMS = [
    (re.compile(r"(?:\d+ )*"), "", (_POSITION,)),
    (re.compile(r"(?:\d+/\d+ )*"), "/", (_POSITION, _TEXTURE)),
    (re.compile(r"(?:\d+//\d+ )*"), "//", (_POSITION, _NORMAL)),
    (re.compile(r"(?:\d+/\d+/\d+ )*"), "/", (_POSITION, _TEXTURE, _NORMAL)),
]


def _corners(faces: Sequence[str], limits: tuple[int, int, int]) -> _Corners:
    split = [face.split() for face in faces]
    words = [word for corners in split for word in corners]
    joined = " ".join([*words, ""])
    indices = np.full((len(words), 3), -1, np.int64)
    for form, slash, columns in _FORMS:
        if form.fullmatch(joined):
            text = joined.replace(slash, " ") if slash else joined
            try:
                values = np.array(text.split(), np.int64).reshape(len(words), len(columns))
            except (ValueError, OverflowError) as error:
                raise Malformed("a face has a corner that is not there") from error
            indices[:, columns] = values - 1
            if (values < 1).any():
                raise Malformed("a face has a corner 0; OBJ counts from 1")
            break
    else:
        for row, word in enumerate(words):
            indices[row] = _corner(word)
    if (indices >= np.array(limits)).any() or (indices[:, _POSITION] < 0).any():
        raise Malformed("a face has a corner that is not there")
    return _Corners(indices, np.array([len(corners) for corners in split], np.int64))


def _corner(word: str) -> list[int]:
    """Indices of one corner, from 0; -1 is none."""
    try:
        parts = [int(part) if part else None for part in word.split("/")]
    except ValueError as error:
        raise Malformed(f"'{word[:40]}' is no corner of a face") from error
    if len(parts) > 3 or parts[0] is None or "_" in word or any(abs(part or 0) > 1e15 for part in parts):
        raise Malformed(f"'{word[:40]}' is no corner of a face")
    if 0 in parts:
        raise Malformed("a face has a corner 0; OBJ counts from 1")
    return [-1 if part is None else part - 1 for part in (*parts, None, None)][:3]


def _table(
    found: _Statements, name: str, widths: Sequence[int], *, fill: float = np.nan
) -> Float[np.ndarray, "rows columns"]:
    """Numbers of all lines of a kind, which have one of some widths; rows that lack the last ones have `fill` there."""
    rows, columns = [without_comment(row) for row in found.rows[name]], widths[-1]
    if not rows:
        return np.zeros((0, columns))
    if all(rows):  # an empty one would be passed over
        try:
            table = np.loadtxt(rows, comments=None, ndmin=2)
            if len(table) == len(rows) and table.shape[1] in widths:
                return np.pad(table, ((0, 0), (0, columns - table.shape[1])), constant_values=fill)
        except ValueError:
            pass  # lines of several lengths, or one that is wrong
    table = np.full((len(rows), columns), fill, np.float64)
    for index, row in enumerate(rows):
        words = row.split()
        try:
            if len(words) not in widths:
                raise ValueError(row)
            table[index, : len(words)] = [number(word) for word in words]
        except ValueError as error:
            raise Malformed(f"line {found.lines[name][index]}: '{name} {row[:40]}' is not understood") from error
    return table


def _vertices(
    reading: Reading, found: _Statements
) -> tuple[Float[np.ndarray, "vertices 3"], Float[np.ndarray, "vertices 4"] | None]:
    """Positions, and colours (linear) if a vertex has some; the others are grey."""
    table = _table(found, "v", (3, 4, 6))  # 4: a weight, which polygons do not have
    rgb = table[:, 3:].copy()
    coloured = ~np.isnan(rgb[:, 2])
    if not coloured.any():
        return table[:, :3], None
    if not np.isfinite(rgb[coloured]).all() or rgb[coloured].min() < 0 or rgb[coloured].max() > 255:
        raise Malformed("its vertices have colours outside 0 to 255")
    if rgb[coloured].max() > 1:
        rgb /= 255
        reading.note("its vertices' colours go to 255, and were divided by it")
    colours = np.where(coloured[:, None], with_alpha(np.nan_to_num(rgb)), NO_COLOUR)
    return table[:, :3], rgba_to_linear(colours)


def _material(reading: Reading, materials: dict[str, mtl.Material], name: str) -> mtl.Material | None:
    if name in materials:
        return materials[name]
    stripped = name.partition(" #")[0].strip()
    if stripped in materials:
        return materials[stripped]
    if stripped.lower() not in _NO_MATERIAL:
        reading.fault(f"'{name}', a material that it uses, is missing")
    return None


def _by_mapping(triangles: Int[np.ndarray, "triangles 3 3"]) -> list[tuple[Int[np.ndarray, "some 3 3"], bool]]:
    """Those with texture coordinates at all corners, and the others."""
    mapped = (triangles[..., _TEXTURE] >= 0).all(1)
    return [(triangles[mapped], True), (triangles[~mapped], False)]


def _part(
    reading: Reading,
    triangles: Int[np.ndarray, "triangles 3 3"],
    points: Float[np.ndarray, "vertices 3"],
    colours: Float[np.ndarray, "vertices 4"] | None,
    uv: Float[np.ndarray, "coordinates 3"] | None,
    normals: Float[np.ndarray, "normals 3"],
    material: mtl.Material | None,
) -> Part:
    at, count = triangles[..., _POSITION], len(triangles)
    shown = np.zeros((count, 3, 2))
    if uv is not None:
        shown = uv[triangles[..., _TEXTURE], :2]
    elif material is not None and material.has_textures:
        reading.note("faces without texture coordinates show no texture")
    look = mtl.look(reading, material, shown, is_mapped=uv is not None)
    if look.texture is None and colours is not None:
        rgba = colours[at] * [1, 1, 1, look.rgba[3]]
    else:
        rgba = at_corners(look.rgba, count)
    smooth = None
    if len(normals):
        with_normal = triangles[..., _NORMAL] >= 0
        smooth = np.where(with_normal[..., None], normals[triangles[..., _NORMAL]], 0)
    return part(points[at], colours=rgba, normals=smooth, uv=look.uv, texture=look.texture, emission=look.emission)
