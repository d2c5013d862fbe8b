"""A trained model's programs: an image in, a field out, and views and meshes of it. `model.py` is the door to it.

config, checkpoint = load(Path("runs/real3d"), config)
reconstructor = Reconstructor(config, checkpoint.params)
field = reconstructor.field(reconstructor.input_image(rgba))
frames, mesh = reconstructor.orbit(field), reconstructor.surface(field)
"""

import contextlib
import functools
import typing
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.checkpoints.trained_model import Checkpoint, as_trained, find_model, load_checkpoint
from real3d_jax.config.model import RenderConfig
from real3d_jax.config.reconstruction import OrbitConfig, ReconstructionConfig, RefineConfig, SurfaceConfig
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh
from real3d_jax.export.stages import Stage
from real3d_jax.images import as_bytes
from real3d_jax.inference.checks import canonical
from real3d_jax.inference.preprocess import model_input
from real3d_jax.inference.refinement import GivenViews, refine_field
from real3d_jax.inference.surfaces import make_surface
from real3d_jax.inference.uprightness import Estimate, estimate_elevation
from real3d_jax.models.choice import AnyModel, make_any_model
from real3d_jax.models.conditioned import ConditionedLRM, input_cameras
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import reconstruct, reconstruct_conditioned
from real3d_jax.rendering.sparse import occupied_cells, render_views_sparse
from real3d_jax.rendering.visible_surface import render_surfaces, render_surfaces_sparse
from real3d_jax.runtime import compiler_options


def load(
    path: Path | str, config: ReconstructionConfig, *, ema: bool = False
) -> tuple[ReconstructionConfig, Checkpoint]:
    """A checkpoint, and the configuration with the model of its run.

    Args:
      path: of a model, or its name, as `find_model` takes them: 'mini' is the one that comes with the package.
      config: its model must be that of weights converted from a foreign file; other weights bring their own.
      ema: takes the averaged parameters of a run.

    Raises:
      UserError: there is no checkpoint, it cannot be read, or it is of another model.
    """
    model = find_model(path, ema=ema)
    config = as_trained(model, config)
    return config, load_checkpoint(model, config)


class Reconstructor:
    """A model with its parameters, on the first device.

    Args:
      config: sizes of everything.
      params: of the model, as `Checkpoint` has them.
    """

    def __init__(self, config: ReconstructionConfig, params: Mapping):
        self.config = config
        model = make_any_model(config.model, config.compute)
        self._params = jax.jit(model.inference_weights)(dict(params))
        self._encode = jax.jit(
            functools.partial(_encode, model, config.orbit),
            compiler_options=compiler_options.for_inference(config.model.token_width),
        )
        self._render = jax.jit(functools.partial(render_views, config=config.render), static_argnames="resolution")
        self._find_occupied = jax.jit(
            functools.partial(occupied_cells, config=config.render, least_density=config.orbit.least_density)
        )
        # What is asked of the camera-conditioned model here is refused before (`checks`).
        canonical_render = typing.cast(RenderConfig, config.render)
        self._render_occupied, self._render_surfaces, self._render_occupied_surfaces = (
            jax.jit(functools.partial(program, config=canonical_render), static_argnames="resolution")
            for program in (render_views_sparse, render_surfaces, render_surfaces_sparse)
        )

    def input_image(self, rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "S S 3"]:
        """What the model sees of a photograph with its object cut out; errors as of `model_input`."""
        return model_input(rgba, self.config.input, size=self.config.model.image_size)

    def field(self, image: UInt8[np.ndarray, "S S 3"]) -> TriplaneField:
        """The field of one image (a batch of one).

        Raises:
          UserError: it is not finite, so the weights are broken.
        """
        return self.fields(np.asarray(image)[None])[0]

    def fields(self, images: UInt8[np.ndarray, "B S S 3"]) -> list[TriplaneField]:
        """The field of each image (batches of one), encoded together; errors as of `field`."""
        with self._precision():
            field = self._encode(self._params, as_float(jnp.asarray(images)))
        if not bool(jnp.isfinite(field.planes).all()):
            raise UserError("The model's planes are not finite numbers: its weights are broken, so use other ones.")
        return [field.replace(planes=field.planes[i : i + 1]) for i in range(len(images))]

    def orbit(self, field: TriplaneField, config: OrbitConfig | None = None) -> UInt8[np.ndarray, "F r r 3"]:
        """Views around the object of one field; the configuration's way, or another one."""
        config = config or self.config.orbit
        return self.views(field, orbit_cameras(config), config)

    def views(
        self, field: TriplaneField, cameras: Cameras, config: OrbitConfig | None = None
    ) -> UInt8[np.ndarray, "F r r 3"]:
        """Views of one field.

        Args:
          field: a batch of one.
          cameras: of leading shape (F,).
          config: resolution, and how many are rendered together; that of the reconstructor if None.
        """
        (rgb,) = self._rendered(field, cameras, config or self.config.orbit, geometry=False)
        return as_bytes(rgb)

    def surface_views(
        self, field: TriplaneField, cameras: Cameras, config: OrbitConfig | None = None
    ) -> tuple[UInt8[np.ndarray, "F r r 3"], Float[np.ndarray, "F r r"], Float[np.ndarray, "F r r 3"]]:
        """`views` with their depth and normals (`rendering.visible_surface`)."""
        canonical(self.config.render, "Depth and normals are")
        rgb, depth, normals = self._rendered(field, cameras, config or self.config.orbit, geometry=True)
        return as_bytes(rgb), depth, normals

    def _rendered(
        self, field: TriplaneField, cameras: Cameras, config: OrbitConfig, *, geometry: bool
    ) -> tuple[Float[np.ndarray, "F r r *_"], ...]:
        count, at_once = cameras.c2w.shape[0], max(1, config.frames_at_once)
        made: list[tuple[Float[np.ndarray, "F r r *_"], ...]] = []
        with self._precision():
            occupied = self._find_occupied(field) if self.config.orbit.least_density else None
            for start in range(0, count, at_once):
                places = np.minimum(np.arange(start, start + at_once), count - 1)
                chosen = jax.tree.map(lambda x, places=places: x[places], cameras)
                rendered = self._some_views(field, occupied, chosen, config.resolution, geometry)
                made.append(tuple(np.asarray(values, np.float32) for values in rendered))
        return tuple(np.concatenate(values)[:count] for values in zip(*made, strict=True))

    def refined(self, field: TriplaneField, views: GivenViews, steps: int, config: RefineConfig) -> TriplaneField:
        """One field after gradient steps towards views; arguments and errors as of `refine_field`."""
        if not steps:
            return field
        render = canonical(self.config.render, "Refinement is")
        with self._precision():
            return refine_field(field, views, steps, config, render)

    def surface(
        self, field: TriplaneField, config: SurfaceConfig | None = None, *, stage: Stage = contextlib.nullcontext
    ) -> Mesh:
        """The mesh of one field, in world coordinates; `stage` and errors as of `make_surface`."""
        config = config or self.config.surface
        with self._precision():
            return make_surface(field, self.config.render, config, stage=stage)

    def elevation(self, field: TriplaneField) -> Estimate:
        """How high the camera of one field's photograph stood; errors as of `estimate_elevation`."""
        with self._precision():
            return estimate_elevation(field, self.config.render, threshold=self.config.surface.threshold)

    def _some_views(
        self,
        field: TriplaneField,
        occupied: Bool[Array, "x y z"] | None,
        cameras: Cameras,
        resolution: int,
        geometry: bool,
    ) -> tuple[Float[Array, "F r r *_"], ...]:
        """Colours, and with `geometry` depth and normals."""
        if occupied is not None:
            render = self._render_occupied_surfaces if geometry else self._render_occupied
            rgb, _, *maps = render(field, occupied, cameras, resolution=resolution)
            return rgb, *maps
        render = self._render_surfaces if geometry else self._render
        rgb, _, *maps = render(field, jax.tree.map(lambda x: x[None], cameras), resolution=resolution)
        return tuple(values[0] for values in (rgb, *maps))

    def _precision(self):
        return compiler_options.matmul_precision(self.config.compute.matmul_precision)


def _encode(model: AnyModel, orbit: OrbitConfig, params: dict, images: Float[Array, "B S S 3"]) -> TriplaneField:
    """The fields of images; the camera-conditioned model is told the canonical camera, at the orbit's distance."""
    if not isinstance(model, ConditionedLRM):
        return reconstruct(params, images, model=model)
    cameras = input_cameras(len(images), distance=orbit.distance, fov_y=float(np.radians(orbit.fov_y)))
    return reconstruct_conditioned(params, images, cameras, model=model)


def orbit_cameras(config: OrbitConfig) -> Cameras:
    """The cameras of an orbit, of leading shape (frames,)."""
    azimuths = 2 * np.pi * np.arange(config.frames, dtype=np.float32) / config.frames
    c2w = spherical_c2w(azimuths, float(np.radians(config.elevation)), config.distance)
    return Cameras(c2w, jnp.tile(intrinsics_from_fov(float(np.radians(config.fov_y))), (config.frames, 1)))
