"""Colours of materials: sRGB, linear light, and what surfaces without a colour have."""

import numpy as np
from jaxtyping import Float

NO_COLOUR = (0.7, 0.7, 0.7, 1.0)  # sRGB grey of faces to which the file gives no colour


def to_linear(srgb: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Linear light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """The inverse of `to_linear`."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def rgba_to_linear(rgba: Float[np.ndarray, "*any 4"]) -> Float[np.ndarray, "*any 4"]:
    """The same for colours with alpha, which stays."""
    return np.concatenate([to_linear(rgba[..., :3]), rgba[..., 3:]], -1)


def with_alpha(colours: Float[np.ndarray, "*any channels"]) -> Float[np.ndarray, "*any 4"]:
    """RGBA of RGB or RGBA, in [0, 1]."""
    opaque = np.ones((*colours.shape[:-1], 1))
    return np.clip(np.concatenate([colours, opaque], -1)[..., :4], 0, 1)


def at_corners(rgba: Float[np.ndarray, "channels"], faces: int) -> Float[np.ndarray, "{faces} 3 channels"]:
    """One colour for all corners."""
    return np.tile(rgba, (faces, 3, 1))
