"""Draws what is see-through in the right order, without sorting triangles (depth peeling).

Everitt, Interactive Order-Independent Transparency (NVIDIA, 2001), from the front to the back: each pass finds, at each
sample, the nearest surface behind that of the pass before, and lays it under what the passes so far made.
"""

from collections.abc import Callable
from typing import NamedTuple

import moderngl
import numpy as np
from jaxtyping import Float

from real3d_jax.data.object_rendering import shaders

_MOST = 64  # surfaces one behind the other; what lies farther back is as good as hidden


class _Target(NamedTuple):
    frame: moderngl.Framebuffer
    colours: moderngl.Texture
    nearness: moderngl.Texture


class Layers:
    """Targets for square pictures of one size.

    Args:
      context: OpenGL's.
      program: `shaders.COLOUR`.
      size: pixels per side.
    """

    def __init__(self, context: moderngl.Context, program: moderngl.Program, size: int) -> None:
        self._context, self._program, self._size = context, program, size
        program["opaque_nearness"], program["layer_nearness"] = 2, 3
        self._opaque = self._target()
        self._see_through: tuple[list[_Target], moderngl.Framebuffer, moderngl.VertexArray] | None = None

    def draw(self, draw: Callable[[bool], None], *, is_opaque: bool) -> Float[np.ndarray, "size size 4"]:
        """Premultiplied linear colours.

        Args:
          draw: draws all parts, or (True) only those that are see-through somewhere.
          is_opaque: there are none of these.
        """
        self._begin(self._opaque, 0)
        draw(False)
        if is_opaque:
            return pixels(self._opaque.frame, np.float16)
        layers, total, cover = self._made()
        total.use()
        total.clear()
        self._opaque.nearness.use(2)
        for number in range(1, _MOST + 1):
            layer = layers[number % 2]
            layers[(number + 1) % 2].nearness.use(3)
            self._begin(layer, number)
            found = self._context.query(samples=True)
            with found:
                draw(True)
            if not found.samples:
                break
            self._lay_under(total, layer, cover)
        self._lay_under(total, self._opaque, cover)
        return pixels(total, np.float16)

    def _begin(self, target: _Target, number: int) -> None:
        self._context.enable_only(moderngl.DEPTH_TEST)
        self._program["layer"] = number
        target.frame.use()
        target.frame.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)

    def _lay_under(self, total: moderngl.Framebuffer, layer: _Target, cover: moderngl.VertexArray) -> None:
        self._context.enable_only(moderngl.BLEND)
        self._context.blend_func = moderngl.ONE_MINUS_DST_ALPHA, moderngl.ONE
        total.use()
        layer.colours.use(0)
        cover.render(moderngl.TRIANGLE_STRIP)
        self._context.enable_only(moderngl.DEPTH_TEST)

    def _made(self) -> tuple[list[_Target], moderngl.Framebuffer, moderngl.VertexArray]:
        """Targets that only see-through objects need."""
        if self._see_through is None:
            corners = self._context.buffer(np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], "f4").tobytes())
            under = self._context.program(vertex_shader=shaders.COVER, fragment_shader=shaders.UNDER)
            cover = self._context.vertex_array(under, [(corners, "2f", "in_corner")])
            total = self._context.framebuffer([self._texture(4, "f2")])
            self._see_through = [self._target(), self._target()], total, cover
        return self._see_through

    def _target(self) -> _Target:
        depth = self._context.depth_renderbuffer((self._size, self._size))
        colours, nearness = self._texture(4, "f2"), self._texture(1, "f4")
        return _Target(self._context.framebuffer([colours, nearness], depth), colours, nearness)

    def _texture(self, components: int, dtype: str) -> moderngl.Texture:
        return self._context.texture((self._size, self._size), components, dtype=dtype)


def pixels(target: moderngl.Framebuffer, dtype: type) -> Float[np.ndarray, "H W 4"]:
    """The first picture of a target, upright."""
    data = np.frombuffer(target.read(components=4, dtype=f"f{np.dtype(dtype).itemsize}"), dtype)
    return data.reshape(*target.size[::-1], 4)[::-1]  # OpenGL's rows go up
