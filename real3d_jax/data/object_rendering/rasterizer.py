"""Draws meshes with OpenGL, without a display (EGL): on Mesa's software renderer or on a GPU.

One pass draws colours at several samples a pixel, which become straight-alpha RGBA. A second draws normals and depth at
the pixels' centres. Faces are drawn on both sides.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import moderngl
import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.object_rendering import shaders
from real3d_jax.data.object_rendering.appearance import to_srgb
from real3d_jax.data.object_rendering.meshes import Mesh, Part
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
        self._colour["supersample"], self._colour["lit"] = supersample, lit
        self._colour_target = self._target(size * supersample, "f2")
        self._geometry_target = self._target(size, "f4")
        self._context.enable_only(moderngl.DEPTH_TEST)

    @contextlib.contextmanager
    def loaded(self, mesh: Mesh) -> Iterator[None]:
        """Holds a mesh in the renderer's memory; `colour` and `surfaces` draw it."""
        with contextlib.ExitStack() as memory:
            self._batches = list(_upload(self._context, mesh.parts, (self._colour, self._geometry), memory))
            try:
                yield
            finally:
                self._batches = []

    def colour(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> UInt8[np.ndarray, "H W 4"]:
        """Straight-alpha RGBA, sRGB. `fov_y` in degrees."""
        samples = self._draw(self._colour_target, self._colour, c2w, fov_y, np.float16)
        size, k = self._size, self._supersample
        total = samples.reshape(size, k, size, k, 4).sum((1, 3), dtype=np.float32)  # colours are premultiplied
        alpha = total[..., 3:] / k**2
        rgb = to_srgb(np.clip(total[..., :3] / np.maximum(total[..., 3:], 1), 0, 1))
        return np.round(255 * np.concatenate([rgb, alpha], -1)).astype(np.uint8)

    def surfaces(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> Surfaces:
        """Normals and depths. `fov_y` in degrees."""
        self._geometry["forward"] = tuple(-c2w[:3, 2])
        drawn = self._draw(self._geometry_target, self._geometry, c2w, fov_y, np.float32)
        return Surfaces(drawn[..., :3], drawn[..., 3])

    def _draw(
        self,
        target: moderngl.Framebuffer,
        program: moderngl.Program,
        c2w: Float[np.ndarray, "4 4"],
        fov_y: float,
        dtype: type,
    ) -> Float[np.ndarray, "H W 4"]:
        program["world_to_clip"] = tuple(_world_to_clip(c2w, fov_y).T.ravel())  # OpenGL's matrices go by columns
        program["eye"] = tuple(c2w[:3, 3])
        target.use()
        target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        for texture, arrays in self._batches:
            texture.use(0)
            arrays[program].render(moderngl.TRIANGLES)
        pixels = np.frombuffer(target.read(components=4, dtype=f"f{np.dtype(dtype).itemsize}"), dtype)
        return pixels.reshape(*target.size[::-1], 4)[::-1]  # OpenGL's rows go up

    def _target(self, size: int, dtype: str) -> moderngl.Framebuffer:
        colours = self._context.texture((size, size), 4, dtype=dtype)
        return self._context.framebuffer([colours], self._context.depth_renderbuffer((size, size)))


def _upload(
    context: moderngl.Context,
    parts: Sequence[Part],
    programs: Sequence[moderngl.Program],
    memory: contextlib.ExitStack,
) -> Iterator[tuple[moderngl.Texture, dict[moderngl.Program, moderngl.VertexArray]]]:
    """Texture and vertices of each part, for each program; freed with `memory`."""
    known: dict[int, moderngl.Texture] = {}
    for part in parts:
        image = part.texture if part.texture is not None else _WHITE
        if id(image) not in known:
            known[id(image)] = _texture(context, image)
            memory.callback(known[id(image)].release)
        corners = np.concatenate([part.triangles, part.normals, part.uv, part.colours], -1).astype("f4")
        buffer = context.buffer(corners.tobytes())
        memory.callback(buffer.release)
        arrays = {}
        for program in programs:
            names = ("in_position", "in_normal", "in_uv", "in_colour")
            layout = [(buffer, "3f 3f 2f 4f", *names)]
            arrays[program] = context.vertex_array(program, layout)
            memory.callback(arrays[program].release)
        yield known[id(image)], arrays


_WHITE = np.full((1, 1, 4), 255, np.uint8)


def _texture(context: moderngl.Context, image: UInt8[np.ndarray, "H W 4"]) -> moderngl.Texture:
    height, width = image.shape[:2]
    data = np.ascontiguousarray(image[::-1])
    texture = context.texture((width, height), 4, data.tobytes(), internal_format=_SRGB8_ALPHA8)
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
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
