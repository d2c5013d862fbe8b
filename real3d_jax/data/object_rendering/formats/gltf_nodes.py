"""The tree of a glTF scene: where its nodes stand, which are drawn, and the joints of skins."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering.formats.gltf_accessors import floats
from real3d_jax.data.object_rendering.formats.gltf_file import GltfFile
from real3d_jax.data.object_rendering.formats.gltf_json import Json
from real3d_jax.data.object_rendering.formats.reading import Malformed


class Nodes:
    """The nodes of a file.

    Raises:
      Malformed: they are no tree.
    """

    def __init__(self, file: GltfFile) -> None:
        self._file = file
        self._nodes = file.json.objects("nodes")
        self._children = [node.indices("children") for node in self._nodes]
        self._parents: dict[int, int] = {}
        for parent, children in enumerate(self._children):
            for child in children:
                file.item("nodes", child)
                if child in self._parents:
                    raise Malformed(f"nodes[{child}] has two parents")
                self._parents[child] = parent
        self._worlds: dict[int, Float[np.ndarray, "4 4"]] = {}

    def drawn(self) -> Iterator[int]:
        """The nodes of the scene that have a mesh and are visible, in the file's order."""
        seen, waiting = set(), self._roots()
        while waiting:
            index = waiting.pop()
            node = self._file.item("nodes", index)
            if index in seen:
                raise Malformed(f"nodes[{index}] is in the scene twice")
            seen.add(index)
            visibility = node.extension("KHR_node_visibility")
            if visibility is not None and not visibility.flag("visible", True):
                continue
            waiting += self._children[index]
        return iter(sorted(index for index in seen if "mesh" in self._nodes[index] and self._is_visible(index)))

    def world(self, index: int) -> Float[np.ndarray, "4 4"]:
        """From a node's coordinates to the scene's."""
        chain, here = [], index
        while here not in self._worlds:
            if here in chain:
                raise Malformed(f"nodes[{index}] is below itself")
            chain.append(here)
            if here not in self._parents:
                break
            here = self._parents[here]
        for number in reversed(chain):
            parent = self._parents.get(number)
            above = np.eye(4) if parent is None else self._worlds[parent]
            self._worlds[number] = above @ _local(self._nodes[number])
        return self._worlds[index]

    def joints(self, skin: int) -> Float[np.ndarray, "joints 4 4"]:
        """The matrices of a skin's joints: from the mesh as it was bound to the scene."""
        source = self._file.item("skins", skin)
        joints = source.indices("joints")
        for joint in joints:
            self._file.item("nodes", joint)
        if not joints:
            raise Malformed(f"{source.where} has no joints")
        worlds = np.stack([self.world(joint) for joint in joints])
        inverse = source.index("inverseBindMatrices")
        if inverse is None:
            return worlds
        bound = floats(self._file, inverse, widths=(16,))
        if len(bound) < len(joints) or not np.isfinite(bound).all():
            raise Malformed(f"{source.where}.inverseBindMatrices has too few matrices, or such that are not finite")
        return worlds @ bound[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)

    def _is_visible(self, index: int) -> bool:
        visibility = self._nodes[index].extension("KHR_node_visibility")
        return visibility is None or visibility.flag("visible", True)

    def _roots(self) -> list[int]:
        """Those of the scene that is shown; without scenes, all nodes without a parent."""
        if "scenes" not in self._file.json:
            return [index for index in range(len(self._nodes)) if index not in self._parents]
        return self._file.item("scenes", self._file.json.count("scene", 0)).indices("nodes")


def matrices(
    translations: Float[np.ndarray, "n 3"],
    rotations: Float[np.ndarray, "n 4"],
    scales: Float[np.ndarray, "n 3"],
    *,
    where: str,
) -> Float[np.ndarray, "n 4 4"]:
    """Scales, turns and moves, in this order.

    Args:
      rotations: quaternions x, y, z, w of any length but 0.
      where: in the file, for messages.

    Raises:
      Malformed: a quaternion has no direction, or numbers are not finite.
    """
    length = np.linalg.norm(rotations, axis=-1, keepdims=True)
    if not all(np.isfinite(values).all() for values in (translations, rotations, scales)) or (length < 1e-6).any():
        raise Malformed(f"{where} has a place that is not finite, or a rotation without direction")
    x, y, z, w = np.moveaxis(rotations / length, -1, 0)
    made = np.zeros((len(translations), 4, 4))
    made[:, :3, :3] = np.moveaxis(
        np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        ),
        -1,
        0,
    )
    made[:, :3, :3] *= scales[:, None]
    made[:, :3, 3], made[:, 3, 3] = translations, 1
    return made


def _local(node: Json) -> Float[np.ndarray, "4 4"]:
    if "matrix" in node:
        matrix = np.array(node.numbers("matrix", None, length=16)).reshape(4, 4).T
        if not np.array_equal(matrix[3], [0, 0, 0, 1]):
            raise Malformed(f"{node.where}.matrix is no affine map")
        return matrix
    values = [
        np.array([node.numbers(key, default)])
        for key, default in (
            ("translation", [0.0, 0.0, 0.0]),
            ("rotation", [0.0, 0.0, 0.0, 1.0]),
            ("scale", [1.0, 1.0, 1.0]),
        )
    ]
    return matrices(*values, where=node.where)[0]
