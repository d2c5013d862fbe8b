"""From a photograph to what the model sees: the object cut out, cropped to a square, on one colour."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.config.reconstruction import InputConfig
from real3d_jax.data import boxes
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import PHOTOGRAPHS, check_alpha
from real3d_jax.data.transforms import composite, premultiply, window
from real3d_jax.errors import UserError
from real3d_jax.inference.intrinsics import NoIntrinsics, focal_length, fov_of_square

OPAQUE = 0.95  # share of the frame from which on its background does not count as transparent
_LARGEST_CROP = 24_000  # pixels per side, 2.3 GB; a long, thin photograph could ask for more than there is
_ENLARGED = 2  # how often the crop may be enlarged without a word
CutOut = Callable[[Image.Image], Image.Image]  # an RGB photograph to its mask, mode 'L'


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A photograph as the model sees it.

    Attributes:
      image: on the background of the configuration.
      notes: what was decided on the way and may be wrong, as short sentences; look at the image then.
      fov_y: field of view of the crop, degrees; None where it is not asked for, or not known.
    """

    image: UInt8[np.ndarray, "S S 3"]
    notes: tuple[str, ...] = ()
    fov_y: float | None = None


def prepare(
    photograph: Image.Image,
    config: InputConfig,
    *,
    size: int,
    cut_out: CutOut | None = None,
    always: bool = False,
    option: str = "add --cut_out",
) -> Prepared:
    """`with_mask` and `model_input`, with what is to be told; arguments and errors as theirs."""
    threshold, given = config.mask_threshold, photograph.convert("RGBA")
    rgba = with_mask(given, cut_out, threshold=threshold, always=always, option=option)
    check_cut_out(rgba[..., 3], threshold=threshold)
    box, specks = boxes.main_box(rgba[..., 3], threshold=threshold)
    notes, alpha = [], np.asarray(given.getchannel("A"))
    if not _is_cut_out(alpha, threshold) and alpha.min() < 255:
        notes.append(f"cut out, because {_opaque(alpha, threshold):.1%} of its frame is opaque")
    if specks:
        notes.append(f"specks beyond the object do not move the crop ({specks})")
    width, height = box[2] - box[0], box[3] - box[1]
    if max(width, height) * config.crop_ratio < size / _ENLARGED:
        notes.append(f"the object is {width} x {height} pixels, few for a model that sees {size} x {size}")
    fov_y = None
    if config.intrinsics == "exif":
        square = boxes.square_around(box, ratio=config.crop_ratio)
        try:
            fov_y = fov_of_square(square, photograph.size, focal_length(photograph))
            notes.append(f"the crop has a field of view of {fov_y:.1f} degrees, by the focal length in its file")
        except NoIntrinsics as reason:
            notes.append(f"its field of view is taken to be that of the training: {reason}")
    return Prepared(_on_background(rgba, box, config, size), tuple(notes), fov_y)


def model_input(rgba: UInt8[np.ndarray, "H W 4"], config: InputConfig, *, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """The model's input, `size` pixels per side. Specks beyond the object do not move the crop (`boxes.main_box`).

    Args:
      rgba: straight alpha, 0 where the background is.
      config: threshold and crop.
      size: of the model's images.

    Raises:
      Unusable: alpha shows no object, or no background.
    """
    check_cut_out(rgba[..., 3], threshold=config.mask_threshold)
    return _on_background(rgba, boxes.main_box(rgba[..., 3], threshold=config.mask_threshold)[0], config, size)


def check_cut_out(alpha: UInt8[np.ndarray, "H W"], *, threshold: int) -> None:
    """Raises Unusable, with what to do, unless there are an object and a background."""
    try:
        check_alpha(alpha, threshold=threshold, where="the photograph")
    except Unusable as error:
        raise Unusable(f"{error}; save it with its object opaque and its background transparent") from error


def _on_background(
    rgba: UInt8[np.ndarray, "H W 4"], box: boxes.Box, config: InputConfig, size: int
) -> UInt8[np.ndarray, "S S 3"]:
    square = boxes.square_around(box, ratio=config.crop_ratio)
    if square[2] > _LARGEST_CROP:
        raise Unusable(
            f"the square around its object has {square[2]:,} pixels a side, and may have {_LARGEST_CROP:,}: make the "
            "photograph smaller, or the crop ratio"
        )
    crop = window(rgba, *square)
    return composite(premultiply(crop), size=size, background=config.background)


def with_mask(
    photograph: Image.Image,
    cut_out: CutOut | None,
    *,
    threshold: int = PHOTOGRAPHS,
    always: bool = False,
    option: str = "add --cut_out",
) -> UInt8[np.ndarray, "H W 4"]:
    """A photograph with its object cut out.

    Args:
      photograph: of any mode. Where less than OPAQUE of it has an alpha above the threshold its background counts as
        transparent, and it is taken as it is.
      cut_out: finds the object of a photograph whose background is not.
      threshold: the object is where alpha is greater.
      always: cuts out whatever alpha says.
      option: how the user asks for that, as the message says it.

    Raises:
      Unusable: the background is not transparent, and nothing cuts the object out.
    """
    rgba = photograph.convert("RGBA")
    alpha = np.asarray(rgba.getchannel("A"))
    if _is_cut_out(alpha, threshold) and not (always and cut_out is not None):
        return np.asarray(rgba)
    if cut_out is None:
        share = "" if alpha.min() == 255 else f" ({_opaque(alpha, threshold):.1%} of it is opaque)"
        raise Unusable(
            f"its background is not transparent{share}: cut the object out and save a PNG with a margin around it, "
            f"or {option}"
        )
    on_white = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    found = np.minimum(np.asarray(cut_out(on_white)), alpha)
    rgba.putalpha(Image.fromarray(found))
    return np.asarray(rgba)


def _is_cut_out(alpha: UInt8[np.ndarray, "H W"], threshold: int) -> bool:
    """Rounded corners of a screenshot, or an alpha of 254 everywhere, are no background."""
    return _opaque(alpha, threshold) < OPAQUE


def _opaque(alpha: UInt8[np.ndarray, "H W"], threshold: int) -> float:
    return float((alpha > threshold).mean())


def load_rembg(network: str) -> CutOut:
    """The object as one of rembg's networks sees it, such as 'u2net'.

    Raises:
      UserError: rembg is not installed, or cannot get the network.
    """
    try:
        import rembg
    except ImportError as error:
        raise UserError(
            f"Cutting out needs rembg ({error}): pip install 'real3d-jax[cut-out]', in a checkout "
            "pip install -e '.[cut-out]'."
        ) from error
    try:
        session = rembg.new_session(network)
    except Exception as error:  # downloads and onnxruntime raise what they like
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise UserError(
            f"rembg cannot load '{network}' ({reason}): go online, or set U2NET_HOME to a folder with {network}.onnx."
        ) from error

    def cut_out(photograph: Image.Image) -> Image.Image:
        mask = rembg.remove(photograph, session=session, only_mask=True)
        assert isinstance(mask, Image.Image)
        return mask.convert("L")

    return cut_out
