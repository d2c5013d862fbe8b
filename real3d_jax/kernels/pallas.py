"""Starting Pallas kernels for NVIDIA GPUs (its Triton backend), and spreading them over devices."""

from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import pallas as pl
from jax.sharding import PartitionSpec


def launch(
    kernel: Callable,
    outputs: Any,
    *operands: jax.Array,
    grid: tuple[int, ...],
    interpret: bool,
    warps: int = 4,
    aliases: dict[int, int] | None = None,
) -> Any:
    """Runs a kernel.

    Args:
      kernel: gets a reference to each operand and output, all of them whole.
      outputs: their shapes.
      *operands: arrays in the GPU's memory.
      grid: programs.
      interpret: runs the programs one after another as plain JAX, on any device.
      warps: of each program.
      aliases: outputs, by number, that take the memory of operands, by number.
    """
    from jax.experimental.pallas import triton  # only NVIDIA GPUs need that it is there

    return pl.pallas_call(
        kernel,
        out_shape=outputs,
        grid=grid,
        input_output_aliases=aliases or {},
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        interpret=interpret,
    )(*operands)


def over_devices(function: Callable, *, batch: int, batched: tuple[bool, ...]) -> Callable:
    """`function` on the rows of each device's own, which the compiler could not find out of a kernel.

    Args:
      function: of arrays; all it returns has the batch as first axis.
      batch: its size; where the devices do not divide it, each computes all of it, and where it is a device's own
        (inside `jax.shard_map`), there is nothing to spread.
      batched: which arguments have the batch as first axis; the others are the same on all devices.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1 or mesh.manual_axes:
        return function
    rows = PartitionSpec(mesh.axis_names if batch % mesh.size == 0 else None)
    specs = tuple(rows if is_batched else PartitionSpec() for is_batched in batched)
    return jax.shard_map(function, in_specs=specs, out_specs=rows, check_vma=False)


def load(view: Any, mask: Any) -> Any:
    """What lies in GPU memory where `mask` holds, 0 elsewhere."""
    from jax.experimental.pallas import triton

    return triton.load(view, mask=mask, other=0.0)


def store(view: Any, values: Any, mask: Any) -> None:
    """Writes to GPU memory where `mask` holds."""
    from jax.experimental.pallas import triton

    triton.store(view, values, mask=mask)
