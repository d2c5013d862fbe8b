"""Draws meshes with OpenGL, without a display (EGL): on Mesa's software renderer or on a GPU.

Colours are drawn at several samples a pixel, which become straight-alpha RGBA; normals and depth at the pixels'
centres. Faces are drawn on both sides.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import moderngl
import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.object_rendering import shaders
from real3d_jax.data.object_rendering.formats.colours import to_srgb
from real3d_jax.data.object_rendering.meshes import Emission, Mesh, Part, Texture
from real3d_jax.data.object_rendering.peeling import Layers, pixels
from real3d_jax.errors import UserError

_EGL: Any = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
_SRGB8_ALPHA8 = 0x8C43  # OpenGL's name of the format whose texels become linear before they are filtered
_REACH = 0.88  # of the object from the origin: a little more than half the diagonal of its cube


class Surfaces(NamedTuple):
    """What a camera sees at the centres of its pixels: the first surface that is at least half opaque.

    Attributes:
      normal: in the world, unit length, on the side that is seen; 0 where there is nothing.
      depth: along the viewing axis; 0 where there is nothing.
    """

    normal: Float[np.ndarray, "H W 3"]
    depth: Float[np.ndarray, "H W"]


class Rasterizer:
    """An OpenGL context for square pictures of one size.

    Args:
      size: pixels per side.
      supersample: samples per side of a pixel.
      lit: shades the colours; else they are the materials' own.

    Raises:
      UserError: there is no EGL or no OpenGL 3.3 here.
    """

    def __init__(self, *, size: int, supersample: int, lit: bool) -> None:
        try:
            self._context = moderngl.create_context(require=330, standalone=True, **_EGL)
        except Exception as error:  # moderngl raises plain exceptions
            raise UserError(
                f"OpenGL cannot be started without a display ({error}): install EGL and Mesa, on Debian and Ubuntu "
                "with 'apt-get install libegl1 libegl-mesa0 libgl1'."
            ) from error
        self._size, self._supersample = size, supersample
        self._colour = self._context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.COLOUR)
        self._geometry = self._context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.GEOMETRY)
        self._colour["lit"], self._colour["emission_map"] = lit, 1
        self._layers = Layers(self._context, self._colour, size * supersample)
        self._geometry_target = self._context.framebuffer(
            [self._context.texture((size, size), 4, dtype="f4")], self._context.depth_renderbuffer((size, size))
        )
        self._context.enable_only(moderngl.DEPTH_TEST)

    @contextlib.contextmanager
    def loaded(self, mesh: Mesh) -> Iterator[None]:
        """Holds a mesh in the renderer's memory; `colour` and `surfaces` draw it."""
        with self._context, contextlib.ExitStack() as memory:
            self._batches = list(_upload(self._context, mesh.parts, self._colour, self._geometry, memory))
            try:
                yield
            finally:
                self._batches = []

    def colour(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> UInt8[np.ndarray, "H W 4"]:
        """Straight-alpha RGBA, sRGB. `fov_y` in degrees."""
        with self._context:  # a process may have several
            self._aim(self._colour, c2w, fov_y)
            samples = self._layers.draw(self._draw, is_opaque=all(batch.is_opaque for batch in self._batches))
        size, k = self._size, self._supersample
        total = samples.reshape(size, k, size, k, 4).sum((1, 3), dtype=np.float32)  # colours are premultiplied
        alpha = total[..., 3:] / k**2
        rgb = to_srgb(np.clip(total[..., :3] / np.where(total[..., 3:] > 0, total[..., 3:], 1), 0, 1))
        return np.round(255 * np.concatenate([rgb, alpha], -1)).astype(np.uint8)

    def surfaces(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> Surfaces:
        """Normals and depths. `fov_y` in degrees."""
        with self._context:
            self._geometry["forward"] = tuple(-c2w[:3, 2])
            self._aim(self._geometry, c2w, fov_y)
            self._geometry_target.use()
            self._geometry_target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
            for batch in self._batches:
                batch.texture.use(0)
                batch.surfaces.render(moderngl.TRIANGLES)
            drawn = pixels(self._geometry_target, np.float32)
        return Surfaces(drawn[..., :3], drawn[..., 3])

    def _aim(self, program: moderngl.Program, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> None:
        program["world_to_clip"] = tuple(_world_to_clip(c2w, fov_y).T.ravel())  # OpenGL's matrices go by columns
        program["eye"] = tuple(c2w[:3, 3])

    def _draw(self, see_through: bool) -> None:
        """Colours of all parts, or of those that are see-through somewhere."""
        for batch in self._batches:
            if batch.is_opaque and see_through:
                continue
            batch.texture.use(0)
            batch.emission.use(1)
            batch.colours.render(moderngl.TRIANGLES)


class _Batch(NamedTuple):
    """A part in the renderer's memory: two textures, and its vertices for each program."""

    texture: moderngl.Texture
    emission: moderngl.Texture
    colours: moderngl.VertexArray
    surfaces: moderngl.VertexArray
    is_opaque: bool


def _upload(
    context: moderngl.Context,
    parts: Sequence[Part],
    colour: moderngl.Program,
    geometry: moderngl.Program,
    memory: contextlib.ExitStack,
) -> Iterator[_Batch]:
    """The parts, freed with `memory`; textures that share their pixels are there once."""
    known: dict[tuple[Any, ...], moderngl.Texture] = {}

    def texture(wanted: Texture | None) -> moderngl.Texture:
        wanted = _WHITE if wanted is None else wanted
        key = (id(wanted.pixels), wanted.clamp, wanted.nearest)
        if key not in known:
            known[key] = _texture(context, wanted)
            memory.callback(known[key].release)
        return known[key]

    for part in parts:
        glow = part.emission or Emission(part.uv, np.zeros((len(part.triangles), 3, 3)), None)
        corners = [part.triangles, part.normals, part.uv, part.colours, glow.uv, glow.colours]
        buffer = context.buffer(np.concatenate(corners, -1).astype("f4").tobytes())
        memory.callback(buffer.release)
        surface = ("in_position", "in_normal", "in_uv", "in_colour")
        colours = context.vertex_array(
            colour, [(buffer, "3f 3f 2f 4f 2f 3f", *surface, "in_emission_uv", "in_emission")]
        )
        surfaces = context.vertex_array(geometry, [(buffer, "3f 3f 2f 4f 5x4", *surface)])
        for array in (colours, surfaces):
            memory.callback(array.release)
        yield _Batch(texture(part.texture), texture(glow.texture), colours, surfaces, _is_opaque(part))


def _is_opaque(part: Part) -> bool:
    textured = part.texture is not None and part.texture.pixels[..., 3].min() < 255
    return not textured and bool((part.colours[..., 3] >= 1).all())


_WHITE = Texture(np.full((1, 1, 4), 255, np.uint8))


def _texture(context: moderngl.Context, wanted: Texture) -> moderngl.Texture:
    height, width = wanted.pixels.shape[:2]
    data = np.ascontiguousarray(wanted.pixels[::-1])
    texture = context.texture((width, height), 4, data.tobytes(), internal_format=_SRGB8_ALPHA8)
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.NEAREST if wanted.nearest else moderngl.LINEAR)
    texture.repeat_x, texture.repeat_y = not wanted.clamp[0], not wanted.clamp[1]
    return texture


def _world_to_clip(c2w: Float[np.ndarray, "4 4"], fov_y: float) -> Float[np.ndarray, "4 4"]:
    """OpenGL's projection of a centred, square camera; depths around the object only, where they are most exact."""
    distance = np.linalg.norm(c2w[:3, 3])
    near, far = distance - _REACH, distance + _REACH
    focal = 1 / np.tan(np.radians(fov_y) / 2)
    projection = np.array(
        [
            [focal, 0, 0, 0],
            [0, focal, 0, 0],
            [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)],
            [0, 0, -1, 0],
        ]
    )
    return projection @ np.linalg.inv(c2w)
