"""The decoder MLP: triplane features of a point to its raw density and colour."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

ACTIVATIONS = {"silu": jax.nn.silu, "relu": jax.nn.relu}


def _uniform_bias(fan_in: int):
    """PyTorch's default bias: uniform within 1 / sqrt(fan_in)."""
    bound = fan_in**-0.5
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


class Decoder(nn.Module):
    """`hidden_layers` linear layers with SiLU (or ReLU) and a linear output layer, as `layer_0` ... `layer_n`.

    Output channel 0 is the raw density (before bias and exponential), channels 1 to 3 the raw colour (before the
    sigmoid). The output layer is float32: the exponential would enlarge a bfloat16 error.
    """

    width: int
    hidden_layers: int
    dtype: DTypeLike = jnp.float32
    activation: str = "silu"

    @nn.compact
    def __call__(self, features: Float[Array, "*points K"]) -> Float[Array, "*points 4"]:
        x = features
        for i in range(self.hidden_layers):
            x = ACTIVATIONS[self.activation](self._linear(i, self.width, x.shape[-1], self.dtype)(x))
        return self._linear(self.hidden_layers, 4, x.shape[-1], jnp.float32)(x)

    def _linear(self, index: int, width: int, fan_in: int, dtype: DTypeLike) -> nn.Dense:
        return nn.Dense(
            width,
            dtype=dtype,
            kernel_init=nn.initializers.he_uniform(),
            bias_init=_uniform_bias(fan_in),
            name=f"layer_{index}",
        )
