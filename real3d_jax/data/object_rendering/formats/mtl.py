"""Reads MTL, the materials of OBJ: colour, transparency and light of their own, with textures and their options."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from real3d_jax.data.object_rendering.formats import pictures
from real3d_jax.data.object_rendering.formats.colours import NO_COLOUR, at_corners, rgba_to_linear, to_linear
from real3d_jax.data.object_rendering.formats.reading import Malformed, Reading
from real3d_jax.data.object_rendering.formats.text import number, statements, without_comment
from real3d_jax.data.object_rendering.meshes import Emission, Texture
from real3d_jax.data.records import Unusable

# Gloss, metal, filters and relief change only the look of light, which is not the files' but the renderer's.
_GLOSS = """
ka ks tf ns ni illum sharpness map_ka map_ks map_ns map_ni map_refl refl bump map_bump norm map_kn map_norm map_aat
pr pm ps pc pcr aniso anisor map_pr map_pm map_ps map_pc map_pcr
"""
_NO_EFFECT = frozenset(_GLOSS.split())
_MAPS = ("map_kd", "map_d", "map_ke")
# Options of textures and how many words may follow each, at least and at most.
_ONE_WORD = ("blendu", "blendv", "cc", "clamp", "imfchan", "texres", "boost", "bm", "type", "colorspace")
_OPTIONS = {**dict.fromkeys(_ONE_WORD, (1, 1)), "mm": (2, 2), **dict.fromkeys(("o", "s", "t"), (1, 3))}


@dataclasses.dataclass(frozen=True)
class Map:
    """A texture of a material.

    Attributes:
      name: of its file.
      offset, scale: texture coordinates are scaled before they are moved.
      clamp: it is not repeated.
      base, gain: colours are multiplied by the gain before the base is added.
      channel: of what has one number a pixel; see `pictures.with_alpha_of`.
    """

    name: str
    offset: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    clamp: bool = False
    base: float = 0.0
    gain: float = 1.0
    channel: str = ""

    def pixels(self, reading: Reading) -> UInt8[np.ndarray, "H W 4"] | None:
        """The picture; None, and a fault, if it is missing or damaged."""
        pixels = reading.picture(self.name, lambda: reading.contents(self.name))
        if pixels is not None and (self.base, self.gain) != (0, 1):
            return pictures.adjusted(pixels, base=self.base, gain=self.gain)
        return pixels

    def moved(self, uv: Float[np.ndarray, "*any 2"]) -> Float[np.ndarray, "*any 2"]:
        """Texture coordinates of the picture."""
        return uv * self.scale + self.offset


@dataclasses.dataclass
class Material:
    """A material. Colours are sRGB; None where the file gives none."""

    diffuse: list[float] | None = None
    emitted: list[float] | None = None
    opacity: float | None = None
    transparency: float | None = None
    maps: dict[str, Map] = dataclasses.field(default_factory=dict)

    @property
    def has_textures(self) -> bool:
        """Whether texture coordinates matter."""
        return bool(self.maps)


class Look(NamedTuple):
    """A material on some faces: one linear colour that multiplies the texture; see `meshes.Part`."""

    rgba: Float[np.ndarray, "4"]
    uv: Float[np.ndarray, "faces 3 2"]
    texture: Texture | None
    emission: Emission | None


def read(reading: Reading, libraries: Sequence[str]) -> dict[str, Material]:
    """The materials of the files that `mtllib` lines name: each one file, whose name may have spaces, or several.

    Raises:
      Malformed: one is damaged.
      Unusable: a colour is given in a way that is not understood.
    """
    materials: dict[str, Material] = {}
    for line in libraries:
        whole = without_comment(line)
        names = [line] if reading.find(line) else [whole] if reading.find(whole) else whole.split()
        if len(names) > 1 and not any(map(reading.find, names)):
            names = [whole]
        for name in names:
            data = reading.contents(name)
            if data is not None:
                for found, material in _read_one(reading, name, data):
                    materials.setdefault(found, material)
    return materials


def look(reading: Reading, material: Material | None, uv: Float[np.ndarray, "faces 3 2"], *, is_mapped: bool) -> Look:
    """What a material makes of faces. A texture takes the place of the colour, as modellers show it.

    Args:
      material: None is grey.
      uv: texture coordinates of the faces.
      is_mapped: whether they have some; else they show no texture.
    """
    if material is None:
        return Look(rgba_to_linear(np.array(NO_COLOUR)), uv, None, None)
    alpha = material.opacity
    if alpha is None:
        alpha = 1 - (material.transparency or 0)
    elif material.transparency is not None and abs(alpha + material.transparency - 1) > 1e-3:
        reading.note("where 'd' and 'Tr' of a material contradict each other, 'd' was taken")
    maps = material.maps if is_mapped else {}
    place, pixels = maps.get("map_kd"), None
    if place is not None:
        pixels = place.pixels(reading)
    is_coloured = pixels is not None
    mask = maps.get("map_d")
    if mask is not None and (opacity := mask.pixels(reading)) is not None:
        if place is None or pixels is None:
            place = mask
        elif (mask.offset, mask.scale, mask.clamp) != (place.offset, place.scale, place.clamp):
            raise Unusable("it has a material whose 'map_d' lies otherwise than its 'map_Kd', which is not understood")
        pixels = pictures.with_alpha_of(pixels, opacity, mask.channel)
    rgb = [1.0, 1.0, 1.0] if is_coloured else material.diffuse or list(NO_COLOUR[:3])
    rgba = rgba_to_linear(np.clip([*rgb, alpha], 0, 1))
    emission = _emission(reading, material, maps.get("map_ke"), uv)
    if place is None or pixels is None:
        return Look(rgba, uv, None, emission)
    return Look(
        rgba, place.moved(uv), Texture(_shared(reading, place, mask, pixels), (place.clamp, place.clamp)), emission
    )


def _shared(
    reading: Reading, place: Map, mask: Map | None, pixels: UInt8[np.ndarray, "H W 4"]
) -> UInt8[np.ndarray, "H W 4"]:
    """The same array for the same maps, so that renderers hold it once."""
    return reading.shared((place, mask), pixels)


def _emission(
    reading: Reading, material: Material, place: Map | None, uv: Float[np.ndarray, "faces 3 2"]
) -> Emission | None:
    pixels = None if place is None else place.pixels(reading)
    emitted = material.emitted or [0.0, 0.0, 0.0]
    if pixels is None:
        if not any(emitted):
            return None
        return Emission(uv, at_corners(to_linear(np.clip(emitted, 0, 1)), len(uv)), None)
    assert place is not None
    colour = np.ones(3) if not any(emitted) else to_linear(np.clip(emitted, 0, 1))
    texture = Texture(reading.shared((place,), pixels), (place.clamp, place.clamp))
    return Emission(place.moved(uv), at_corners(colour, len(uv)), texture)


def _read_one(reading: Reading, file: str, data: bytes) -> Iterator[tuple[str, Material]]:
    material = None
    for line, word, rest in statements(data):
        key, where = word.lower(), f"'{file}', line {line}"
        if key == "newmtl":
            material = Material()
            yield rest, material
        elif material is None:
            reading.note("what a material file says before its first material was passed over")
        elif key in ("kd", "ke"):
            colour = _colour(rest, word, where)
            if key == "kd":
                material.diffuse = colour
            else:
                material.emitted = colour
        elif key == "d":
            if rest.startswith("-halo"):
                reading.note("'d -halo' of a material was taken as 'd'")
            material.opacity = _numbers(rest.removeprefix("-halo"), where, counts=(1,))[0]
        elif key == "tr":
            material.transparency = _numbers(rest, where, counts=(1,))[0]
        elif key in _MAPS:
            place = _map(reading, rest, where)
            if place is not None:
                material.maps[key] = place
        elif key not in _NO_EFFECT:
            reading.note(f"{word[:20]} of its materials was not applied")


def _colour(rest: str, word: str, where: str) -> list[float]:
    if rest.startswith(("spectral", "xyz")):
        raise Unusable(f"it has a colour that is no RGB ({where}: '{word} {rest[:40]}')")
    values = _numbers(rest, where, counts=(1, 3, 4))
    return values[:3] if len(values) > 1 else values * 3


def _numbers(rest: str, where: str, *, counts: Sequence[int]) -> list[float]:
    try:
        values = [number(word) for word in without_comment(rest).split()]
        if len(values) in counts and np.isfinite(values).all():
            return values
    except ValueError:
        pass
    raise Malformed(f"{where}: '{rest[:40]}' is not understood")


def _map(reading: Reading, rest: str, where: str) -> Map | None:
    """A texture; None where the line names none."""
    given: dict[str, list[str]] = {}
    while rest.startswith("-"):
        option, *words = rest.split(None, 4)
        name = option[1:].lower()
        if name not in _OPTIONS:
            raise Unusable(f"it has a texture with an option '{option[:20]}', which MTL does not have ({where})")
        least, most = _OPTIONS[name]
        count = least
        while count < most and count < len(words) - 1 and _is_number(words[count]):
            count += 1
        given[name] = words[:count]
        rest = _after(rest, 1 + count)
    if not rest:
        return None
    if any(_floats(given.get("t", ["0"]), where)):
        reading.note("the turbulence of its textures was not applied")
    offset, scale = (*_floats(given.get("o", []), where), 0.0, 0.0), (*_floats(given.get("s", []), where), 1.0, 1.0)
    adjustment = _floats(given.get("mm", ["0", "1"]), where)
    if len(adjustment) != 2:
        raise Malformed(f"{where}: '-mm' wants two numbers")
    return Map(
        rest,
        offset=(offset[0], offset[1]),
        scale=(scale[0], scale[1]),
        clamp=given.get("clamp", ["off"])[0].lower() == "on",
        base=adjustment[0],
        gain=adjustment[1],
        channel=_channel(given.get("imfchan", [""])[0].lower(), where),
    )


def _channel(name: str, where: str) -> str:
    if name in ("", "r", "g", "b", "m", "l"):
        return name
    raise Unusable(f"it has a texture with '-imfchan {name[:10]}', which is not understood ({where})")


def _is_number(word: str) -> bool:
    try:
        number(word)
    except ValueError:
        return False
    return True


def _floats(words: Sequence[str], where: str) -> tuple[float, ...]:
    return tuple(_numbers(" ".join(words), where, counts=(1, 2, 3))) if words else ()


def _after(rest: str, words: int) -> str:
    """A line without its first words."""
    split = rest.split(None, words)
    return split[words] if len(split) > words else ""
