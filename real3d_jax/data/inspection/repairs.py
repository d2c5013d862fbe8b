"""The usual mistakes in cameras, each as the repair that undoes it."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Cameras = tuple[Float[np.ndarray, "views 4 4"], Float[np.ndarray, "views 4"]]  # c2w and intrinsics
_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Repair:
    """One way to read cameras other than as stored.

    Attributes:
      name: short, for tables and programs.
      done: what it does to the cameras; goes on the sentence "with ...".
      cause: what it says about them if it is right.
      apply: the cameras so read: poses (OpenGL axes) and normalised intrinsics.
    """

    name: str
    done: str
    cause: str
    apply: Callable[[np.ndarray, np.ndarray], Cameras]


def _axes(*columns: Float[np.ndarray, "3"]) -> Callable[[np.ndarray, np.ndarray], Cameras]:
    """Other axes for the camera: the right, up and back of the true camera, in the axes as stored."""
    change = np.eye(4)
    change[:3, :3] = np.array(columns).T
    return lambda c2w, intrinsics: (c2w @ change, intrinsics)


def _inverse(c2w, intrinsics):
    return np.linalg.inv(c2w), intrinsics


def _inverse_opencv(c2w, intrinsics):
    return np.linalg.inv(c2w) @ _OPENCV, intrinsics


def _transposed(c2w, intrinsics):
    turned = c2w.copy()
    turned[:, :3, :3] = np.swapaxes(c2w[:, :3, :3], 1, 2)
    return turned, intrinsics


def _transposed_opencv(c2w, intrinsics):
    turned, _ = _transposed(c2w, intrinsics)
    return turned @ _OPENCV, intrinsics


def _position_of_w2c(c2w, intrinsics):
    moved = c2w.copy()
    moved[:, :3, 3:] = -c2w[:, :3, :3] @ c2w[:, :3, 3:]
    return moved, intrinsics


def _position_of_w2c_opencv(c2w, intrinsics):
    moved, _ = _position_of_w2c(c2w, intrinsics)
    return moved @ _OPENCV, intrinsics


def _next(c2w, intrinsics):
    return np.roll(c2w, -1, 0), np.roll(intrinsics, -1, 0)


def _previous(c2w, intrinsics):
    return np.roll(c2w, 1, 0), np.roll(intrinsics, 1, 0)


_X, _Y, _Z = np.eye(3)
_OPENCV_AXES = ", then y and z flipped"
_LOST_AIM = (
    Repair("opencv", "y and z flipped", "the cameras are OpenCV's", _axes(_X, -_Y, -_Z)),
    Repair("inverse", "the matrices inverted", "they are world-to-camera", _inverse),
    Repair(
        "inverse_opencv",
        "the matrices inverted" + _OPENCV_AXES,
        "they are world-to-camera with OpenCV axes",
        _inverse_opencv,
    ),
    Repair("transposed", "the rotations transposed", "the rotations are world-to-camera", _transposed),
    Repair(
        "transposed_opencv",
        "the rotations transposed" + _OPENCV_AXES,
        "the rotations are world-to-camera with OpenCV axes",
        _transposed_opencv,
    ),
    Repair(
        "w2c_position",
        "the translations turned into positions",
        "the translations are world-to-camera",
        _position_of_w2c,
    ),
    Repair(
        "w2c_position_opencv",
        "the translations turned into positions" + _OPENCV_AXES,
        "the translations are world-to-camera, with OpenCV axes",
        _position_of_w2c_opencv,
    ),
    Repair("looking_away", "z flipped", "the cameras look along +z", _axes(_X, _Y, -_Z)),
    Repair("mirrored_away", "x and z flipped", "the cameras look along +z, x to the left", _axes(-_X, _Y, -_Z)),
    Repair("all_flipped", "x, y and z flipped", "all axes of the cameras are reversed", _axes(-_X, -_Y, -_Z)),
)
# Right cameras so read still look at the object, so that only its shape tells that they are wrong.
KEEP_AIM = (
    Repair("mirrored", "x flipped", "the images are mirrored, or the cameras' x axis is", _axes(-_X, _Y, _Z)),
    Repair("upside_down", "y flipped", "the images are upside down, or the cameras' y axis is", _axes(_X, -_Y, _Z)),
    Repair("half_turn", "x and y flipped", "the images are turned by 180 degrees", _axes(-_X, -_Y, _Z)),
    Repair("quarter_left", "the images turned left", "the images are turned right by 90 degrees", _axes(_Y, -_X, _Z)),
    Repair("quarter_right", "the images turned right", "the images are turned left by 90 degrees", _axes(-_Y, _X, _Z)),
    Repair("swapped", "the images' rows and columns swapped", "the images are transposed", _axes(-_Y, -_X, _Z)),
    Repair("next_view", "each view given the next one's camera", "views and cameras are shifted by one", _next),
    Repair("previous_view", "each view given the last one's camera", "views and cameras are shifted by one", _previous),
)
REPAIRS = _LOST_AIM + KEEP_AIM


def with_fov(factor: float) -> Callable[[np.ndarray, np.ndarray], Cameras]:
    """Cameras whose focal length is `factor` times as long."""
    return lambda c2w, intrinsics: (c2w, intrinsics * np.array([factor, factor, 1.0, 1.0]))
