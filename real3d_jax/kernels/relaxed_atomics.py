"""Additions to GPU memory that order nothing else.

Pallas' `atomic_add` makes every program wait until all that it wrote before is seen by the whole GPU, and empties its
cache (acquire and release). Sums that later kernels alone read need none of it. Pallas has no public way to say so:
where its insides are not as they were in JAX 0.10 and 0.11, its own addition is taken, which gives the same sums.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Primitive


def add(ref: Any, index: Any, values: Any, mask: Any) -> None:
    """Adds float32 `values` to `ref` at `index` where `mask` holds, while other programs do, too."""
    from jax.experimental.pallas import triton  # only NVIDIA GPUs need that it is there

    relaxed = relaxed_addition()
    if relaxed is None or ref.dtype != jnp.float32:
        triton.atomic_add(ref, index, values, mask=mask)
    else:
        relaxed(ref, index, values, mask)


@functools.cache
def relaxed_addition() -> Callable[[Any, Any, Any, Any], None] | None:
    """The addition (reference, index, values, mask); None where this JAX has not what it is made of."""
    try:
        return _make()
    except (ImportError, AttributeError, TypeError):
        return None


def _make() -> Callable[[Any, Any, Any, Any], None]:
    from jax._src.pallas import primitives as pallas_primitives
    from jax._src.pallas.triton import lowering as triton_lowering
    from jax._src.state.primitives import get_ref_and_transforms
    from jax.tree_util import tree_flatten

    lowering: Any = triton_lowering  # of which nothing is public
    semantic, addition = lowering.tt_dialect.MemSemantic.RELAXED, lowering.tt_dialect.RMWOp.FADD
    pointers, atomic, as_value = _inside(
        (lowering._compute_pointers_from_indices, 3, ()),
        (lowering._atomic_rmw, 3, ("mask", "semantic")),
        (lowering._ensure_ir_value, 2, ()),
    )
    check, register = pallas_primitives._swap_abstract_eval, lowering.register_lowering
    _inside((get_ref_and_transforms, 3, ()))
    primitive = Primitive("relaxed_add")

    @primitive.def_effectful_abstract_eval
    def _(*avals, args_tree):
        return check(*avals, args_tree=args_tree)

    @register(primitive)
    def _(ctx, *operands, args_tree):
        pointer, (index,), values, mask = args_tree.unflatten(operands)
        *_, values_aval, mask_aval = args_tree.unflatten(ctx.avals_in)
        pointer = pointers(pointer, ctx.block_infos[0], index)
        values, mask = as_value(values, values_aval), as_value(mask, mask_aval)
        return atomic(addition, pointer, values, mask=mask, semantic=semantic)

    def relaxed(ref, index, values, mask):
        target, transforms = get_ref_and_transforms(ref, index, "relaxed_add")
        operands, tree = tree_flatten((target, transforms, values, mask))
        primitive.bind(*operands, args_tree=tree)

    return relaxed


def _inside(*expected: tuple[Callable, int, tuple[str, ...]]) -> list[Callable]:
    """The functions, if they still take so many arguments and those names; a TypeError if not."""
    for function, arguments, names in expected:
        inspect.signature(function).bind(*[None] * arguments, **dict.fromkeys(names))
    return [function for function, _, _ in expected]
