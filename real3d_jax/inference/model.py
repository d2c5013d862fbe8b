"""A trained model as users have it: photographs in, reconstructions out, and views and meshes of them.

    model = real3d_jax.load("runs/real3d")
    result = model("chair.png")
    result.mesh(resolution=256).save("chair.glb")
    result.orbit(frames=60).save("chair.gif")

`run.py`, which `launch/reconstruct.py` calls, uses the same `Model`. Numbers that are not given are those of
`configs/reconstruct.py`, which comes with the package, but for the camera and the crop that a checkpoint was trained
with. Angles are degrees here, lengths world units (the object lies in the cube of half-size 0.87).
"""

import copy
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

import jax.numpy as jnp
import numpy as np
from PIL import Image

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.checkpoints.trained_model import Checkpoint
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.inference import checks
from real3d_jax.inference.elevation import as_degrees
from real3d_jax.inference.keywords import Number, Numbers, Whole, changed
from real3d_jax.inference.photographs import Photograph, name_of, opened
from real3d_jax.inference.preprocess import CutOut, Prepared, load_rembg, prepare
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.inference.reconstructor import Reconstructor
from real3d_jax.inference.refinement import as_given
from real3d_jax.inference.several_views import prepare_views
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.lens import make_lens

_NETWORK = "u2net"  # of rembg
_AT_ONCE = 4  # photographs that are encoded together


class Model:
    """A trained model: called with photographs, it reconstructs them.

    Args:
      config: sizes of everything, which calls may change for one result.
      checkpoint: its parameters.
      cut_out: as of `load`.
      input_camera: `distance` and `fov_y` of the training's input camera; the configuration's orbit tells others.
    """

    def __init__(
        self,
        config: ReconstructionConfig,
        checkpoint: Checkpoint,
        *,
        cut_out: bool | str = False,
        input_camera: Mapping[str, float] = MappingProxyType({}),
    ):
        self.config = config
        self._input_camera = {
            name: input_camera.get(name, getattr(config.orbit, name)) for name in ("distance", "fov_y")
        }
        self.title = checkpoint.title
        self._cut_out = cut_out
        self._reconstructor = Reconstructor(config, checkpoint.params)

    @overload
    def __call__(
        self,
        photographs: Photograph,
        *,
        cut_out: bool | str | None = None,
        always: bool = False,
        elevation: Number | str | None = None,
    ) -> Reconstruction: ...
    @overload
    def __call__(
        self,
        photographs: Sequence[Photograph],
        *,
        cut_out: bool | str | None = None,
        always: bool = False,
        elevation: Number | str | None = None,
    ) -> list[Reconstruction]: ...
    def __call__(
        self,
        photographs: Any,
        *,
        cut_out: bool | str | None = None,
        always: bool = False,
        elevation: Number | str | None = None,
    ) -> Any:
        """Reconstructs a photograph, or each of a list.

        Args:
          photographs: a path; an image of Pillow; an array (H, W, 4), or (H, W, 3) to be cut out, of bytes or of
            numbers in [0, 1]; or a list of these, which are encoded four at a time. Alpha says where the object is.
            Pictures are turned upright as their EXIF orientation says.
          cut_out: as of `load`, which says it for all calls.
          always: cuts the object out of pictures with a transparent background, too; that counts as one where it is
            more than a twentieth of the frame.
          elevation: of the cameras above their objects, degrees, or 'estimate' (`Reconstruction.upright`); the
            configuration's if it is not given.

        Returns:
          A `Reconstruction`; a list of them for a list.

        Raises:
          UserError: a photograph cannot be read, shows no object, or has no transparent background and nothing cuts the
            object out, or the elevation is none. No result is given then, not of the others either.
        """
        told = self._told(elevation)
        find_object = self._find_object(self._cut_out if cut_out is None else cut_out)
        if not isinstance(photographs, (list, tuple)):
            return self._all([photographs], ["the photograph"], find_object, always)[0].upright(told)
        names = [f"photograph {i + 1}" for i in range(len(photographs))]
        return [one.upright(told) for one in self._all(photographs, names, find_object, always)]

    def from_views(
        self,
        photographs: Sequence[Photograph],
        cameras: Cameras,
        *,
        steps: Whole | None = None,
        cut_out: bool | str | None = None,
    ) -> Reconstruction:
        """One object from several photographs with known cameras: the first's reconstruction, fitted to all of them.

        The field of the first photograph is where gradient steps on its planes begin (`refinement.refine_field`). Of
        each photograph the square about its principal point is taken that the model's field of view shows, and it must
        hold the object: photographs are not cropped about it here, for that would turn their cameras.

        Args:
          photographs: as of `__call__`.
          cameras: as many, in the first one's canonical frame (`docs/conventions.md`): the first stands at
            (distance, 0, 0) with z up, the origin is the object's centre. `cameras(azimuth=[0, 90, 180])` are such, and
            `real3d_jax.cameras.to_input_frame` makes others such.
          steps: of gradients; `configs/reconstruct.py` says how many.
          cut_out: as of `load`.

        Returns:
          A reconstruction in the same frame; its image is the first photograph, whose elevation is not estimated here
          (`Reconstruction.upright` does).

        Raises:
          UserError: a photograph cannot be used, or the cameras do not fit them, or are no cameras.
        """
        config = changed(self.config.refine, "from_views", steps_of_views=steps)
        if not isinstance(photographs, (list, tuple)) or not photographs:
            raise UserError("from_views needs a list of photographs, and as many cameras.")
        find_object = self._find_object(self._cut_out if cut_out is None else cut_out)
        images, seen = prepare_views(photographs, cameras, self.config, find_object)
        background = self.config.input.background
        views, field = as_given(images, seen, config, background=background), self._reconstructor.field(images[0])
        return Reconstruction(images[0], field, self._reconstructor, given=views).refine(config.steps_of_views)

    def reconstruct(
        self,
        photograph: Image.Image,
        find_object: CutOut | None = None,
        *,
        always: bool = False,
        elevation: Number | str | None = None,
    ) -> Reconstruction:
        """The reconstruction of one image that is upright.

        Args:
          photograph: of any mode; a transparent background is taken as it is.
          find_object: finds the object of a photograph without one;
          always: or of any.
          elevation: as of `__call__`.

        Raises:
          Unusable: it shows no object, or no background.
          UserError: the elevation is none.
        """
        told = self._told(elevation)
        seen = self._prepare(photograph, find_object, always)
        return self._made(seen, self._reconstructor.field(seen.image)).upright(told)

    def _made(self, seen: Prepared, field: TriplaneField) -> Reconstruction:
        if seen.fov_y is not None:
            field = dataclasses.replace(field, lens=make_lens(true_fov_y=seen.fov_y, **self._input_camera))
        return Reconstruction(seen.image, field, self._reconstructor, seen.notes, seen.fov_y)

    def _prepare(self, photograph: Image.Image, find_object: CutOut | None, always: bool, **option: str) -> Prepared:
        size = self.config.model.image_size
        return prepare(photograph, self.config.input, size=size, cut_out=find_object, always=always, **option)

    def cameras(
        self,
        azimuth: Numbers,
        elevation: Numbers = 0.0,
        *,
        distance: Number | None = None,
        fov_y: Number | None = None,
    ) -> Cameras:
        """Cameras that look at the object's centre, for `Reconstruction.render`.

        Args:
          azimuth: degrees, one or several (F,); 0 is the input camera's place, and from there on it goes to its right.
          elevation: degrees, one or as many; positive is above.
          distance: from the object's centre, and
          fov_y: vertical field of view, degrees; the model's own if they are not given.

        Raises:
          UserError: a distance or a field of view is out of range, an angle is not finite, or their numbers differ.
        """
        orbit = changed(self.config.orbit, "cameras", distance=distance, fov_y=fov_y)
        checks.check_orbit(orbit)
        try:
            angles = np.asarray(azimuth, float), np.asarray(elevation, float)
            azimuth, elevation = np.broadcast_arrays(np.atleast_1d(angles[0]), angles[1])
        except (TypeError, ValueError) as error:
            raise UserError(f"azimuth and elevation do not belong together ({error}): give one, or as many.") from error
        if not (np.isfinite(azimuth).all() and np.isfinite(elevation).all()):
            raise UserError("azimuth and elevation must be finite numbers of degrees: leave the others out.")
        c2w = spherical_c2w(np.radians(azimuth), np.radians(elevation), orbit.distance)
        fov = jnp.full(azimuth.shape, np.radians(orbit.fov_y), jnp.float32)
        return Cameras(c2w, intrinsics_from_fov(fov))

    def cropped(self, crop_ratio: Number) -> "Model":
        """The same model with another `crop_ratio` (as of `load`); it shares this one's programs.

        Raises:
          UserError: the ratio is out of range.
        """
        other = copy.copy(self)
        other.config = dataclasses.replace(
            self.config, input=changed(self.config.input, "cropped", crop_ratio=crop_ratio)
        )
        checks.check_input(other.config.input)
        return other

    def prepare(self, photograph: Image.Image, find_object: CutOut | None = None, *, always: bool = False) -> Prepared:
        """What the model sees of an image, without asking it; arguments and errors as of `reconstruct`."""
        return self._prepare(photograph, find_object, always)

    def __repr__(self) -> str:
        orbit, size = self.config.orbit, self.config.model.image_size
        return (
            f"Model({self.title!r}: {size} x {size} pixels, distance {orbit.distance:g}, fov_y {orbit.fov_y:g}, "
            f"crop_ratio {self.config.input.crop_ratio:g})"
        )

    def _all(
        self, photographs: Sequence[Photograph], names: Sequence[str], find_object: CutOut | None, always: bool
    ) -> list[Reconstruction]:
        seen = []
        for photograph, name in zip(photographs, names, strict=True):
            where = name_of(photograph, name)
            try:
                seen.append(self._prepare(opened(photograph, where), find_object, always, option="give cut_out=True"))
            except Unusable as error:
                raise UserError(f"{where} cannot be used: {error}.") from error
        fields = [
            field
            for start in range(0, len(seen), _AT_ONCE)
            for field in self._reconstructor.fields(np.stack([x.image for x in seen[start : start + _AT_ONCE]]))
        ]
        return [self._made(one, field) for one, field in zip(seen, fields, strict=True)]

    def _told(self, elevation: Number | str | None) -> Number | str:
        """The elevation that is given, or the configuration's, once it is known to be one."""
        told = self.config.input.elevation if elevation is None else elevation
        as_degrees(told, "elevation")
        return told

    @staticmethod
    def _find_object(cut_out: bool | str) -> CutOut | None:
        return _rembg(_NETWORK if cut_out is True else cut_out) if cut_out else None


@functools.lru_cache(maxsize=4)
def _rembg(network: str) -> CutOut:
    return load_rembg(network)
