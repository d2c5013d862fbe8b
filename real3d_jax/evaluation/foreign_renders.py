"""Folders of renders of any method: the layout that `docs/evaluation.md` describes, read and checked.

    DIR/INSTANCE/input.png, pred/000.png ..., gt/000.png ..., poses.json, and perhaps pred/mesh.obj, gt/mesh.obj

Pictures may be JPEG or WebP as well, with endings in any case.

DIR may also be a single instance.
"""

import codecs
import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data.frames import is_pose
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.evaluation.foreign_frames import map_camera, read_similarity
from real3d_jax.evaluation.foreign_images import images_in, names_of, opened, read_image, upright_size
from real3d_jax.evaluation.geometry import GLTF, SAME, check_axes, find_mesh, moved, read_mesh, upright
from real3d_jax.export.glb import is_own
from real3d_jax.export.mesh import Mesh
from real3d_jax.runtime.folders import is_litter

INPUT, PREDICTED, TRUE, POSES = "input", "pred", "gt", "poses.json"
_MESH = "mesh"
_SAME_POSE = 0.1  # degrees within which a view is the input view
_POSE_KEYS = {"fov_y", "distance", "views", "similarity", "mesh_axes"}
_AXES = (GLTF, SAME)
_VIEW_KEYS = {"azimuth", "elevation", "distance", "fov_y", "c2w", "intrinsics"}


@dataclasses.dataclass(frozen=True)
class ViewPose:
    """Where a view was rendered from, in our frame.

    Attributes:
      azimuth: degrees; 0 is the input view's.
      elevation: degrees.
      distance: of the camera from the origin.
      off_axis: degrees between the viewing direction and the direction to the origin.
    """

    azimuth: float
    elevation: float
    distance: float
    off_axis: float

    @property
    def is_input(self) -> bool:
        """Whether it is the input view again."""
        return abs((self.azimuth + 180) % 360 - 180) < _SAME_POSE and abs(self.elevation) < _SAME_POSE


@dataclasses.dataclass(frozen=True)
class RenderedInstance:
    """One object's files, checked by name, number and size.

    Attributes:
      key: its name.
      folder: where they are.
      source: the input view's name.
      names: of its views, in order.
      true_names: of the true ones, in the same order; none if there are none.
      poses: of its views.
      similarity: maps the method's frame to ours.
      axes: of GLB files in `pred/` and `gt/`, as `geometry.read_mesh` takes them.
    """

    key: str
    folder: Path
    source: str
    names: tuple[str, ...]
    true_names: tuple[str, ...]
    poses: tuple[ViewPose, ...]
    similarity: Float[np.ndarray, "4 4"]
    axes: Mapping[str, str | None]

    @property
    def true(self) -> bool:
        """Whether there are true views."""
        return bool(self.true_names)

    def predicted(self) -> UInt8[np.ndarray, "V h w 3"]:
        """The method's views on white."""
        return np.stack([read_image(self.folder / PREDICTED / name) for name in self.names])

    def targets(self) -> UInt8[np.ndarray, "V h w 3"]:
        """The true views on white."""
        return np.stack([read_image(self.folder / TRUE / name) for name in self.true_names])

    def input(self, height: int, width: int) -> UInt8[np.ndarray, "{height} {width} 3"]:
        """The input view on white, resized."""
        image = Image.fromarray(read_image(self.folder / self.source))
        if image.size == (width, height):
            return np.asarray(image)
        smaller = height <= image.height and width <= image.width
        return np.asarray(image.resize((width, height), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR))

    def mesh_files(self) -> dict[str, Path]:
        """Those of `pred/mesh` and `gt/mesh` that are there, by their folders' names."""
        found = {part: find_mesh(self.folder / part, _MESH) for part in (PREDICTED, TRUE)}
        return {part: path for part, path in found.items() if path is not None}

    def meshes(self) -> tuple[Mesh, Mesh] | None:
        """The method's mesh and the true one in our frame, if both are there.

        Raises:
          UserError: one cannot be read.
        """
        files = self.mesh_files()
        if len(files) < 2:
            return None
        predicted, true = (read_mesh(files[part], self.axes[part]) for part in (PREDICTED, TRUE))
        turned = self.axes[PREDICTED] == GLTF or (self.axes[PREDICTED] is None and is_own(files[PREDICTED]))
        is_glb = files[PREDICTED].suffix.lower() == ".glb"
        return moved(predicted, upright(self.similarity) if is_glb and turned else self.similarity), true

    def stamp(self) -> str:
        """Changes when a file does."""
        crc, folder = 0, self.folder
        files = [folder / self.source, folder / POSES, *(folder / PREDICTED / name for name in self.names)]
        files += [folder / TRUE / name for name in self.true_names]
        files += self.mesh_files().values() if len(self.mesh_files()) == 2 else ()
        for file in files:
            crc = zlib.crc32(file.read_bytes(), zlib.crc32(str(file.relative_to(folder)).encode(), crc))
        return f"{crc:08x}"


def open_renders(folder: Path) -> list[RenderedInstance]:
    """The instances of a folder, by name. Nothing is decoded yet, but names, numbers, sizes and poses are checked.

    Raises:
      UserError: there are none, or a file is missing, of the wrong size or not understood; names it.
    """
    if not folder.is_dir():
        raise UserError(f"--renders '{folder}' is no folder: give one that holds a folder for each instance.")
    if (folder / PREDICTED).is_dir() or (folder / POSES).is_file():
        return [_open(folder, folder.resolve().name)]
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not is_litter(path.name))
    if not inside:
        raise UserError(
            f"--renders '{folder}' holds no instance: it must hold folders with {INPUT}.png, {POSES}, {PREDICTED}/ and "
            f"{TRUE}/."
        )
    return [_open(path, path.name) for path in inside]


def _open(folder: Path, key: str) -> RenderedInstance:
    source = next((path for path in images_in(folder) if path.stem.lower() == INPUT), None)
    for name, there in ((f"{INPUT}.png", source), (POSES, (folder / POSES).is_file())):
        if not there:
            raise UserError(f"'{folder}' has no {name}: add it, or take the folder out of --renders.")
    assert source is not None
    names = names_of(folder / PREDICTED)
    if not names:
        raise UserError(
            f"'{folder / PREDICTED}' holds no PNG or JPEG: put the method's views there, as 000.png and so on."
        )
    true_names = names_of(folder / TRUE)
    if true_names:
        _check_pairs(folder, names, true_names)
    with opened(source):
        pass
    poses, similarity, axes = _read_poses(folder / POSES, len(names))
    instance = RenderedInstance(key, folder, source.name, names, true_names, poses, similarity, axes)
    files = instance.mesh_files()
    for part, path in files.items() if len(files) == 2 else ():
        remedy = f'say in {POSES} "mesh_axes": {{"{part}": "{GLTF}"}}, or "{SAME}" for those of PLY and OBJ'
        check_axes(path, axes[part], remedy=remedy)
    return instance


def _check_pairs(folder: Path, names: Sequence[str], true_names: Sequence[str]) -> None:
    """Every view must have its true one, and all of one size."""
    stems, true_stems = ({Path(name).stem: name for name in found} for found in (names, true_names))
    unpaired = sorted(set(stems) ^ set(true_stems))
    if unpaired:
        lacking = TRUE if unpaired[0] in stems else PREDICTED
        there = (stems | true_stems)[unpaired[0]]
        raise UserError(f"'{folder / lacking / there}' is missing: {PREDICTED}/ and {TRUE}/ must hold the same names.")
    first: tuple[int, int] | None = None
    for pair in zip(names, true_names, strict=True):
        for part, name in zip((PREDICTED, TRUE), pair, strict=True):
            with opened(folder / part / name) as image:
                size = upright_size(image)
            first = first or size
            if size != first:
                raise UserError(
                    f"'{folder / part / name}' is {size[0]} x {size[1]} and '{folder / PREDICTED / names[0]}' is "
                    f"{first[0]} x {first[1]}: render all views of an instance at the size of the true ones."
                )


def _read_poses(
    path: Path, count: int
) -> tuple[tuple[ViewPose, ...], Float[np.ndarray, "4 4"], Mapping[str, str | None]]:
    try:
        tree = json.loads(path.read_bytes().removeprefix(codecs.BOM_UTF8))
        assert isinstance(tree, Mapping) and isinstance(tree["views"], list)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise UserError(f"'{path}' must be a JSON object with a list 'views': see docs/evaluation.md.") from error
    _check_keys(tree, _POSE_KEYS, f"'{path}'")
    views = tree["views"]
    if len(views) != count:
        raise UserError(f"'{path}' has {len(views)} views, but {count} images are in {PREDICTED}/: make them as many.")
    similarity = read_similarity(tree.get("similarity", "real3d"), f"'similarity' in '{path}'")
    poses = []
    for number, view in enumerate(views):
        where = f"View {number} of '{path}'"
        if not isinstance(view, Mapping):
            raise UserError(f"{where} must be an object with azimuth and elevation, or with c2w.")
        _check_keys(view, _VIEW_KEYS, where)
        poses.append(_read_view(view, tree, similarity, where))
    return tuple(poses), similarity, _read_axes(tree.get("mesh_axes"), f"'mesh_axes' in '{path}'")


def _read_axes(value: object, where: str) -> Mapping[str, str | None]:
    """Axes of GLB files by their folders: one word for both, or a word for each; None where nothing is said."""
    words = value if isinstance(value, Mapping) else {PREDICTED: value, TRUE: value}
    _check_keys(words, {PREDICTED, TRUE}, where)
    for word in words.values():
        if word is not None and word not in _AXES:
            raise UserError(f"{where} has no value '{word}': {did_you_mean(str(word), _AXES)}")
    said = {part: words.get(part) for part in (PREDICTED, TRUE)}
    return {part: None if word is None else str(word) for part, word in said.items()}


def _read_view(view: Mapping[str, Any], tree: Mapping[str, Any], similarity: np.ndarray, where: str) -> ViewPose:
    """A pose in our frame: angles are in it already, a `c2w` is in the method's."""
    try:
        if "c2w" in view:
            c2w = np.eye(4)
            given = np.array(view["c2w"], np.float64)
            c2w[: len(given)] = given
            if not is_pose(c2w):
                raise ValueError("its c2w is no rotation and position")
            if "intrinsics" in view:
                np.array(view["intrinsics"], np.float64).reshape(4)
            else:
                _fov(view if "fov_y" in view else tree)
            return _describe(map_camera(similarity, c2w))
        _fov(view if "fov_y" in view else tree)
        distance = _number(view if "distance" in view else tree, "distance")
        if distance <= 0:
            raise ValueError(f"its distance is {distance:g}")
        return ViewPose(_number(view, "azimuth"), _number(view, "elevation"), distance, 0.0)
    except (TypeError, ValueError, KeyError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{where} is not understood ({reason}): see docs/evaluation.md.") from error


def _describe(c2w: Float[np.ndarray, "4 4"]) -> ViewPose:
    position, backwards = c2w[:3, 3], c2w[:3, 2]
    distance = float(np.linalg.norm(position))
    azimuth = float(np.degrees(np.arctan2(position[1], position[0])))
    elevation = float(np.degrees(np.arcsin(np.clip(position[2] / distance, -1, 1))))
    cosine = float(np.clip(position @ backwards / (distance * np.linalg.norm(backwards)), -1, 1))
    return ViewPose(azimuth, elevation, distance, float(np.degrees(np.arccos(cosine))))


def _fov(tree: Mapping[str, Any]) -> None:
    fov = _number(tree, "fov_y")
    if not 0 < fov < 180:
        raise ValueError(f"its fov_y is {fov:g} degrees")


def _number(tree: Mapping[str, Any], key: str) -> float:
    value = float(tree[key])
    if not np.isfinite(value) or isinstance(tree[key], bool):
        raise ValueError(f"its {key} is {value}")
    return value


def _check_keys(tree: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(tree) - known)
    if unknown:
        raise UserError(f"{where} has an unknown key '{unknown[0]}': known ones are {', '.join(sorted(known))}.")
