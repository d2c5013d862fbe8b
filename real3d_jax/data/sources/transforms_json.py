"""`transforms.json`: cameras as NeRF's Blender scenes, instant-ngp and nerfstudio write them.

Each frame has the path of its picture and `transform_matrix`, camera to world with OpenGL axes. Lenses are given by
`camera_angle_x` (radians, of the width) or by `fl_x, fl_y, cx, cy` in pixels of a picture `w` wide and `h` high, for
all frames or for one. https://docs.nerf.studio/quickstart/data_conventions.html
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources import renders

# Numbers other than 0 and words other than these bend the picture or read the pose otherwise.
_BENDING = (*(f"{axis}{n}" for axis in "kps" for n in range(1, 7)), "distortion_params", "rolling_shutter")
_STRAIGHT = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
_OTHER_POSES = ("from_na", "is_fisheye", "fisheye_crop_radius", "ortho_scale", "orthographic")
_AGREE = 0.02  # share by which a focal length may differ from the field of view beside it


@dataclasses.dataclass(frozen=True)
class Frame:
    """A picture and its camera.

    Attributes:
      file_path: as the file has it.
      mask_path: likewise; '' if there is none.
      c2w: camera to world, OpenGL axes.
      lens: what the file says of the lens, the frame's own before that of all frames.
      where: the frame, to be named in messages.
    """

    file_path: str
    mask_path: str
    c2w: Float[np.ndarray, "4 4"]
    lens: Mapping[str, Any]
    where: str

    def intrinsics(self, size: tuple[int, int], *, picture: str) -> Float[np.ndarray, "4"]:
        """Normalised `fx, fy, cx, cy` of a picture of such width and height, which may be a smaller copy.

        Args:
          size: the picture's.
          picture: its file's name, for messages.

        Raises:
          Unusable: a number is missing or contradicts another, the lens bends the picture, or the picture has another
            shape than the camera is for.
        """
        where = self.where
        width, height = (self._number(name, default) for name, default in zip("wh", size, strict=True))
        if min(width, height) < 1 or abs(width * size[1] - height * size[0]) > max(width, height):
            raise Unusable(f"'{picture}' has {size[0]} x {size[1]} pixels, and {where} is for {width:g} x {height:g}")
        focal_x, focal_y = self._focals(width, height)
        centre_x, centre_y = self._number("cx", width / 2), self._number("cy", height / 2)
        for name, centre, extent in (("cx", centre_x, width), ("cy", centre_y, height)):
            if not -0.5 * extent <= centre <= 1.5 * extent or (abs(centre) <= 1 and extent > 4):
                raise Unusable(f"{where} has {name} {centre:g} for {extent:g} pixels: give it in pixels")
        return np.array([focal_x / width, focal_y / height, centre_x / width, centre_y / height])

    def _focals(self, width: float, height: float) -> tuple[float, float]:
        where = self.where
        angles = [self._angle(name) for name in ("camera_angle_x", "camera_angle_y")]
        by_angle = [
            None if angle is None else extent / 2 / math.tan(angle / 2)
            for angle, extent in zip(angles, (width, height), strict=True)
        ]
        given = [self._number(name, None) for name in ("fl_x", "fl_y")]
        for name, focal, other in zip(("fl_x", "fl_y"), given, by_angle, strict=True):
            if focal is not None and not 0.02 < focal / width < 100:
                raise Unusable(f"{where} has {name} {focal:g} for a picture {width:g} pixels wide: give it in pixels")
            if focal is not None and other is not None and abs(focal - other) > _AGREE * other:
                raise Unusable(f"{where} has {name} {focal:g} and a camera_angle that says {other:.5g}: one is wrong")
        focals = [focal if focal is not None else other for focal, other in zip(given, by_angle, strict=True)]
        known = [focal for focal in focals if focal is not None]
        if not known:
            raise Unusable(f"{where} has neither 'camera_angle_x' nor 'fl_x'")
        focal_x, focal_y = (known[0] if focal is None else focal for focal in focals)  # else pixels are square
        return float(focal_x), float(focal_y)

    def _angle(self, name: str) -> float | None:
        angle = self._number(name, None)
        if angle is not None and not 0 < angle < math.pi:
            hint = "; it looks like degrees" if math.pi <= angle < 180 else ""
            raise Unusable(f"{self.where} has {name} {angle} radians{hint}")
        return angle

    def _number(self, name: str, default: float | None) -> Any:
        if self.lens.get(name) is None:
            return default
        found = float(renders.numbers(self.lens, name, (), where=self.where))
        if not math.isfinite(found):
            raise Unusable(f"{self.where} has {name} {found}")
        return found


def read_frames(path: pathlib.Path) -> list[Frame]:
    """The frames of a file, in its order.

    Raises:
      Unusable: the file is missing or damaged, or has something that is not applied here.
    """
    meta, where = renders.read_json(path), f"'{path.name}'"
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise Unusable(f"{where} has no list of 'frames'")
    common = {name: value for name, value in meta.items() if name != "frames"}
    return [_frame(common, frame, f"frame {number} of {where}") for number, frame in enumerate(frames)]


def _frame(common: Mapping[str, Any], frame: Mapping[str, Any], where: str) -> Frame:
    lens = {**common, **{name: value for name, value in frame.items() if value is not None}}
    _check_straight(lens, where)
    file_path, mask_path = lens.get("file_path"), lens.get("mask_path") or ""
    if not isinstance(file_path, str) or not file_path.strip("./\\"):
        raise Unusable(f"{where} has no 'file_path'")
    if not isinstance(mask_path, str):
        raise Unusable(f"{where} has a 'mask_path' that is no text")
    rows = frame.get("transform_matrix")
    shape = (3, 4) if isinstance(rows, list) and len(rows) == 3 else (4, 4)
    c2w = np.eye(4)
    c2w[: shape[0]] = renders.numbers(frame, "transform_matrix", shape, where=where)
    return Frame(file_path.replace("\\", "/"), mask_path.replace("\\", "/"), c2w, lens, where)


def _check_straight(lens: Mapping[str, Any], where: str) -> None:
    """Refuses what bends pictures or reads poses otherwise, by its name."""
    for name in (*_BENDING, *_OTHER_POSES):
        value = lens.get(name)
        values = value if isinstance(value, list) else [value]
        if any(entry not in (None, 0, False) for entry in values):
            what = "bends its pictures" if name in _BENDING else "is not applied"
            raise Unusable(f"{where} has '{name}': {value}, which {what}: undistort or convert it first")
    model = lens.get("camera_model")
    if model is not None and str(model).upper() not in _STRAIGHT:
        raise Unusable(f"{where} has the camera_model '{model}', which is no perspective one: undistort it first")


def nearest_to_axes(poses: Sequence[Float[np.ndarray, "4 4"]]) -> Float[np.ndarray, "3"] | None:
    """The point nearest to the viewing axes of all cameras; None if they are parallel."""
    matrix, vector = np.zeros((3, 3)), np.zeros(3)
    for c2w in poses:
        across = np.eye(3) - np.outer(c2w[:3, 2], c2w[:3, 2])
        matrix += across
        vector += across @ c2w[:3, 3]
    if np.linalg.cond(matrix) > 1e6:
        return None
    return np.linalg.solve(matrix, vector)
