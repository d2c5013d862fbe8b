"""Where arrays live on a mesh of devices, and how a batch is divided. The models know nothing of it.

The mesh has two axes, 'data' and 'fsdp'. A batch's rows are spread over both. Large parameters are split over 'fsdp'
and repeated along 'data'; the optimiser's moments have the shapes of their parameters and so lie with them.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PyTree

from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError

_MIN_SPLIT = 2**16  # smaller arrays are repeated: gathering them would cost more than they weigh


def make_mesh(config: MeshConfig, devices: int | Sequence[Any] | None = None) -> Mesh:
    """The mesh over all devices of all hosts, over the first `devices`, or over those given.

    Raises:
      UserError: `fsdp` does not divide the number of devices; the nearest that does is named.
    """
    if devices is None or isinstance(devices, int):
        devices = jax.devices()[:devices]
    count = len(devices)
    if config.fsdp < 1 or count % config.fsdp:
        nearest = min(_divisors(count), key=lambda n: abs(n - config.fsdp))
        raise UserError(f"config.mesh.fsdp = {config.fsdp} does not divide {count} devices: set it to {nearest}.")
    # Explicit axes are JAX's default now; Linen's modules need automatic ones.
    return jax.make_mesh(
        (count // config.fsdp, config.fsdp),
        ("data", "fsdp"),
        axis_types=(AxisType.Auto, AxisType.Auto),
        devices=devices,
    )


def split_axis(shape: tuple[int, ...], fsdp: int) -> int:
    """The largest dimension that `fsdp` divides, if the array is large enough to be worth it; -1 otherwise."""
    divisible = [axis for axis, size in enumerate(shape) if size % fsdp == 0]
    if fsdp == 1 or not divisible or math.prod(shape) < _MIN_SPLIT:
        return -1
    return max(divisible, key=lambda axis: shape[axis])


def leaf_spec(shape: tuple[int, ...], fsdp: int) -> PartitionSpec:
    """Splits the dimension of `split_axis`."""
    split = split_axis(shape, fsdp)
    return PartitionSpec(*("fsdp" if axis == split else None for axis in range(len(shape) * (split >= 0))))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def gather(part: Float[Array, "..."], axis: int, dtype: DTypeLike) -> Float[Array, "..."]:
    """The whole of an array whose parts lie along 'fsdp'; for use inside `jax.shard_map`.

    Its gradient is summed over these devices in float32, and each keeps its own part of the sum.

    Args:
      part: float32.
      axis: the dimension that is split.
      dtype: of the whole, in which it travels.
    """
    return jax.lax.all_gather(part.astype(dtype), "fsdp", axis=axis, tiled=True)


def _gather_forward(part, axis, dtype):
    return gather(part, axis, dtype), None


def _gather_backward(axis, dtype, _, gradient):
    gradient = gradient.astype(jnp.float32)
    return (jax.lax.psum_scatter(gradient, "fsdp", scatter_dimension=axis, tiled=True),)


gather.defvjp(_gather_forward, _gather_backward)


def state_shardings(abstract: PyTree, mesh: Mesh) -> PyTree:
    """The sharding of each leaf of a tree of arrays or their shapes (a state, or parameters alone)."""
    return jax.tree.map(lambda leaf: NamedSharding(mesh, leaf_spec(leaf.shape, mesh.shape["fsdp"])), abstract)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows over all devices."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same on every device."""
    return NamedSharding(mesh, PartitionSpec())


def rows_here(mesh: Mesh, count: int) -> list[int]:
    """Which rows of a batch of `count` lie on this host's devices, in the order that `put_batch` wants them."""
    indices = batch_sharding(mesh).addressable_devices_indices_map((count,))
    return sorted({row for index in indices.values() if index for row in range(*index[0].indices(count))})


def put_batch(batch: PyTree, mesh: Mesh) -> PyTree:
    """Makes global arrays of the rows that this host has read (numpy leaves; every host has as many)."""
    sharding = batch_sharding(mesh)
    return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(sharding, np.asarray(rows)), batch)


def put_same(tree: PyTree, shardings: PyTree | NamedSharding) -> PyTree:
    """Makes global arrays of a tree that every host holds whole; each device takes its part.

    Args:
      tree: numpy or host arrays.
      shardings: one sharding for all leaves, or a tree of them.
    """
    if isinstance(shardings, NamedSharding):
        shardings = jax.tree.map(lambda _: shardings, tree)

    def put(leaf: Any, sharding: NamedSharding) -> jax.Array:
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(put, tree, shardings)


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
