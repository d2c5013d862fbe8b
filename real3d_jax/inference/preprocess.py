"""From a photograph to what the model sees: the object cut out, cropped to a square, on grey."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.config.reconstruction import InputConfig
from real3d_jax.data.records import Unusable
from real3d_jax.data.sources.layout import check_alpha
from real3d_jax.data.transforms import GREY, composite, premultiply, square_crop
from real3d_jax.errors import UserError

CutOut = Callable[[Image.Image], Image.Image]  # an RGB photograph to its mask, mode 'L'


def model_input(rgba: UInt8[np.ndarray, "H W 4"], config: InputConfig, *, size: int) -> UInt8[np.ndarray, "S S 3"]:
    """The model's input, `size` pixels per side.

    Args:
      rgba: straight alpha, 0 where the background is.
      config: threshold and crop.
      size: of the model's images.

    Raises:
      Unusable: alpha shows no object, or no background.
    """
    check_alpha(rgba[..., 3], threshold=config.mask_threshold, where="the photograph")
    crop = square_crop(rgba, threshold=config.mask_threshold, ratio=config.crop_ratio)
    return composite(premultiply(crop), size=size, background=GREY)


def with_mask(
    photograph: Image.Image, cut_out: CutOut | None, *, option: str = "add --cut_out"
) -> UInt8[np.ndarray, "H W 4"]:
    """A photograph with its object cut out.

    Args:
      photograph: of any mode; a transparent background is taken as it is.
      cut_out: finds the object of a photograph without one.
      option: how the user asks for that, as the message says it.

    Raises:
      Unusable: the background is not transparent, and nothing cuts the object out.
    """
    rgba = photograph.convert("RGBA")
    if np.asarray(rgba.getchannel("A")).min() == 255:
        if cut_out is None:
            raise Unusable(f"its background is not transparent: cut the object out and save a PNG, or {option}")
        rgba.putalpha(cut_out(rgba.convert("RGB")))
    return np.asarray(rgba)


def load_rembg(network: str) -> CutOut:
    """The object as one of rembg's networks sees it, such as 'u2net'.

    Raises:
      UserError: rembg is not installed, or cannot get the network.
    """
    try:
        import rembg
    except ImportError as error:
        raise UserError(
            f"Cutting out needs rembg ({error}): pip install 'real3d-jax[cut_out]', in a checkout "
            "pip install -e '.[cut_out]'."
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
