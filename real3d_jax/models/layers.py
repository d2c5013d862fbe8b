"""Attention, and the scan over a stack of blocks, shared by the image tokenizer and the triplane transformer."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.kernels.fused_elementwise import add_and_norm_fused
from real3d_jax.kernels.pallas import over_devices

TRANSFORMERS = ("image_tokenizer", "backbone")  # the modules of a model that hold blocks, stacked in "layers"
ATTENTION_IMPLEMENTATIONS = ("auto", "xla", "cudnn")
ELEMENTWISE_IMPLEMENTATIONS = ("auto", "xla", "pallas")
_CUDNN_KEYS = 128  # its kernels take odd numbers of keys slowly or not at all
# Where tokens have few channels, the padding costs more than it gains (docs/performance_log.md).
_NARROW, _NARROW_KEYS = 384, 8


def _products_saveable(primitive: Any, *_: Any, **parameters: Any) -> Any:
    """Keeps the results of matrix products with weights, and of cuDNN's attention."""
    if primitive.name.startswith("dot_product_attention"):
        return True
    return jax.checkpoint_policies.dots_with_no_batch_dims_saveable(primitive, *_, **parameters)


_UNKEPT = "unkept"  # the name of what no backward pass may keep
_REMAT_POLICIES = {
    "none": jax.checkpoint_policies.save_anything_except_these_names(_UNKEPT),
    "dots": _products_saveable,
    "full": jax.checkpoint_policies.nothing_saveable,
}


def choose_attention(implementation: str, dtype: DTypeLike) -> str:
    """The implementation that 'auto' stands for here: 'cudnn' for bfloat16 on an NVIDIA GPU, otherwise 'xla'.

    Raises:
      UserError: there is no such implementation, or it cannot run here.
    """
    if implementation not in ATTENTION_IMPLEMENTATIONS:
        raise UserError(
            f"config.compute.attention has no implementation '{implementation}': "
            f"{did_you_mean(implementation, ATTENTION_IMPLEMENTATIONS)}"
        )
    possible = jnp.dtype(dtype) == jnp.bfloat16 and jax.default_backend() == "gpu"
    if implementation == "auto":
        return "cudnn" if possible else "xla"
    if implementation == "cudnn" and not possible:
        raise UserError(
            "config.compute.attention = 'cudnn' needs an NVIDIA GPU and config.compute.dtype = 'bfloat16': "
            "set it to 'auto'."
        )
    return implementation


def choose_elementwise(implementation: str, dtype: DTypeLike) -> str:
    """What 'auto' stands for here: 'pallas' for bfloat16 on an NVIDIA GPU, otherwise 'xla'.

    Raises:
      UserError: there is no such implementation.
    """
    if implementation not in ELEMENTWISE_IMPLEMENTATIONS:
        raise UserError(
            f"config.compute.elementwise has no implementation '{implementation}': "
            f"{did_you_mean(implementation, ELEMENTWISE_IMPLEMENTATIONS)}"
        )
    if implementation != "auto":
        return implementation
    return "pallas" if jnp.dtype(dtype) == jnp.bfloat16 and jax.default_backend() == "gpu" else "xla"


def interpreted() -> bool:
    """Whether Pallas kernels run as plain JAX here."""
    return jax.default_backend() != "gpu"


def pad_tokens(tokens: Float[Array, "B N C"], attention: str) -> Float[Array, "B M C"]:
    """Zeros behind the last token, as many as `attention` needs to run fast; its `keys` says where they begin."""
    if attention != "cudnn":
        return tokens
    multiple = _NARROW_KEYS if tokens.shape[-1] <= _NARROW else _CUDNN_KEYS
    return jnp.pad(tokens, ((0, 0), (0, -tokens.shape[1] % multiple), (0, 0)))


def layer_norm(name: str, epsilon: float, dtype: DTypeLike) -> nn.LayerNorm:
    """A LayerNorm with float32 statistics and the two-pass variance, as PyTorch has it."""
    return nn.LayerNorm(epsilon=epsilon, use_fast_variance=False, dtype=dtype, name=name)


def residual_norm(
    name: str,
    x: Float[Array, "B N C"],
    added: Float[Array, "B N C"] | None,
    *,
    epsilon: float,
    dtype: DTypeLike,
    elementwise: str,
) -> tuple[Float[Array, "B N C"], Float[Array, "B N C"]]:
    """The residual stream after an addition (or as it is), and the `layer_norm` called `name` of it.

    Args:
      name: of the norm's parameters.
      x: float32.
      added: what a layer adds, or None.
      epsilon: of the norm.
      dtype: of the second result.
      elementwise: 'xla' or 'pallas'.
    """
    if elementwise == "pallas":
        scale, bias = _NormParameters(name=name)(x.shape[-1])
        return add_and_norm_fused(
            x, added, scale, bias, epsilon=epsilon, dtype=jnp.dtype(dtype), interpret=interpreted()
        )
    if added is not None:
        x += added
    return x, layer_norm(name, epsilon, dtype)(x)


class _NormParameters(nn.Module):
    """Those of a LayerNorm, under the same names."""

    @nn.compact
    def __call__(self, width: int) -> tuple[Float[Array | np.ndarray, "C"], Float[Array | np.ndarray, "C"]]:
        return (
            self.param("scale", nn.initializers.ones, (width,)),
            self.param("bias", nn.initializers.zeros, (width,)),
        )


class ProductAndBias(nn.Module):
    """A dense layer that leaves the addition of its bias to others."""

    features: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "B N K"]) -> tuple[Float[Array, "B N C"], Float[Array | np.ndarray, "C"]]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return jnp.matmul(x.astype(self.dtype), kernel.astype(self.dtype)), bias


class Attention(nn.Module):
    """Multi-head attention of `queries` over `context`.

    Attributes:
      heads: number of heads; they share the queries' channels evenly.
      qkv_bias: whether the three input projections have biases.
      out_bias: whether the output projection has one.
      dtype: of the computation; the softmax is float32.
      implementation: 'xla' or 'cudnn'.
      keys: tokens of `context` that count, from the first; those behind them are padding.
    """

    heads: int
    qkv_bias: bool
    dtype: DTypeLike
    implementation: str
    keys: int
    out_bias: bool = True

    @nn.compact
    def __call__(self, queries: Float[Array, "B N C"], context: Float[Array, "B M K"]) -> Float[Array, "B N C"]:
        width = queries.shape[-1]

        def project(name, x):
            x = nn.Dense(width, use_bias=self.qkv_bias, dtype=self.dtype, name=name)(x)
            return x.reshape(*x.shape[:-1], self.heads, width // self.heads)

        q, k, v = project("query", queries), project("key", context), project("value", context)
        mix = functools.partial(_attend, keys=self.keys, cudnn=self.implementation == "cudnn")
        if self.implementation == "cudnn":  # which refuses queries that are split over devices in another way than keys
            mix = over_devices(mix, batch=q.shape[0], batched=(True, True, True))
        mixed = mix(q, k, v)
        return nn.Dense(width, use_bias=self.out_bias, dtype=self.dtype, name="out")(mixed.reshape(queries.shape))


def _attend(
    q: Float[Array, "B N h c"], k: Float[Array, "B M h c"], v: Float[Array, "B M h c"], *, keys: int, cudnn: bool
) -> Float[Array, "B N h c"]:
    lengths = jnp.full(k.shape[0], keys, jnp.int32) if keys < k.shape[1] else None
    return jax.nn.dot_product_attention(
        q, k, v, key_value_seq_lengths=lengths, implementation="cudnn" if cudnn else "xla"
    )


def cast_kernels(params: dict, dtype: DTypeLike, *, but_layers: bool = False) -> dict:
    """`params` with the transformers' matrices in another type.

    Each use would cast them anyway; several uses in a step then share one cast, and the sum of their gradients is cast
    back.

    Args:
      params: of a model.
      dtype: of the computation.
      but_layers: leaves the stacks of blocks as they are.
    """

    def cast(path, leaf):
        if but_layers and path[0].key == "layers":
            return leaf
        return leaf.astype(dtype) if path[-1].key == "kernel" else leaf

    return params | {name: jax.tree_util.tree_map_with_path(cast, params[name]) for name in TRANSFORMERS}


def take_apart(params: dict, dtype: DTypeLike) -> dict:
    """`params` with a tree for each of the transformers' blocks, in place of stacks: what `scan_blocks` calls `apart`.

    A program whose layers are compiled one by one then finds each array where it is, and need not copy it out of its
    stack, or cast its bias, whenever it runs. For parameters that stay the same: of gradients it saves nothing.

    Args:
      params: of a model.
      dtype: of the computation.
    """

    def blocks(stack):
        paths, tree = jax.tree_util.tree_flatten_with_path(stack)
        leaves = [x.astype(dtype) if _is_added_in_dtype(path) else x for path, x in paths]
        of_blocks = zip(*(jax.lax.split(leaf, (1,) * len(leaf)) for leaf in leaves), strict=True)
        return {str(i): jax.tree.unflatten(tree, [leaf[0] for leaf in own]) for i, own in enumerate(of_blocks)}

    return params | {name: params[name] | {"layers": blocks(params[name]["layers"])} for name in TRANSFORMERS}


def _is_added_in_dtype(path: Sequence[Any]) -> bool:
    """Whether a parameter is the bias of one of the dense layers that add it in the model's dtype."""
    return path[-1].key == "bias" and path[-2].key in ("query", "key", "value", "out", "down")


def are_apart(module: nn.Module) -> bool:
    """Whether the blocks of a module have trees of parameters of their own (`take_apart`)."""
    return "0" in module.variables.get("params", {}).get("layers", {})


def _unkept(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: checkpoint_name(leaf, _UNKEPT), tree)


def scan_blocks(
    block: type[nn.Module],
    layers: int,
    remat: str,
    unroll: int,
    weights: Callable[[dict], dict] | None = None,
    apart: bool = False,
    *,
    name: str,
    **settings: Any,
) -> nn.Module:
    """`layers` copies of `block` in sequence; their parameters are stacked on axis 0, or `apart`.

    Args:
      block: a module with `__call__(x, *context) -> (x, None)`.
      layers: how many.
      remat: what each keeps for its backward pass: 'none', 'dots' or 'full' (see `config.model.ComputeConfig`).
      unroll: copies compiled one after another in the body of the loop over the rest; 0 compiles all of them.
      weights: makes the parameters that a copy works with from those that it has, whenever it needs them: for the
        backward pass again.
      apart: takes the parameters that `take_apart` makes, and compiles all copies.
      name: of the module.
      **settings: the block's attributes.
    """
    if weights is not None:
        block = nn.map_variables(block, "params", lambda have: {"params": _unkept(weights(have["params"]))})
    if remat != "none" or weights is not None:
        if remat not in _REMAT_POLICIES:
            raise UserError(f"config.compute.remat has no policy '{remat}': {did_you_mean(remat, _REMAT_POLICIES)}")
        # Inside a loop the compiler cannot merge the second computation with the first; without one it would.
        block = nn.remat(block, policy=_REMAT_POLICIES[remat], prevent_cse=unroll not in range(1, layers))
    if apart:
        return _InTurn(block, layers, settings, name=name)
    every_layer: Any = nn.broadcast  # the context is the same for all
    scanned = nn.scan(
        block,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=every_layer,
        length=layers,
        unroll=unroll or layers,
    )
    return scanned(**settings, name=name)


class _InTurn(nn.Module):
    """Copies of a block, one after another, each with parameters under its number."""

    block: type[nn.Module]
    layers: int
    settings: dict[str, Any]

    @nn.compact
    def __call__(self, x: Float[Array, "B N C"], *context: Array) -> tuple[Float[Array, "B N C"], None]:
        for number in range(self.layers):
            x, _ = self.block(**self.settings, name=str(number))(x, *context)
        return x, None
