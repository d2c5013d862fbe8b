"""Colours of faces: materials, textures and vertex colours of the file formats as one texture times corner colours.

Only the base colour is taken; metal, gloss and light of the material's own are not.
"""

from typing import Any, NamedTuple

import numpy as np
import trimesh
from jaxtyping import Float, UInt8
from PIL import Image
from trimesh.visual.color import to_rgba
from trimesh.visual.texture import TextureVisuals

_NO_COLOUR = 0.7  # sRGB grey of faces to which the file gives no colour
_LARGEST_TEXTURE = 4096  # pixels: finer than any render shows


class Appearance(NamedTuple):
    """See `meshes.Part`."""

    uv: Float[np.ndarray, "faces 3 2"]
    colours: Float[np.ndarray, "faces 3 4"]
    texture: UInt8[np.ndarray, "H W 4"] | None


class Textures:
    """The pixels of images; parts that share an image share its array."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, float | None], tuple[Image.Image, UInt8[np.ndarray, "H W 4"]]] = {}

    def pixels(self, image: Image.Image, *, cutoff: float | None) -> UInt8[np.ndarray, "H W 4"]:
        """RGBA of an image; see `_cut` for the cutoff.

        Raises:
          ValueError, OSError: it is damaged.
        """
        key = (id(image), cutoff)
        if key not in self._known:
            rgba = image.convert("RGBA")
            rgba.thumbnail((_LARGEST_TEXTURE, _LARGEST_TEXTURE))
            self._known[key] = (image, _cut(np.asarray(rgba), cutoff))  # the image is kept, so that its id stays its
        return self._known[key][1]


def appearance(geometry: trimesh.Trimesh, textures: Textures, *, is_gltf: bool) -> Appearance:
    """The colours of a mesh. Factors and vertex colours are linear in glTF, and sRGB in the other formats.

    Raises:
      ValueError, OSError: a texture is damaged, or texture coordinates are not finite.
    """
    faces, visual = np.asarray(geometry.faces), geometry.visual
    uv = np.zeros((len(faces), 3, 2))
    if not isinstance(visual, TextureVisuals):
        return Appearance(uv, _colours_without_material(visual, faces, is_linear=is_gltf), None)
    image = _image(visual.material)
    if visual.uv is None or len(visual.uv) != len(geometry.vertices):
        image = None
    elif image is not None:
        uv = np.asarray(visual.uv, np.float64)[faces]
        if not np.isfinite(uv).all():
            raise ValueError("texture coordinates are not finite")
    if is_gltf:
        colours, cutoff = _gltf_colours(visual, faces)
    else:
        at_vertices = geometry.vertex_attributes.get("color")
        colours = _linear(_mtl_colours(visual.material, at_vertices, faces, textured=image is not None))
        cutoff = None
    if cutoff is not None:
        colours[..., 3] = 1
    return Appearance(uv, colours, None if image is None else textures.pixels(image, cutoff=cutoff))


def to_linear(srgb: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Linear light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """The inverse of `to_linear`."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def _linear(rgba: Float[np.ndarray, "*any 4"]) -> Float[np.ndarray, "*any 4"]:
    return np.concatenate([to_linear(rgba[..., :3]), rgba[..., 3:]], -1)


def _image(material: Any) -> Image.Image | None:
    """The image of the base colour."""
    image = getattr(material, "baseColorTexture", None)
    return image if image is not None else getattr(material, "image", None)


def _colours_without_material(visual: Any, faces: np.ndarray, *, is_linear: bool) -> Float[np.ndarray, "faces 3 4"]:
    if visual.kind == "vertex":
        colours = to_rgba(visual.vertex_colors)[faces] / 255
    elif visual.kind == "face":
        colours = np.repeat(to_rgba(visual.face_colors)[:, None] / 255, 3, axis=1)
    else:
        return _linear(_constant([_NO_COLOUR] * 3 + [1], faces))
    return colours if is_linear else _linear(colours)


def _mtl_colours(
    material: Any, vertex_colours: Any, faces: np.ndarray, *, textured: bool
) -> Float[np.ndarray, "faces 3 4"]:
    """Colours beside an OBJ's texture, if it has one: a texture takes the place of Kd, as modellers show it."""
    options = getattr(material, "kwargs", {})
    if textured:
        colours = _constant([1, 1, 1, 1], faces)
    elif vertex_colours is not None:
        colours = to_rgba(vertex_colours)[faces] / 255
    elif "kd" in options:
        colours = _constant(to_rgba(material.diffuse) / 255, faces)
    else:
        colours = _constant([_NO_COLOUR] * 3 + [1], faces)
    if "d" in options:
        colours[..., 3] *= np.clip(float(np.ravel(options["d"])[-1]), 0, 1)
    return colours


def _gltf_colours(visual: TextureVisuals, faces: np.ndarray) -> tuple[Float[np.ndarray, "faces 3 4"], float | None]:
    """The factors that multiply the texture, and what `_cut` wants."""
    material: Any = visual.material
    factor = getattr(material, "baseColorFactor", None)
    rgba = np.ones(4) if factor is None else to_rgba(factor) / 255
    colours = _constant(rgba, faces)
    if "color" in visual.vertex_attributes:
        colours = colours * to_rgba(visual.vertex_attributes["color"])[faces] / 255
    mode = getattr(material, "alphaMode", None) or "OPAQUE"
    if mode == "BLEND":
        return colours, None
    if mode == "OPAQUE":
        return colours, 0.0
    cutoff = getattr(material, "alphaCutoff", None)
    return colours, (0.5 if cutoff is None else float(cutoff)) / max(rgba[3], 1e-9)


def _constant(rgba: Any, faces: np.ndarray) -> Float[np.ndarray, "faces 3 4"]:
    return np.tile(np.asarray(rgba, np.float64), (len(faces), 3, 1))


def _cut(rgba: UInt8[np.ndarray, "H W 4"], cutoff: float | None) -> UInt8[np.ndarray, "H W 4"]:
    """An image whose alpha is 0 below the cutoff and 1 from it on; 0 makes all of it opaque, None leaves it."""
    if cutoff is None:
        return rgba
    alpha = np.where(rgba[..., 3:] / 255 >= cutoff, 255, 0).astype(np.uint8)
    return np.concatenate([rgba[..., :3], alpha], -1)
