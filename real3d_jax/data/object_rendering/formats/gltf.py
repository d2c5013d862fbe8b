"""Reads glTF 2.0, text and binary: the triangles of its scene, in the rest pose.

Nodes, instances, morph targets with their default weights and skins are applied; animations, cameras and lamps are not.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from real3d_jax.data.object_rendering.formats import gltf_materials
from real3d_jax.data.object_rendering.formats.gltf_accessors import Draco, floats, integers
from real3d_jax.data.object_rendering.formats.gltf_file import DRACO, INSTANCES, GltfFile
from real3d_jax.data.object_rendering.formats.gltf_json import Json
from real3d_jax.data.object_rendering.formats.gltf_nodes import Nodes, matrices
from real3d_jax.data.object_rendering.formats.parts import part
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.object_rendering.formats.strips import fan_triangles, strip_triangles
from real3d_jax.data.object_rendering.meshes import Part, transformed
from real3d_jax.data.records import Unusable

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_MOST_FACES = 5 * 10**7  # of all instances


def read(reading: Reading) -> list[Part]:
    """The triangles of the file's scene, in its coordinates (y up).

    Raises:
      Malformed: it is damaged.
      Unusable: it has no faces, or requires what is not understood.
    """
    file = GltfFile(reading)
    nodes = Nodes(file)
    made: list[Part] = []
    cache: dict[tuple[int, int, tuple[float, ...] | None], Part | None] = {}
    faces = 0
    for index in nodes.drawn():
        node = file.item("nodes", index)
        places = _instances(file, node, nodes.world(index))
        for drawn in _primitives(file, node, nodes, cache):
            faces += len(drawn.triangles) * (1 if "skin" in node else len(places))
            if faces > _MOST_FACES:
                raise Unusable(f"it draws more than {_MOST_FACES} triangles")
            # A skin places its mesh alone, whatever the node's own place.
            made += [drawn] if "skin" in node else [transformed(drawn, place) for place in places]
    if not made:
        raise Unusable("it has no faces")
    return made


def _instances(file: GltfFile, node: Json, world: Float[np.ndarray, "4 4"]) -> Sequence[Float[np.ndarray, "4 4"]]:
    """Where a node's mesh is drawn."""
    extension = node.extension(INSTANCES)
    if extension is None:
        return [world]
    attributes = extension.object("attributes")
    given = {
        name: floats(file, attributes.count(name), widths=(width,))
        for name, width in (("TRANSLATION", 3), ("ROTATION", 4), ("SCALE", 3))
        if name in attributes
    }
    counts = {len(values) for values in given.values()}
    if len(counts) != 1:
        raise Malformed(f"{extension.where} has attributes of different lengths")
    (count,) = counts
    defaults = {"TRANSLATION": [0, 0, 0], "ROTATION": [0, 0, 0, 1], "SCALE": [1, 1, 1]}
    values = [given.get(name, np.tile(np.array(value, np.float64), (count, 1))) for name, value in defaults.items()]
    return list(world @ matrices(*values, where=extension.where))


def _primitives(
    file: GltfFile,
    node: Json,
    nodes: Nodes,
    cache: dict[tuple[int, int, tuple[float, ...] | None], Part | None],
) -> Iterator[Part]:
    """What a node draws: in its own coordinates, or with a skin in those of the world."""
    index = node.count("mesh")
    mesh = file.item("meshes", index)
    weights = node.numbers("weights", None) or mesh.numbers("weights", None)
    skin = node.index("skin")
    for number, primitive in enumerate(mesh.objects("primitives")):
        mode = primitive.count("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            if mode > _FAN:
                raise Malformed(f"{primitive.where}.mode is {mode}")
            file.reading.note("points and lines were passed over")
            continue
        key = (index, number, None if weights is None else tuple(weights))
        if skin is not None:
            joints = nodes.joints(skin)
            drawn = _Primitive(file, primitive, weights).part(mode, joints)
        else:
            if key not in cache:
                cache[key] = _Primitive(file, primitive, weights).part(mode, None)
            drawn = cache[key]
        if drawn is not None:
            yield drawn


class _Primitive:
    """A primitive's attributes, under the weights of its morph targets."""

    def __init__(self, file: GltfFile, primitive: Json, weights: Sequence[float] | None) -> None:
        self._file, self._primitive = file, primitive
        self._attributes = primitive.object("attributes")
        packed = primitive.extension(DRACO)
        self._draco = None if packed is None or self._has_plain(packed) else Draco(file, packed)
        targets = primitive.objects("targets")
        weights = [0.0] * len(targets) if weights is None else weights
        if targets and len(weights) != len(targets):
            raise Malformed(f"{primitive.where} has {len(targets)} morph targets and {len(weights)} weights")
        self._targets = [(w, target) for w, target in zip(weights, targets, strict=False) if w]
        self._count = -1

    def part(self, mode: int, joints: Float[np.ndarray, "joints 4 4"] | None) -> Part | None:
        """Its triangles; None if it has none."""
        positions = self._values("POSITION", (3,))
        if positions is None or not len(positions):
            return None
        self._count = len(positions)
        triangles = self._triangles(mode)
        if not len(triangles):
            return None
        normals = self._values("NORMAL", (3,))
        if joints is not None:
            positions, normals = self._skinned(positions, normals, joints)
        colours = self._values("COLOR_0", (3, 4), normalise=True)
        look = gltf_materials.look(
            self._file,
            self._primitive.index("material"),
            coordinates=lambda number: self._coordinates(number, triangles),
            vertex_colours=None if colours is None else self._finite(colours, "COLOR_0")[triangles],
            faces=len(triangles),
        )
        return part(
            positions[triangles],
            colours=look.colours,
            normals=None if normals is None else normals[triangles],
            uv=look.uv,
            texture=look.texture,
            emission=look.emission,
        )

    def _has_plain(self, packed: Json) -> bool:
        """Whether the accessors have to do, and can."""
        accessors = [self._file.item("accessors", self._attributes.count(name)) for name in self._attributes.names()]
        return self._file.has_plain(packed, "DracoPy") and all("bufferView" in accessor for accessor in accessors)

    def _values(self, name: str, widths: Sequence[int], *, normalise: bool = False) -> np.ndarray | None:
        """An attribute; None where it is missing."""
        if name not in self._attributes:
            return None
        index = self._attributes.count(name)
        if self._draco is not None and name in self._draco:
            values = self._draco.floats(name, index, widths=widths, normalise=normalise)
        else:
            values = floats(self._file, index, widths=widths, normalise=normalise)
        for weight, target in self._targets:
            if name in target:
                moves = floats(self._file, target.count(name), widths=(values.shape[1],), normalise=normalise)
                if len(moves) != len(values):
                    raise Malformed(f"{target.where}.{name} has {len(moves)} elements, not {len(values)}")
                values = values + weight * moves
        if self._count not in (-1, len(values)):
            raise Malformed(f"{self._attributes.where}.{name} has {len(values)} elements, not {self._count}")
        return values

    def _triangles(self, mode: int) -> Int[np.ndarray, "triangles 3"]:
        if self._draco is not None:
            corners, mode = self._draco.corners, _TRIANGLES
        elif "indices" in self._primitive:
            corners = integers(self._file, self._primitive.count("indices"))[:, 0]
        else:
            corners = np.arange(self._count)
        if len(corners) and (corners.max() >= self._count or corners.min() < 0):
            raise Malformed(f"{self._primitive.where} has a corner that is not there")
        if mode == _TRIANGLES:
            if len(corners) % 3:
                self._file.reading.note("corners after the last whole triangle were passed over")
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        return (strip_triangles if mode == _STRIP else fan_triangles)(corners)

    def _coordinates(
        self, number: int, triangles: Int[np.ndarray, "triangles 3"]
    ) -> Float[np.ndarray, "triangles 3 2"] | None:
        values = self._values(f"TEXCOORD_{number}", (2,))
        return None if values is None else values[triangles]

    def _skinned(
        self,
        positions: Float[np.ndarray, "n 3"],
        normals: Float[np.ndarray, "n 3"] | None,
        joints: Float[np.ndarray, "joints 4 4"],
    ) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"] | None]:
        """Positions and normals in the world, each moved by the mean of its joints' matrices."""
        total, blend = np.zeros(self._count), np.zeros((self._count, 4, 4))
        number = 0
        while f"JOINTS_{number}" in self._attributes:
            shares = self._values(f"WEIGHTS_{number}", (4,), normalise=True)
            if self._draco is not None and f"JOINTS_{number}" in self._draco:
                index = self._attributes.count(f"JOINTS_{number}")
                chosen = self._draco.floats(f"JOINTS_{number}", index, widths=(4,), normalise=False).astype(np.int64)
            else:
                chosen = integers(self._file, self._attributes.count(f"JOINTS_{number}"), width=4)
            if shares is None or len(chosen) != self._count:
                raise Malformed(f"{self._attributes.where} has joints without weights")
            shares = self._finite(shares, f"WEIGHTS_{number}")
            if (chosen[shares > 0] >= len(joints)).any():
                raise Malformed(f"{self._attributes.where} has a joint that is not there")
            chosen = np.where(shares > 0, chosen, 0)
            for column in range(4):
                blend += shares[:, column, None, None] * joints[chosen[:, column]]
            total += shares.sum(1)
            number += 1
        if not number or (total <= 0).any():
            raise Malformed(f"{self._attributes.where} has a skin, and vertices without a joint")
        blend /= total[:, None, None]
        moved = np.einsum("nij,nj->ni", blend[:, :3, :3], positions) + blend[:, :3, 3]
        if normals is None:
            return moved, None
        linear = blend[:, :3, :3]  # its cofactors turn normals, as in `meshes.transformed`
        cofactors = np.stack([np.cross(linear[:, i - 2], linear[:, i - 1]) for i in range(3)], 1)
        return moved, np.einsum("nij,nj->ni", cofactors, normals)

    def _finite(self, values: np.ndarray, name: str) -> np.ndarray:
        if not np.isfinite(values).all():
            raise Malformed(f"{self._attributes.where}.{name} has numbers that are not finite")
        return values
