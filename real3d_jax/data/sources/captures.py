"""What the readers of photographs with cameras share: an object filmed from several sides, a mask for each picture.

Pictures become squares, cut at whole pixels, and the cameras follow exactly: a crop moves `cx, cy`. The object's centre
becomes the world's origin, because that is where `to_input_frame` supposes that cameras look.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data import boxes, transforms
from real3d_jax.data.boxes import Box, Square
from real3d_jax.data.frames import centred_intrinsics
from real3d_jax.data.records import CENTRED_FIRST, Item, Rejection, Unusable, View
from real3d_jax.data.sources.layout import check_alpha, check_camera, check_view, cut_out, open_image
from real3d_jax.data.sources.mask_files import open_mask
from real3d_jax.data.sources.renders import check_options
from real3d_jax.errors import UserError

# For Pillow: boxes of the straight picture, and the corners of each in the distorted one (upper left, lower left,
# lower right, upper right).
Mesh = tuple[tuple[Box, tuple[float, ...]], ...]

_T = TypeVar("_T")

_IN_MASK = 128  # a point counts as inside a mask where it is greater


@dataclasses.dataclass(frozen=True)
class Squares:
    """How pictures become squares.

    Attributes:
      image_size: larger squares are made so wide, in pixels.
      crop: 'image' cuts the same square out of all pictures of an object, about their middle and around what the first
        view shows of it, as in the published evaluation; 'mask' cuts a square around the object out of each.
      crop_ratio: side of that square relative to the smallest one around the object.
      fov_y: 0 keeps the true fields of view; otherwise the first view is said to have so many degrees, and the focal
        lengths of the others change in proportion, as in the published evaluation (39.6).
      min_views: an object that has fewer sound views is left out.
    """

    image_size: int = 512
    crop: Literal["image", "mask"] = "image"
    crop_ratio: float = 1.6
    fov_y: float = 0.0
    min_views: int = 5

    def settings(self) -> dict[str, Any]:
        """What they say of multi-view records (see `Layout`)."""
        return {**dataclasses.asdict(self), CENTRED_FIRST: True}

    def __post_init__(self) -> None:
        check_options(image_size=self.image_size, min_views=self.min_views)
        if self.crop not in ("image", "mask"):
            raise UserError(f"The option crop must be 'image' or 'mask', not '{self.crop}'.")
        if not self.crop_ratio >= 1:
            raise UserError(f"The option crop_ratio must be at least 1, not {self.crop_ratio}.")
        if not 0 <= self.fov_y < 180:
            raise UserError(f"The option fov_y must be between 0 and 180 degrees, not {self.fov_y}.")


@dataclasses.dataclass(frozen=True)
class Shot:
    """A photograph, its mask and its camera.

    Attributes:
      name: the view's.
      image: its file.
      mask: its mask's file, grey, of the same size.
      camera_file: where the camera comes from, to be named if it is unsound.
      size: width and height, in pixels, that the camera is for.
      c2w: camera to world, OpenGL axes, in the source's world.
      intrinsics: `fx, fy, cx, cy` in pixels, of the picture once it is straight.
      mesh: straightens the picture, if its lens distorts it.
    """

    name: str
    image: pathlib.Path
    mask: pathlib.Path
    camera_file: str
    size: tuple[int, int]
    c2w: Float[np.ndarray, "4 4"]
    intrinsics: Float[np.ndarray, "4"]
    mesh: Mesh = ()

    def rgba(self) -> UInt8[np.ndarray, "H W 4"]:
        """The photograph, cut out.

        Raises:
          Unusable: a file is missing or damaged, or has another size than the camera's.
        """
        image = self.straight(open_photograph(self.image), self.image)
        alpha = self.straight(Image.fromarray(open_mask(self.mask).alpha), self.mask)
        return cut_out(np.asarray(image), np.asarray(alpha), where=f"'{self.image.name}'")

    def project(self, points: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n"]]:
        """Pixel positions of points of the source's world, and how far in front of the camera they are."""
        x, y, z = ((points - self.c2w[:3, 3]) @ self.c2w[:3, :3]).T
        fx, fy, cx, cy = self.intrinsics
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([cx + fx * x / -z, cy - fy * y / -z], -1), -z

    def straight(self, image: Image.Image, path: pathlib.Path) -> Image.Image:
        """A picture as a lens without distortion shows it, black where the photograph has nothing.

        Raises:
          Unusable: it has another size than the camera's; names its file.
        """
        if image.size != self.size:
            raise Unusable(f"'{path.name}' has {_by(image.size)} pixels, and its camera is for {_by(self.size)}")
        if not self.mesh:
            return image
        return image.transform(self.size, Image.Transform.MESH, self.mesh, Image.Resampling.BILINEAR)


class Survey(NamedTuple):
    """What the masks of an object's shots say.

    Attributes:
      boxes: the object's box in each shot that is sound so far, by name.
      inside: in how many of these masks each point lies.
      dropped: the other shots.
      repaired: masks that were not grey files of 8 bits, by kind.
    """

    boxes: dict[str, Box]
    inside: Float[np.ndarray, "n"]
    dropped: list[Rejection]
    repaired: list[str]


def open_photograph(path: pathlib.Path) -> Image.Image:
    """RGB, as stored: cameras belong to the picture before any rotation that its EXIF data ask for."""
    return open_image(path, modes=("RGB", "L")).convert("RGB")


def survey(
    key: str, shots: Sequence[Shot], *, threshold: int, points: Float[np.ndarray, "n 3"] | None = None
) -> Survey:
    """Reads the masks of an object once.

    Args:
      key: the object.
      shots: its pictures.
      threshold: the object is where a mask is greater.
      points: of the source's world, to look up in the masks.
    """
    points = np.zeros((0, 3)) if points is None else points
    found = Survey({}, np.zeros(len(points)), [], [])
    for shot in shots:
        try:
            check_camera(shot.c2w, shot.intrinsics, where=f"'{shot.camera_file}'")
            mask, repaired = open_mask(shot.mask)
            alpha = np.asarray(shot.straight(Image.fromarray(mask), shot.mask))
            for seen in (mask, alpha):  # straightening cuts corners off, or leaves them black
                check_alpha(seen, threshold=threshold, where=f"'{shot.mask.name}'")
        except Unusable as error:
            found.dropped.append(Rejection(f"{key}/{shot.name}", str(error)))
            continue
        found.repaired.extend([repaired] if repaired else [])
        found.boxes[shot.name] = boxes.object_box(alpha, threshold=threshold)
        found.inside[:] += _lie_inside(points, shot, alpha)
    return found


def make_item(
    key: str,
    shots: Sequence[Shot],
    surveyed: Survey,
    *,
    centre: Float[np.ndarray, "3"],
    squares: Squares,
    threshold: int,
) -> Item:
    """The views of an object as records, first the input view of the published evaluation.

    That is the one in which the object's box is the nearest to the middle of the picture, of those whose border it does
    not touch if there are any: what is cut off looks centred. The others keep their order.

    Args:
      key: the object.
      shots: its pictures, in order.
      surveyed: what `survey` found in them.
      centre: of the object, in the source's world.
      squares: how to cut the pictures.
      threshold: of the records' masks.

    Raises:
      Unusable: there are too few sound views.
    """
    dropped, views, side = list(surveyed.dropped), dict[str, View](), 0
    sound = [shot for shot in shots if shot.name in surveyed.boxes]
    for shot in sorted(sound, key=lambda shot: boxes.off_middle(surveyed.boxes[shot.name], shot.size)):
        box = surveyed.boxes[shot.name]
        side = side if views else boxes.side_about_middle(box, shot.size, ratio=squares.crop_ratio)
        square = boxes.square_about_middle(shot.size, side)
        if squares.crop == "mask":
            square = boxes.square_around(box, ratio=squares.crop_ratio)
        try:
            view = _view(key, shot, square, centre, squares.image_size)
            check_view(view, threshold=threshold, where=f"'{shot.image.name}', cropped,")
        except Unusable as error:
            dropped.append(Rejection(f"{key}/{shot.name}", str(error)))
            continue
        views[shot.name] = view
    if len(views) < squares.min_views:
        why = f" ({dropped[0].reason})" if dropped else ""
        raise Unusable(f"'{key}' has {len(views)} sound views, not {squares.min_views} or more{why}")
    first = next(iter(views.values()))
    scale = centred_intrinsics(squares.fov_y)[1] / first.intrinsics[1] if squares.fov_y else 1.0
    ordered = [first, *(views[shot.name] for shot in shots if shot.name in views and shot.name != first.view)]
    zoomed = tuple(_zoomed(view, scale) for view in ordered)
    return Item(key, zoomed, tuple(sorted(dropped)), tuple(surveyed.repaired))


def evenly(shots: Sequence[_T], count: int) -> Sequence[_T]:
    """So many of them, spread evenly from the first to the last; 0 gives all."""
    if not count or count >= len(shots):
        return shots
    return [shots[round(place)] for place in np.linspace(0, len(shots) - 1, count)]


def _lie_inside(
    points: Float[np.ndarray, "n 3"], shot: Shot, alpha: UInt8[np.ndarray, "H W"]
) -> Float[np.ndarray, "n"]:
    """1 for each point that the picture's mask shows, else 0."""
    places, depth = shot.project(points)
    columns, rows = np.floor(places).T
    width, height = shot.size
    visible = (depth > 0) & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    inside = np.zeros(len(points))
    inside[visible] = alpha[rows[visible].astype(int), columns[visible].astype(int)] > _IN_MASK
    return inside


def _view(key: str, shot: Shot, square: Square, centre: Float[np.ndarray, "3"], image_size: int) -> View:
    left, top, side = square
    crop = transforms.window(shot.rgba(), left, top, side)
    image = transforms.resize_straight(crop, size=min(side, image_size))
    c2w = shot.c2w.copy()
    c2w[:3, 3] -= centre
    intrinsics = (shot.intrinsics - [0, 0, left, top]) / side
    seen = image * (image[..., 3:] > 0)  # what nobody sees need not be stored
    return View(key, shot.name, seen, c2w, intrinsics)


def _zoomed(view: View, scale: float) -> View:
    return dataclasses.replace(view, intrinsics=view.intrinsics * [scale, scale, 1, 1])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
