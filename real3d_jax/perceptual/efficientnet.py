"""EfficientNet-Lite0 up to its pooled features (Tan and Le, 2019; the Lite variants of 2020).

Trained to name ImageNet's classes, it stands in for CLIP where CLIP's weights cannot be had: package registries carry
its weights (4.7 million parameters).
"""

import dataclasses
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

IMAGE_SIZE = 224
MEAN = (127 / 255, 127 / 255, 127 / 255)
STD = (128 / 255, 128 / 255, 128 / 255)
CHANNELS = 1280
_STEM = 32
_EXPANSION = 6
_NORM_EPS = 1e-3


@dataclasses.dataclass(frozen=True)
class Stage:
    """Blocks of one width.

    Attributes:
      blocks: how many; all but the first add their input.
      channels: out of each.
      size: of the depthwise kernels, per side.
      stride: of the first block.
      expansion: of a block's channels before the depthwise convolution; 1 leaves that step out.
    """

    blocks: int
    channels: int
    size: int
    stride: int
    expansion: int = _EXPANSION


_STAGES = (
    Stage(1, 16, 3, 1, expansion=1),
    Stage(2, 24, 3, 2),
    Stage(2, 40, 5, 2),
    Stage(3, 80, 3, 2),
    Stage(3, 112, 5, 1),
    Stage(4, 192, 5, 2),
    Stage(1, 320, 3, 1),
)


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution without bias, and batch normalisation.

    Attributes:
      channels: out.
      size: of the kernel, per side.
      stride: in pixels.
      depthwise: whether each channel is filtered by itself.
      linear: whether no rectifier follows.
    """

    channels: int
    size: int = 1
    stride: int = 1
    depthwise: bool = False
    linear: bool = False


STEM = Conv(_STEM, 3, stride=2)
HEAD = Conv(CHANNELS)


def blocks() -> Iterator[tuple[int, dict[str, Conv]]]:
    """The channels that go into each inverted residual block, and its convolutions by name."""
    channels = _STEM
    for stage in _STAGES:
        for index in range(stage.blocks):
            wide, stride = channels * stage.expansion, 1 if index else stage.stride
            expand = {"expand": Conv(wide)} if stage.expansion > 1 else {}
            depthwise = Conv(wide, stage.size, stride=stride, depthwise=True)
            yield channels, {**expand, "depthwise": depthwise, "project": Conv(stage.channels, linear=True)}
            channels = stage.channels


class EfficientNetLite0(nn.Module):
    """The network without its classifier. Parameters: `{stem, block{n}/{expand, depthwise, project}, head}`, each with
    `{kernel, scale, bias, mean, var}`."""

    @nn.compact
    def __call__(self, images: Float[Array, "B H W 3"]) -> Float[Array, "B 1280"]:
        x = _ConvNorm(STEM, name="stem")(images)
        for number, (_, convolutions) in enumerate(blocks()):
            x = _Block(convolutions, name=f"block{number}")(x)
        return jnp.mean(_ConvNorm(HEAD, name="head")(x), axis=(1, 2))


class _Block(nn.Module):
    """Widens, filters and narrows; adds the input where its shape is kept."""

    convolutions: dict[str, Conv]

    @nn.compact
    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B h w K"]:
        y = x
        for name, conv in self.convolutions.items():
            y = _ConvNorm(conv, name=name)(y)
        return x + y if x.shape == y.shape else y


class _ConvNorm(nn.Module):
    """Pads as TensorFlow does: with a stride, one row more below and right."""

    conv: Conv

    @nn.compact
    def __call__(self, x: Float[Array, "B H W C"]) -> Float[Array, "B h w K"]:
        conv, channels = self.conv, x.shape[-1]
        groups = channels if conv.depthwise else 1
        shape = (conv.size, conv.size, channels // groups, conv.channels)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        ones, zeros = nn.initializers.ones, nn.initializers.zeros
        scale, bias = (self.param(name, init, (conv.channels,)) for name, init in (("scale", ones), ("bias", zeros)))
        mean, var = (self.param(name, init, (conv.channels,)) for name, init in (("mean", zeros), ("var", ones)))
        y = _convolve_depthwise(x, kernel, conv.stride) if conv.depthwise else _convolve(x, kernel, conv.stride)
        y = (y - mean) * (scale * jax.lax.rsqrt(var + _NORM_EPS)) + bias
        return y if conv.linear else jax.nn.relu6(y)


def _convolve(x: Float[Array, "B H W C"], kernel: Float[Array, "k k C K"], stride: int) -> Float[Array, "B h w K"]:
    if kernel.shape[:2] == (1, 1):
        return x @ kernel[0, 0]
    return jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _convolve_depthwise(
    x: Float[Array, "B H W C"], kernel: Float[Array, "k k 1 C"], stride: int
) -> Float[Array, "B h w C"]:
    """A sum of shifted images. XLA's grouped convolution takes about four times as long, with gradients, on a CPU."""
    batch, height, width, channels = x.shape
    window, strides = (*kernel.shape[:2],), (stride, stride)
    rows, columns = -(-height // stride), -(-width // stride)
    x = jnp.pad(x, ((0, 0), *jax.lax.padtype_to_pads((height, width), window, strides, "SAME"), (0, 0)))
    ends = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    y = jnp.zeros((batch, rows, columns, channels), x.dtype)
    for row, column in np.ndindex(window):
        shifted = x[:, row : row + ends[0] : stride, column : column + ends[1] : stride]
        y += shifted * kernel[row, column, 0]
    return y
