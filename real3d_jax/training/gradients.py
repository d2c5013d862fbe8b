"""Loss and gradients of a step's batch, on however many devices, with one exchange among them.

Each device computes its own rows, part by part, and adds up its gradients in float32; what all of them found is
averaged once, after the last part. Left to the compiler, the gradients would be exchanged in every layer of every part,
in the dtype of the layer.
"""

import functools

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, PartitionSpec
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key

from real3d_jax.batches import SingleViewBatch, TrainBatch
from real3d_jax.config.conditioned import MetricRenderConfig
from real3d_jax.config.training import Config
from real3d_jax.losses.novel_poses import NovelPoses, sample_novel_poses
from real3d_jax.models.choice import AnyModel
from real3d_jax.models.layers import TRANSFORMERS
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.runtime.sharding import gather, leaf_spec, split_axis
from real3d_jax.training.objective import batch_loss


def mean_gradients(
    params: dict,
    batch: TrainBatch,
    frozen: FrozenNetworks,
    key: Key[Array, ""],
    step: Int[Array, ""],
    *,
    model: AnyModel,
    config: Config,
    micro_batches: int,
) -> tuple[dict, dict[str, Float[Array, ""]]]:
    """Gradients of `batch_loss` in the mean over the batch; and its metrics, with 'loss'.

    Args:
      params: float32.
      batch: rows, spread over all devices of the mesh that is set (`jax.set_mesh`), if one is.
      frozen: CLIP and LPIPS.
      key: the run's key.
      step: steps taken.
      model: the module that `params` belong to.
      config: the run's configuration.
      micro_batches: parts that a device computes its rows in, one after another.
    """
    here = functools.partial(_gradients_here, model=model, config=config, micro_batches=micro_batches)
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1:
        return here(params, batch, frozen, key, step)
    axes, fsdp = mesh.axis_names, mesh.shape["fsdp"]
    splits = jax.tree.map(lambda leaf: split_axis(leaf.shape, fsdp), params)
    if fsdp > 1:
        here = functools.partial(here, splits=splits)

    def everywhere(params, batch, frozen, key, step):
        gradients, metrics = here(params, batch, frozen, key, step, device=jax.lax.axis_index(axes))
        # Of parameters that are split, the sum over 'fsdp' was made where they were gathered.
        totals = jax.tree.map(lambda x, split: _sum(x, axes[:1] if split >= 0 else axes, mesh), gradients, splits)
        return jax.tree.map(lambda x: x / mesh.size, totals), jax.lax.pmean(metrics, axes)

    rows, same = PartitionSpec(axes), PartitionSpec()
    parts = jax.tree.map(lambda leaf: leaf_spec(leaf.shape, fsdp), params)
    spread = jax.shard_map(
        everywhere, in_specs=(parts, rows, same, same, same), out_specs=(parts, same), check_vma=False
    )
    return spread(params, batch, frozen, key, step)


def draw_poses(
    key: Key[Array, ""], step: Array, batch: SingleViewBatch, *, config: Config, first: Int[Array, ""] | int = 0
) -> NovelPoses:
    """The novel poses of a step's photographs, of which `batch` holds those from number `first` on.

    `key` is the run's.
    """
    return sample_novel_poses(
        jax.random.fold_in(key, step),
        step,
        jnp.linalg.norm(batch.cameras.c2w[..., :3, 3], axis=-1),
        curriculum=config.curriculum,
        semantic=config.losses.semantic,
        first=first,
    )


def _gradients_here(
    params,
    batch: TrainBatch,
    frozen,
    key,
    step,
    *,
    model: AnyModel,
    config: Config,
    micro_batches: int,
    device: Int[Array, ""] | int = 0,
    splits: dict | None = None,
):
    """As `mean_gradients`, of the rows of one device, which has the number `device`; `splits` as in `_whole`."""
    poses = None
    if batch.real is not None:
        poses = draw_poses(key, step, batch.real, config=config, first=device * batch.real.image.shape[0])
    keys = None
    if batch.synthetic is not None and isinstance(config.render, MetricRenderConfig):
        rows = batch.synthetic.image.shape[0]
        numbers = device * rows + jnp.arange(rows)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, step), numbers)
    loss_fn = functools.partial(batch_loss, frozen=frozen, model=model, config=config)
    if splits is not None:
        loss_fn = functools.partial(_loss_of_parts, splits=splits, frozen=frozen, model=model, config=config)
    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)

    def accumulate(total, part):
        *part, keys = part
        (loss, metrics), gradients = gradient_fn(params, *part, keys=keys)
        return jax.tree.map(jnp.add, total, gradients), {"loss": loss, **metrics}

    parts = jax.tree.map(functools.partial(_split_rows, parts=micro_batches), (batch, poses, keys))
    total, metrics = jax.lax.scan(accumulate, jax.tree.map(jnp.zeros_like, params), parts)
    return jax.tree.map(lambda x: x / micro_batches, total), jax.tree.map(jnp.mean, metrics)


def _sum(x: Array, axes: tuple[str, ...], mesh: AbstractMesh) -> Array:
    axes = tuple(axis for axis in axes if mesh.shape[axis] > 1)
    return jax.lax.psum(x, axes) if axes else x


def _loss_of_parts(
    params, batch: TrainBatch, poses, *, splits: dict, frozen, model: AnyModel, config: Config, keys: Array | None
):
    """`batch_loss` of parameters that are split over 'fsdp': a block's are gathered when it is computed."""
    blocks = {name: splits[name]["layers"] for name in TRANSFORMERS}
    model = model.clone(
        weights={name: functools.partial(_block, splits=of, dtype=model.dtype) for name, of in blocks.items()}
    )
    # Blocks are stacked along the first axis, which is taken apart before they are gathered.
    in_blocks = {name: jax.tree.map(lambda split: 0 if split == 0 else -1, of) for name, of in blocks.items()}
    rest = splits | {name: splits[name] | {"layers": in_blocks[name]} for name in TRANSFORMERS}
    whole = jax.tree.map(functools.partial(_whole, dtype=jnp.float32), params, rest)
    return batch_loss(whole, batch, poses, frozen=frozen, model=model, config=config, keys=keys)


def _block(params: dict, *, splits: dict, dtype: DTypeLike) -> dict:
    """The whole parameters of a block, its matrices in the model's dtype, from this device's parts."""

    def make(path, part, split):
        kind = dtype if path[-1].key == "kernel" else part.dtype
        return _whole(part, split - 1 if split > 0 else -1, dtype=kind)

    return jax.tree_util.tree_map_with_path(make, params, splits)


def _whole(part: Array, split: int, *, dtype: DTypeLike) -> Array:
    """An array of which each device of 'fsdp' has a part, along dimension `split`; or all of it, if that is -1."""
    return gather(part, split, dtype) if split >= 0 else part.astype(dtype)


def _split_rows(x: Array, *, parts: int) -> Array:
    """(B, ...) to (parts, B / parts, ...): part j takes rows j, j + parts, ..."""
    return jnp.moveaxis(x.reshape(x.shape[0] // parts, parts, *x.shape[1:]), 1, 0)
