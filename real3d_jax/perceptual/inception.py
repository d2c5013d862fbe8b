"""The InceptionV3 whose pooled features FID compares, as a plain function of a parameter tree.

It is the network of TensorFlow's FID (the graph of 2015-12-05), as pytorch-fid rebuilt it on torchvision's names. From
torchvision's own it differs in two places: average poolings leave the padding out of the mean, and the last block pools
by maximum.
"""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.images import resize_bilinear
from real3d_jax.perceptual.convolutions import convolve, pool_max

SIDE = 299
CHANNELS = 2048
_NORM_EPS = 1e-3


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution without bias, batch normalisation and a rectifier.

    Attributes:
      name: torchvision's.
      channels: out.
      kernel: rows and columns.
      stride: in pixels.
      padded: whether zeros keep the size.
    """

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True


Fork = tuple[Conv, Conv]  # both on the same input, their outputs side by side


@dataclasses.dataclass(frozen=True)
class Block:
    """Branches on the same input, their outputs side by side.

    Attributes:
      name: torchvision's.
      branches: each a chain of convolutions, which a fork may end; the branch that pools comes last and is not here.
      pool: 'average' or 'max' before a 1 x 1 convolution, or 'halve': a max pooling of stride 2 alone.
      pool_channels: of that convolution.
    """

    name: str
    branches: tuple[tuple[Conv | Fork, ...], ...]
    pool: str
    pool_channels: int = 0


# The stem: None stands for a max pooling of 3 x 3 and stride 2.
STEM = (
    Conv("Conv2d_1a_3x3", 32, (3, 3), stride=2, padded=False),
    Conv("Conv2d_2a_3x3", 32, (3, 3), padded=False),
    Conv("Conv2d_2b_3x3", 64, (3, 3)),
    None,
    Conv("Conv2d_3b_1x1", 80),
    Conv("Conv2d_4a_3x3", 192, (3, 3), padded=False),
    None,
)


def _block_35(name: str, pool_channels: int) -> Block:
    return Block(
        name,
        (
            (Conv("branch1x1", 64),),
            (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
            (
                Conv("branch3x3dbl_1", 64),
                Conv("branch3x3dbl_2", 96, (3, 3)),
                Conv("branch3x3dbl_3", 96, (3, 3)),
            ),
        ),
        "average",
        pool_channels,
    )


def _block_17(name: str, width: int) -> Block:
    return Block(
        name,
        (
            (Conv("branch1x1", 192),),
            (
                Conv("branch7x7_1", width),
                Conv("branch7x7_2", width, (1, 7)),
                Conv("branch7x7_3", 192, (7, 1)),
            ),
            (
                Conv("branch7x7dbl_1", width),
                Conv("branch7x7dbl_2", width, (7, 1)),
                Conv("branch7x7dbl_3", width, (1, 7)),
                Conv("branch7x7dbl_4", width, (7, 1)),
                Conv("branch7x7dbl_5", 192, (1, 7)),
            ),
        ),
        "average",
        192,
    )


def _block_8(name: str, pool: str) -> Block:
    return Block(
        name,
        (
            (Conv("branch1x1", 320),),
            (
                Conv("branch3x3_1", 384),
                (Conv("branch3x3_2a", 384, (1, 3)), Conv("branch3x3_2b", 384, (3, 1))),
            ),
            (
                Conv("branch3x3dbl_1", 448),
                Conv("branch3x3dbl_2", 384, (3, 3)),
                (Conv("branch3x3dbl_3a", 384, (1, 3)), Conv("branch3x3dbl_3b", 384, (3, 1))),
            ),
        ),
        pool,
        192,
    )


BLOCKS = (
    _block_35("Mixed_5b", 32),
    _block_35("Mixed_5c", 64),
    _block_35("Mixed_5d", 64),
    Block(
        "Mixed_6a",
        (
            (Conv("branch3x3", 384, (3, 3), stride=2, padded=False),),
            (
                Conv("branch3x3dbl_1", 64),
                Conv("branch3x3dbl_2", 96, (3, 3)),
                Conv("branch3x3dbl_3", 96, (3, 3), stride=2, padded=False),
            ),
        ),
        "halve",
    ),
    _block_17("Mixed_6b", 128),
    _block_17("Mixed_6c", 160),
    _block_17("Mixed_6d", 160),
    _block_17("Mixed_6e", 192),
    Block(
        "Mixed_7a",
        (
            (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, (3, 3), stride=2, padded=False)),
            (
                Conv("branch7x7x3_1", 192),
                Conv("branch7x7x3_2", 192, (1, 7)),
                Conv("branch7x7x3_3", 192, (7, 1)),
                Conv("branch7x7x3_4", 192, (3, 3), stride=2, padded=False),
            ),
        ),
        "halve",
    ),
    _block_8("Mixed_7b", "average"),
    _block_8("Mixed_7c", "max"),
)


def inception_features(params: dict, images: Float[Array, "B H W 3"]) -> Float[Array, "B 2048"]:
    """The 2048 channels of the last block, averaged over the image.

    Args:
      params: `{name: weights}` of the stem and `{block: {name: weights}}`, the weights being
        `{kernel, scale, bias, mean, var}`.
      images: in [0, 1], of any size; resized to 299 x 299 bilinearly without antialiasing, as pytorch-fid does.
    """
    x = 2 * resize_bilinear(images, SIDE, SIDE) - 1
    for conv in STEM:
        x = pool_max(x, size=3, stride=2) if conv is None else _convolve(conv, params, x)
    for block in BLOCKS:
        x = _apply_block(block, params[block.name], x)
    return jnp.mean(x, axis=(1, 2))


def convolutions() -> Iterator[tuple[str, Conv, int]]:
    """Every convolution with its block (empty in the stem) and the channels that go in."""
    channels = 3
    for conv in filter(None, STEM):
        yield "", conv, channels
        channels = conv.channels
    for block in BLOCKS:
        outputs = 0
        for branch in block.branches:
            into, produced = channels, 0
            for step in branch:
                fork = step if isinstance(step, tuple) else (step,)
                for conv in fork:
                    yield block.name, conv, into
                into = produced = sum(conv.channels for conv in fork)
            outputs += produced
        if block.pool_channels:
            yield block.name, _pool_conv(block), channels
        channels = outputs + (block.pool_channels or channels)


def _apply_block(block: Block, params: dict, x: Float[Array, "B H W C"]) -> Float[Array, "B h w K"]:
    outputs = []
    for branch in block.branches:
        y = x
        for step in branch:
            fork = step if isinstance(step, tuple) else (step,)
            y = jnp.concatenate([_convolve(conv, params, y) for conv in fork], axis=-1)
        outputs.append(y)
    return jnp.concatenate([*outputs, _pool_branch(block, params, x)], axis=-1)


def _pool_branch(block: Block, params: dict, x: Float[Array, "B H W C"]) -> Float[Array, "B h w K"]:
    if block.pool == "halve":
        return pool_max(x, size=3, stride=2)
    pooled = _pool_average(x) if block.pool == "average" else pool_max(x, size=3, stride=1, padding=1)
    return _convolve(_pool_conv(block), params, pooled)


def _pool_conv(block: Block) -> Conv:
    return Conv("branch_pool", block.pool_channels)


def _convolve(conv: Conv, params: dict, x: Float[Array, "B H W C"]) -> Float[Array, "B h w K"]:
    weights = params[conv.name]
    rows, columns = conv.kernel
    padding = (rows // 2, columns // 2) if conv.padded else (0, 0)
    y = convolve(x, weights["kernel"], stride=conv.stride, padding=padding, precision=jax.lax.Precision.HIGHEST)
    scale = weights["scale"] * jax.lax.rsqrt(weights["var"] + _NORM_EPS)
    return jax.nn.relu((y - weights["mean"]) * scale + weights["bias"])


def _pool_average(x: Float[Array, "B H W C"]) -> Float[Array, "B H W C"]:
    """The mean of each 3 x 3 window's pixels that lie in the image."""

    def window_sum(values: Array) -> Array:
        return jax.lax.reduce_window(values, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")

    return window_sum(x) / window_sum(jnp.ones((1, *x.shape[1:3], 1)))
