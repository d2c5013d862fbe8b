"""Additions to GPU memory that order nothing else.

Pallas' `atomic_add` makes every program wait until all that it wrote before is seen by the whole GPU, and empties its
cache (acquire and release). Sums that later kernels alone read need none of it. Pallas has no public way to say so:
where its insides are not as they were in JAX 0.10 and 0.11, its own addition is taken, which gives the same sums.
"""

from typing import Any

import jax.numpy as jnp
from jax.extend.core import Primitive


def add(ref: Any, index: Any, values: Any, mask: Any) -> None:
    """Adds float32 `values` to `ref` at `index` where `mask` holds, while other programs do, too."""
    from jax.experimental.pallas import triton  # only NVIDIA GPUs need that it is there

    primitive = _primitive()
    if primitive is None or ref.dtype != jnp.float32:
        triton.atomic_add(ref, index, values, mask=mask)
        return
    from jax._src.state.primitives import get_ref_and_transforms
    from jax.tree_util import tree_flatten

    target, transforms = get_ref_and_transforms(ref, index, "relaxed_add")
    operands, tree = tree_flatten((target, transforms, values, mask))
    primitive.bind(*operands, args_tree=tree)


_made: list[Primitive | None] = []


def _primitive() -> Primitive | None:
    """The relaxed addition as Pallas sees it; None where that cannot be made."""
    if not _made:
        try:
            _made.append(_make())
        except (ImportError, AttributeError):
            _made.append(None)
    return _made[0]


def _make() -> Primitive:
    from jax._src.pallas import primitives as pallas_primitives
    from jax._src.pallas.triton import lowering

    relaxed, addition = lowering.tt_dialect.MemSemantic.RELAXED, lowering.tt_dialect.RMWOp.FADD
    pointers, atomic = lowering._compute_pointers_from_indices, lowering._atomic_rmw
    primitive = Primitive("relaxed_add")

    @primitive.def_effectful_abstract_eval
    def _(*avals, args_tree):
        return pallas_primitives._swap_abstract_eval(*avals, args_tree=args_tree)

    @lowering.register_lowering(primitive)
    def _(ctx, *operands, args_tree):
        pointer, (index,), values, mask = args_tree.unflatten(operands)
        *_, values_aval, mask_aval = args_tree.unflatten(ctx.avals_in)
        pointer = pointers(pointer, ctx.block_infos[0], index)
        values, mask = lowering._ensure_ir_value(values, values_aval), lowering._ensure_ir_value(mask, mask_aval)
        return atomic(addition, pointer, values, mask=mask, semantic=relaxed)

    return primitive
