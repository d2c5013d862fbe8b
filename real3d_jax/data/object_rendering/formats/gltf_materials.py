"""Materials of glTF: base colour and emission, with their textures, samplers and texture transforms.

Metal, roughness, relief and occlusion are left away: the light of the renders has neither gloss nor reflections.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.object_rendering.formats import pictures
from real3d_jax.data.object_rendering.formats.colours import NO_COLOUR, at_corners, rgba_to_linear, with_alpha
from real3d_jax.data.object_rendering.formats.gltf_file import BASIS, GltfFile
from real3d_jax.data.object_rendering.formats.gltf_json import Json
from real3d_jax.data.object_rendering.formats.reading import Malformed
from real3d_jax.data.object_rendering.meshes import Emission, Texture
from real3d_jax.errors import UserError, check_installed

_CLAMP, _MIRROR, _REPEAT = 33071, 33648, 10497
_NEAREST = 9728
_OTHER_IMAGES = ("EXT_texture_avif", "EXT_texture_webp", "MSFT_texture_dds")

# Texture coordinates of a set at the corners, or None where the primitive lacks the set.
Coordinates = Callable[[int], Float[np.ndarray, "faces 3 2"] | None]


class Look(NamedTuple):
    """See `meshes.Part`."""

    colours: Float[np.ndarray, "faces 3 4"]
    uv: Float[np.ndarray, "faces 3 2"] | None
    texture: Texture | None
    emission: Emission | None


class _Picture(NamedTuple):
    uv: Float[np.ndarray, "faces 3 2"] | None
    texture: Texture | None


_NO_PICTURE = _Picture(None, None)


def look(
    file: GltfFile,
    material: int | None,
    *,
    coordinates: Coordinates,
    vertex_colours: Float[np.ndarray, "faces 3 channels"] | None,
    faces: int,
) -> Look:
    """The colours of a primitive. Factors and vertex colours are linear.

    Args:
      material: its index.
      coordinates: of the primitive.
      vertex_colours: in [0, 1].
      faces: how many.

    Raises:
      Malformed: the material is damaged.
    """
    if material is None:
        if vertex_colours is None:
            return Look(at_corners(rgba_to_linear(np.array(NO_COLOUR)), faces), None, None, None)
        colours = with_alpha(vertex_colours)
        colours[..., 3] = 1
        return Look(colours, None, None, None)
    source = file.item("materials", material)
    factor, slot = _base(source)
    mode = source.text("alphaMode", "OPAQUE")
    if mode not in ("OPAQUE", "MASK", "BLEND"):
        raise Malformed(f"{source.where}.alphaMode is '{mode[:20]}'")
    colours = at_corners(np.clip(factor, 0, 1), faces)
    if vertex_colours is not None:
        colours = colours * with_alpha(vertex_colours)
    cutoff = None
    if mode == "OPAQUE":
        cutoff = 0.0
    elif mode == "MASK":
        cutoff = _cutoff(file, source, colours)
    picture = _picture(file, slot, coordinates, cutoff)
    if cutoff is not None:
        # Without a picture, the colour alone is above the cutoff or below it.
        cut_off = cutoff > 1 if picture.texture is None else False
        colours[..., 3] = 0 if cut_off else 1
    if source.extension("KHR_materials_unlit") is not None:
        emission = _own_light(picture, colours[..., :3], faces)
        colours = np.concatenate([np.zeros((faces, 3, 3)), colours[..., 3:]], -1)
    else:
        emission = _emission(file, source, coordinates, faces)
    return Look(colours, picture.uv, picture.texture, emission)


def _base(source: Json) -> tuple[list[float], Json | None]:
    """Factor and texture of the base colour."""
    gloss = source.extension("KHR_materials_pbrSpecularGlossiness")
    place, factor, texture = (
        (source.object("pbrMetallicRoughness"), "baseColorFactor", "baseColorTexture")
        if gloss is None
        else (gloss, "diffuseFactor", "diffuseTexture")
    )
    return place.numbers(factor, [1.0] * 4) or [], place.object(texture) if texture in place else None


def _cutoff(file: GltfFile, source: Json, colours: Float[np.ndarray, "faces 3 4"]) -> float:
    """The alpha of the texture from which on the surface is there."""
    alphas = colours[..., 3]
    if np.ptp(alphas) > 1e-3:
        file.reading.note("alpha of vertices was averaged, where a material cuts off what is see-through")
    return source.number("alphaCutoff", 0.5) / max(float(alphas.mean()), 1e-9)


def _emission(file: GltfFile, source: Json, coordinates: Coordinates, faces: int) -> Emission | None:
    factor = np.array(source.numbers("emissiveFactor", [0.0] * 3))
    strength = source.extension("KHR_materials_emissive_strength")
    if strength is not None:
        factor = factor * strength.number("emissiveStrength", 1.0)
    if not (factor > 0).any():
        return None
    slot = source.object("emissiveTexture") if "emissiveTexture" in source else None
    picture = _picture(file, slot, coordinates, 0.0)
    if slot is not None and picture.texture is None:
        return None
    return _own_light(picture, at_corners(np.clip(factor, 0, 1), faces), faces)


def _own_light(picture: _Picture, colours: Float[np.ndarray, "faces 3 3"], faces: int) -> Emission:
    uv = np.zeros((faces, 3, 2)) if picture.uv is None else picture.uv
    return Emission(uv, colours, picture.texture)


def _picture(file: GltfFile, slot: Json | None, coordinates: Coordinates, cutoff: float | None) -> _Picture:
    """A texture and where it lies; nothing, and a fault, if it is missing, damaged, or without coordinates."""
    if slot is None:
        return _NO_PICTURE
    texture = file.item("textures", slot.count("index"))
    name, pixels = _pixels(file, texture)
    if pixels is None:
        return _NO_PICTURE
    transform = slot.extension("KHR_texture_transform") or Json({}, "")
    number = transform.count("texCoord", slot.count("texCoord", 0))
    uv = coordinates(number)
    if uv is None:
        file.reading.fault(f"the texture '{name}' has no texture coordinates (TEXCOORD_{number})")
        return _NO_PICTURE
    uv = _transformed(uv, transform)
    sampler = Json({}, "") if "sampler" not in texture else file.item("samplers", texture.count("sampler"))
    wraps = [sampler.count(key, _REPEAT) for key in ("wrapS", "wrapT")]
    if any(wrap not in (_CLAMP, _MIRROR, _REPEAT) for wrap in wraps):
        raise Malformed(f"{sampler.where} wraps in a way that glTF does not have")
    mirrors = [wrap == _MIRROR for wrap in wraps]
    made = pixels if cutoff is None else pictures.cut(pixels, cutoff)
    uv = np.stack([uv[..., 0], 1 - uv[..., 1]], -1)  # glTF's v goes down
    if any(mirrors):
        made = pictures.mirrored(made, across=mirrors[0], up=mirrors[1])
        uv = np.where(mirrors, uv / 2, uv)
    shared = file.reading.shared((name, cutoff, *mirrors), made)
    nearest = sampler.count("magFilter", 0) == _NEAREST
    return _Picture(uv, Texture(shared, (wraps[0] == _CLAMP, wraps[1] == _CLAMP), nearest))


def _transformed(uv: Float[np.ndarray, "faces 3 2"], transform: Json) -> Float[np.ndarray, "faces 3 2"]:
    """Scaled, turned counter-clockwise as seen (v goes down), and moved, in this order."""
    offset, scale = transform.numbers("offset", [0.0, 0.0]), transform.numbers("scale", [1.0, 1.0])
    angle = transform.number("rotation", 0.0)
    u, v = np.moveaxis(uv * scale, -1, 0)
    turned = np.stack([np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u], -1)
    return turned + offset


def _pixels(file: GltfFile, texture: Json) -> tuple[str, UInt8[np.ndarray, "H W 4"] | None]:
    """A name for messages, and the picture; None, and a fault, if there is none."""
    source = _source(texture)
    if source is None:
        file.reading.fault(f"{texture.where} has no image that is understood")
        return texture.where, None
    image = file.item("images", source)

    def read() -> bytes | None:
        if "bufferView" in image:
            return file.view(image.count("bufferView"))
        return file.uri(image.text("uri", ""), where=image.where)

    return image.where, file.reading.picture(image.where, read)


def _source(texture: Json) -> int | None:
    """The image: one that all know, unless only an extension has it."""
    for name in _OTHER_IMAGES:
        extension = texture.extension(name)
        if extension is not None and "source" in extension:
            return extension.count("source")
    basis = texture.extension(BASIS)
    if basis is not None and "source" in basis and ("source" not in texture or _has_basis()):
        return basis.count("source")
    return texture.index("source")


def _has_basis() -> bool:
    try:
        check_installed("opengl_basisu", what="", extra="")
    except UserError:
        return False
    return True
