"""A photograph's pixels from its file: whole, upright, eight bits a channel, in sRGB."""

import functools
import io
import pathlib
import warnings

from PIL import Image, ImageCms, ImageOps

from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError, check_installed

# What is read. `docs/reconstruction.md` has a table of it.
HEIF_SUFFIXES = (".heic", ".heif")
SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".j2k", *HEIF_SUFFIXES
)  # fmt: skip
MODES = ("RGB", "L", "RGBA", "LA", "P", "PA", "CMYK", "1")
_FIRST_IS_THE_PHOTOGRAPH = ("MPO", "HEIF")  # the others are its gain map, its depth, or the rest of a burst
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WITH_PROFILE = ("RGB", "RGBA", "CMYK")


def decoded(path: pathlib.Path) -> Image.Image:
    """The photograph in a file, in one of MODES; a CMYK one with a colour profile, and any other one's, is in sRGB.

    Raises:
      Unusable: it is missing, empty, truncated, too large, an animation, or of a kind that is not read.
    """
    name = path.name
    try:
        if path.exists() and not path.is_file():  # of a pipe the first byte would be waited for
            raise Unusable(f"'{name}' is no file of bytes (a pipe or a device): save it as a PNG")
        with path.open("rb") as file:
            start = file.read(12)
        if not start:
            raise Unusable(f"'{name}' is empty (0 bytes)")
        if _is_heif(start):
            _register_heif(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # of what is beyond twice the limit it dies
            with Image.open(path) as image:
                image.verify()  # checksums and the end of a PNG, which decoding does not miss
            # Of a file by its name Pillow maps the pixels of an uncompressed TIFF, and then does not turn them.
            with path.open("rb") as file, Image.open(file) as image:
                _check_frames(image, name)
                image.load()
                upright = ImageOps.exif_transpose(image.copy())
    except Unusable:
        raise
    except FileNotFoundError as error:
        raise Unusable(f"'{name}' is missing") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise Unusable(f"'{name}' has more than {most} million pixels: make it smaller") from error
    except Image.UnidentifiedImageError as error:
        raise Unusable(f"'{name}' cannot be decoded (it is no picture of a known format): save it as PNG") from error
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise Unusable(f"'{name}' cannot be decoded ({_reason(error)}): get the file again") from error
    check_mode(upright, f"'{name}'")
    return in_srgb(upright)


def check_mode(image: Image.Image, where: str) -> None:
    """Refuses an image whose numbers are no bytes of colours.

    Raises:
      Unusable: its mode is not in MODES; `where` begins the sentence.
    """
    if image.mode in MODES:
        return
    if image.mode.startswith(("I", "F")):
        raise Unusable(f"{where} has more than 8 bits a channel (mode {image.mode}): save it with 8")
    raise Unusable(f"{where} has mode {image.mode}, which is not read: save it as RGB or RGBA")


def in_srgb(image: Image.Image) -> Image.Image:
    """The same colours in sRGB, if the image has a profile of another colour space (Display P3 of phones, say).

    A profile that is damaged, or of other channels than the image, is passed over, as viewers do.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in _WITH_PROFILE:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode != "CMYK" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        colours = image.convert("RGB") if image.mode == "RGBA" else image
        converted = ImageCms.profileToProfile(colours, source, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    assert converted is not None
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    converted.info.pop("icc_profile", None)
    return converted


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _check_frames(image: Image.Image, name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in _FIRST_IS_THE_PHOTOGRAPH:
        kind = "pages" if image.format == "TIFF" else "frames"
        raise Unusable(f"'{name}' has {frames} {kind}: save the one to use as a PNG")


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS


def _register_heif(name: str) -> None:
    """Lets Pillow read HEIC, which phones write (also under the ending .jpg)."""
    try:
        check_installed("pillow_heif", what=f"'{name}' is HEIC, which is read", extra="heic")
    except UserError as error:
        raise Unusable(str(error).rstrip(".")) from error
    import pillow_heif  # pyright: ignore[reportMissingImports]

    pillow_heif.register_heif_opener()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
