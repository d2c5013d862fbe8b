"""Where a run's first parameters come from: random ones, converted weights, or another run."""

import functools
from collections.abc import Sequence
from pathlib import Path

import jax
import optax
from jax.sharding import Mesh

from real3d_jax.checkpoints.run_folder import is_training_folder, load_params
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.models.aligned_positions import align_any_positions
from real3d_jax.models.choice import AnyModel, abstract_any_params, init_any_params
from real3d_jax.runtime.sharding import put_same, replicated, state_shardings
from real3d_jax.runtime.stores import Folder
from real3d_jax.training.state import TrainState, create, new_state
from real3d_jax.weights.boxed import find_checkpoint
from real3d_jax.weights.files import UNUSED
from real3d_jax.weights.loading import check_shapes, load_params_for


def initial_state(
    config: Config, model: AnyModel, optimizer: optax.GradientTransformation, mesh: Mesh, workdir: Path
) -> TrainState:
    """The state of step 0, on the mesh: parameters as `config.init_from` says, a fresh optimiser.

    Converted weights may be those of an image tokenizer alone.

    Weights that came with converted ones but have no place in the model are copied into `workdir`.

    Raises:
      UserError: `init_from` is missing or belongs to another model.
    """
    create_on_mesh = functools.partial(create, optimizer=optimizer, keep_ema=config.optimizer.ema_decay > 0, mesh=mesh)
    key = root_key(config.seed, mesh)
    if not config.init_from:
        return create_on_mesh(functools.partial(random_params, model, config.position_start), key)
    source = find_checkpoint(config.init_from)
    if not source.exists():
        raise UserError(f"config.init_from = '{source}' does not exist: give converted weights, a workdir, or ''.")
    abstract = abstract_any_params(model)
    if is_training_folder(source):
        params = load_params(source)
        check_shapes(params, abstract, where=f"config.init_from = '{source}'")
        folders = (source, source.parent, source.parent.parent)  # a step's folder lies two below its workdir
    else:
        params, _ = load_params_for(source, abstract)
        folders = (source,)
    if jax.process_index() == 0:
        _copy_unused(folders, workdir)
    given = put_same(params, state_shardings({name: abstract[name] for name in params}, mesh))
    if set(given) == set(abstract):
        return create_on_mesh(lambda given: given, given)
    # The image tokenizer alone was given; the rest is random, positions too: its table is written in a code of its own.
    return create_on_mesh(lambda key, given: init_any_params(model, key) | given, key, given)


def random_params(model: AnyModel, position_start: str, key: jax.Array) -> dict:
    """The parameters of a model that starts from nothing; `position_start` as in the config."""
    params = init_any_params(model, key)
    return align_any_positions(params, model.config) if position_start == "aligned" else params


def abstract_state(config: Config, model: AnyModel, optimizer: optax.GradientTransformation, mesh: Mesh) -> TrainState:
    """Shapes, types and shardings of a run's state, made without memory."""

    def make(key):
        return new_state(init_any_params(model, key), optimizer, keep_ema=config.optimizer.ema_decay > 0)

    shapes = jax.eval_shape(make, jax.random.key(0))
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        state_shardings(shapes, mesh),
    )


def root_key(seed: int, mesh: Mesh) -> jax.Array:
    """The run's random key, on every device."""
    return jax.jit(lambda: jax.random.key(seed), out_shardings=replicated(mesh))()


def _copy_unused(folders: Sequence[Folder], workdir: Path) -> None:
    for folder in folders:
        if (folder / UNUSED).is_file():
            (workdir / UNUSED).write_bytes((folder / UNUSED).read_bytes())
            return
