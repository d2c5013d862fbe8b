"""What a model made of one photograph, and what can be had of it: a mesh, and views from anywhere."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from real3d_jax.cameras import Cameras
from real3d_jax.config.reconstruction import OrbitConfig, ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh
from real3d_jax.inference import checks
from real3d_jax.inference.elevation import as_degrees, in_canonical_frame, stood_up, turned
from real3d_jax.inference.keywords import Number, Whole, changed
from real3d_jax.inference.reconstructor import Reconstructor, orbit_cameras
from real3d_jax.inference.refinement import GivenViews, input_view
from real3d_jax.inference.views import Views
from real3d_jax.rendering import TriplaneField

_ESTIMATED = "the camera is taken to be at"  # how a note begins


class Reconstruction:
    """What a model made of one photograph.

    Attributes:
      image: what the model saw, (S, S, 3) bytes: look here first.
      field: the triplane, a batch of one, as `real3d_jax.render_views` takes it.
      notes: what was decided on the way and may be wrong (`preprocess.Prepared`); often none.
      fov_y: field of view of what the model saw, degrees, where it is known and the field is straightened for it.
      elevation: of the camera that took the photograph, degrees above the object; 0 where nothing is known of it. The
        mesh and `orbit` are in the upright world, where that camera is at azimuth 0 and this elevation; the field is in
        the frame where it is canonical, whatever its elevation.

    Args:
      given: what `refine` steps towards; the image, taken by the canonical camera, if None.
    """

    def __init__(
        self,
        image: UInt8[np.ndarray, "S S 3"],
        field: TriplaneField,
        reconstructor: Reconstructor,
        notes: tuple[str, ...] = (),
        fov_y: float | None = None,
        given: GivenViews | None = None,
        elevation: float = 0.0,
    ):
        self.image = image
        self.field = field
        self.notes = notes
        self.fov_y = fov_y
        self.elevation = elevation
        self._reconstructor = reconstructor
        self._given = given

    def mesh(
        self,
        resolution: Whole | None = None,
        *,
        threshold: Number | None = None,
        faces: Whole | None = None,
        texture: Whole | None = None,
        least_share: Number | None = None,
        smoothing: Whole | None = None,
        skip_empty: bool | None = None,
    ) -> Mesh:
        """The surface with its colours, in world coordinates: z up, the input camera at azimuth 0 and `elevation`.

        Args:
          resolution: grid points per side of the box, a multiple of 4; twice as many take eight times as long.
          threshold: density of the surface. Lower where "the field is empty", higher where there is fog.
          faces: that it is decimated to; 0 keeps all (needs `pip install 'real3d-jax[texture]'`, as the next does).
          texture: texels per side of a picture of its colours; 0 makes vertex colours.
          least_share: parts that enclose less than this share of the largest part are left out; 0 keeps all.
          smoothing: steps of Taubin's smoothing.
          skip_empty: asks for all points only near the surface that every fourth point shows.

        Raises:
          UserError: the field is empty at this threshold, or a number is out of range.
        """
        surface = changed(
            self._config.surface,
            "mesh",
            resolution=resolution,
            threshold=threshold,
            faces=faces,
            texture=texture,
            least_share=least_share,
            smoothing=smoothing,
            skip_empty=skip_empty,
        )
        checks.check_surface(surface)
        mesh = self._reconstructor.surface(self.field, surface)
        return stood_up(mesh, self.elevation) if self.elevation else mesh

    def render(
        self, cameras: Cameras, *, resolution: Whole | None = None, geometry: bool = False, upright: bool = False
    ) -> Views:
        """Views from any cameras.

        Args:
          cameras: poses and intrinsics of F cameras (or of one, without that axis), as `Model.cameras` makes them.
          resolution: pixels per side.
          geometry: with depth and normals of the surface that is seen (see `Views`).
          upright: the cameras are in the upright world, as the mesh is, and not in the frame where the input camera is
            canonical. Normals are in the world that the cameras are in.

        Raises:
          UserError: the cameras are none, have other shapes or are not finite, or the resolution is out of range.
        """
        orbit = changed(self._config.orbit, "render", resolution=resolution)
        checks.check_orbit(orbit)
        checks.check_cameras(cameras)
        c2w, intrinsics = (jnp.asarray(x, jnp.float32) for x in (cameras.c2w, cameras.intrinsics))
        c2w = c2w[None] if c2w.ndim == 2 else c2w
        if c2w.ndim != 3 or c2w.shape[1:] != (4, 4) or intrinsics.shape not in ((4,), (len(c2w), 4)) or not len(c2w):
            raise UserError(
                f"cameras have poses of shape {tuple(cameras.c2w.shape)} and intrinsics of {tuple(intrinsics.shape)}: "
                "give (F, 4, 4) and (F, 4)."
            )
        if not all(jnp.isfinite(numbers).all() for numbers in (c2w, intrinsics)):  # their views would show anything
            raise UserError("cameras have poses or intrinsics that are not finite: leave them out, or make them anew.")
        cameras = Cameras(c2w, jnp.broadcast_to(intrinsics, (len(c2w), 4)))
        return self._views(cameras, orbit, geometry, self.elevation if upright else 0.0)

    def orbit(
        self,
        frames: Whole | None = None,
        *,
        elevation: Number | None = None,
        distance: Number | None = None,
        fov_y: Number | None = None,
        resolution: Whole | None = None,
        frames_per_second: Number | None = None,
        geometry: bool = False,
    ) -> Views:
        """Views once around the object, from the input camera's place to its right, about the upright world's z axis.

        Args:
          frames: how many.
          elevation: of the cameras above the input camera's, degrees; at 0 the first view is the input's.
          distance: of the cameras from the object's centre.
          fov_y: their vertical field of view, degrees.
          resolution: pixels per side.
          frames_per_second: of the animation that `Views.save` writes.
          geometry: with depth and normals of the surface that is seen (see `Views`).

        Raises:
          UserError: a number is out of range.
        """
        orbit = changed(
            self._config.orbit,
            "orbit",
            frames=frames,
            elevation=elevation,
            distance=distance,
            fov_y=fov_y,
            resolution=resolution,
            frames_per_second=frames_per_second,
        )
        checks.check_orbit(orbit)
        way = dataclasses.replace(orbit, elevation=orbit.elevation + self.elevation)
        return self._views(orbit_cameras(way), orbit, geometry, self.elevation)

    def _views(self, cameras: Cameras, orbit: OrbitConfig, geometry: bool, elevation: float) -> Views:
        """Views from cameras of the world that is upright for this elevation."""
        seen_from = in_canonical_frame(cameras, elevation) if elevation else cameras
        if not geometry:
            rgb = self._reconstructor.views(self.field, seen_from, orbit)
            return Views(rgb, orbit.frames_per_second, cameras=cameras)
        rgb, depth, normals = self._reconstructor.surface_views(self.field, seen_from, orbit)
        if elevation:
            normals = turned(normals, elevation)
        return Views(rgb, orbit.frames_per_second, depth, normals, cameras)

    def upright(self, elevation: Number | str) -> "Reconstruction":
        """The same reconstruction, whose object stands upright for a camera at this elevation.

        Args:
          elevation: of the camera that took the photograph, degrees above the object, from -90 to 90; or 'estimate',
            which reads it from the shape (`uprightness.estimate_elevation`) and is noted. It is 0 where there is none.

        Raises:
          UserError: it is neither.
        """
        degrees = as_degrees(elevation, "elevation")
        notes = tuple(note for note in self.notes if not note.startswith(_ESTIMATED))
        if degrees is not None:
            return self._with(elevation=degrees, notes=notes)
        try:
            found = self._reconstructor.elevation(self.field)
        except UserError as error:
            return self._with(elevation=0.0, notes=(*notes, f"{_ESTIMATED} 0 degrees: {error}"))
        note = f"{_ESTIMATED} {found.elevation:g} degrees, by the object's shape{found.doubt}"
        return self._with(elevation=found.elevation, notes=(*notes, note))

    def _with(self, **changes: Any) -> "Reconstruction":
        known = {"image": self.image, "field": self.field, "reconstructor": self._reconstructor, "notes": self.notes}
        known |= {"fov_y": self.fov_y, "given": self._given, "elevation": self.elevation}
        return Reconstruction(**{**known, **changes})

    def refine(
        self, steps: Whole, *, learning_rate: Number | None = None, hold: Number | None = None
    ) -> "Reconstruction":
        """Another reconstruction, whose field renders the photograph better; this one is left as it is.

        Gradient steps on the planes alone, towards what the model saw, or towards all views of `Model.from_views`
        (`refinement.refine_field`). docs/refinement.md says what they buy.

        Args:
          steps: how many; 0 changes nothing.
          learning_rate: of Adam, in units of the planes' standard deviation.
          hold: weight of the planes' squared distance from where they began.

        Raises:
          UserError: a number is out of range, or the planes do not stay finite.
        """
        config = changed(self._config.refine, "refine", steps=steps, learning_rate=learning_rate, hold=hold)
        given = self._given or input_view(self.image, config, background=self._config.input.background)
        # The model's own camera took the picture for it; the lens that straightens the field comes after that.
        bare = self._reconstructor.refined(dataclasses.replace(self.field, lens=None), given, config.steps, config)
        field = dataclasses.replace(bare, lens=self.field.lens)
        return self._with(field=field)

    @property
    def _config(self) -> ReconstructionConfig:
        return self._reconstructor.config

    def __repr__(self) -> str:
        return f"Reconstruction(image {self.image.shape}, planes {tuple(self.field.planes.shape[1:])})"
