"""Reads STL: binary, with the colours of VisCAM and Materialise Magics, and text."""

import numpy as np
from jaxtyping import Float, Int

from real3d_jax.data.object_rendering.formats.colours import NO_COLOUR, at_corners, rgba_to_linear
from real3d_jax.data.object_rendering.formats.parts import flat_part
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.object_rendering.meshes import Part
from real3d_jax.data.records import Unusable

_HEADER = 84
_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])


def read(reading: Reading) -> list[Part]:
    """The triangles of a file, without regard to its normals: those of flat faces follow from the corners.

    Raises:
      Malformed: it is damaged.
      Unusable: it has no faces.
    """
    data = reading.path.read_bytes()
    declared = int.from_bytes(data[80:_HEADER], "little") if len(data) >= _HEADER else -1
    expected = _HEADER + _FACET.itemsize * declared
    # The header of a binary file may begin with 'solid', too; only its length tells.
    if declared > 0 and len(data) == expected:
        return _binary(data)
    if data.lstrip()[:5].lower() == b"solid" and b"\0" not in data[:_HEADER]:
        return _text(data)
    if declared > 0 and len(data) > expected and data[:5].lower() != b"solid":
        reading.note("bytes after its last triangle were passed over")
        return _binary(data[:expected])
    if declared > 0 and b"\0" in data:
        raise Malformed(f"it should have {expected} bytes for {declared} triangles, and has {len(data)}")
    raise Unusable("it has no faces")


def _binary(data: bytes) -> list[Part]:
    facets = np.frombuffer(data, _FACET, offset=_HEADER)
    return [flat_part(facets["corners"].astype(np.float64), _colours(data[:80], facets["colour"].astype(np.int64)))]


def _colours(header: bytes, words: Int[np.ndarray, "faces"]) -> Float[np.ndarray, "faces 3 4"]:
    """The two conventions for the attribute word, 5 bits a channel; Magics marks its files in the header."""
    place = header.find(b"COLOR=")
    if 0 <= place <= 70:
        whole = np.frombuffer(header[place + 6 : place + 10], np.uint8) / 255
        own, shifts = words < 0x8000, (0, 5, 10)
    else:
        whole = np.array(NO_COLOUR)
        own, shifts = words >= 0x8000, (10, 5, 0)
    channels = np.stack([(words >> shift) & 31 for shift in shifts], -1) / 31
    facets = np.concatenate([channels, np.full((len(words), 1), whole[3])], -1)
    chosen = np.where(own[:, None], facets, whole)
    return np.repeat(rgba_to_linear(chosen)[:, None], 3, 1)


def _text(data: bytes) -> list[Part]:
    """Facets as tokens; names of solids, which may be anything, end with their line."""
    corners: list[list[float]] = []
    pending, inside = 0, False
    for number, line in enumerate(data.decode("latin-1").splitlines(), 1):
        words = line.lower().split()
        if not words:
            continue
        match words[0]:
            case "solid":
                inside = True
            case "endsolid":
                inside = False
            case "vertex":
                corners.append(_numbers(words[1:], number))
                pending += 1
            case "endfacet":
                if pending != 3:
                    raise Malformed(f"line {number}: a facet with {pending} corners")
                pending = 0
            case "facet" | "outer" | "endloop":
                pass
            case other:
                raise Malformed(f"line {number} begins with '{other[:20]}'")
    if inside or pending:
        raise Malformed("it ends in the midst of a solid")
    if not corners:
        raise Unusable("it has no faces")
    triangles = np.array(corners).reshape(-1, 3, 3)
    return [flat_part(triangles, at_corners(rgba_to_linear(np.array(NO_COLOUR)), len(triangles)))]


def _numbers(words: list[str], line: int) -> list[float]:
    try:
        if len(words) == 3 and not any("_" in word for word in words):
            return [float(word) for word in words]
    except ValueError:
        pass
    raise Malformed(f"line {line}: '{' '.join(words)[:40]}' is no corner")
