"""What the frozen convolutional networks share: a convolution, a pooling, and random parameters."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def convolve(
    x: Float[Array, "B H W C"],
    kernel: Float[Array, "kh kw C K"],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    precision: jax.lax.PrecisionLike = None,
) -> Float[Array, "B h w K"]:
    """A convolution with `padding` rows of zeros above and below, and columns left and right."""
    rows, columns = padding
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((rows, rows), (columns, columns)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=precision,
    )


def pool_max(x: Float[Array, "B H W C"], *, size: int, stride: int, padding: int = 0) -> Float[Array, "B h w C"]:
    """The largest value of each window; what lies in the padding never is."""
    pads = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, size, size, 1), (1, stride, stride, 1), pads)


def random_convolutions(shapes: Mapping[str, tuple[int, int, int, int]], seed: int) -> dict:
    """Random kernels (He's initialisation) of the given shapes and zero biases: features that mean nothing."""
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in shapes.items():
        kernel = rng.standard_normal(shape, dtype=np.float32) * np.float32((2 / np.prod(shape[:3])) ** 0.5)
        params[name] = {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(np.zeros(shape[3], np.float32))}
    return params
