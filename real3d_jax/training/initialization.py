"""Where a run's first parameters come from: random ones, converted weights, or another run."""

import functools
from pathlib import Path

import jax
import optax
from jax.sharding import Mesh

from real3d_jax.checkpoints.trained_model import TrainedModel, find_model
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from real3d_jax.models.aligned_positions import align_any_positions
from real3d_jax.models.choice import AnyModel, abstract_any_params, init_any_params
from real3d_jax.runtime.sharding import put_same, replicated, state_shardings
from real3d_jax.training.state import TrainState, create, new_state
from real3d_jax.weights.boxed import find_checkpoint
from real3d_jax.weights.converted import is_converted
from real3d_jax.weights.files import UNUSED
from real3d_jax.weights.loading import check_heads


def find_start(config: Config) -> TrainedModel | None:
    """What `config.init_from` names; None where parameters are random.

    Raises:
      UserError: it is missing, or another program's file.
    """
    if not config.init_from:
        return None
    where = f"config.init_from = '{config.init_from}'"
    if not find_checkpoint(config.init_from).exists():
        raise UserError(f"{where} does not exist: give converted weights, a workdir, or ''.")
    found = find_model(config.init_from)
    if found.step is None and not is_converted(found.folder):
        raise UserError(
            f"{where} is another program's file: convert it, with what is to be kept for the way back, by `python "
            "launch/convert_weights.py --input FILE --output FOLDER`."
        )
    return found


def initial_state(
    config: Config,
    model: AnyModel,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    workdir: Path,
    *,
    start: TrainedModel | None,
) -> TrainState:
    """The state of step 0, on the mesh: the parameters of `start`, or random ones, and a fresh optimiser.

    Converted weights may be those of an image tokenizer alone.

    Weights that came with converted ones but have no place in the model are copied into `workdir`.

    Raises:
      UserError: `start` belongs to another model.
    """
    create_on_mesh = functools.partial(create, optimizer=optimizer, keep_ema=config.optimizer.ema_decay > 0, mesh=mesh)
    key = root_key(config.seed, mesh)
    if start is None:
        return create_on_mesh(functools.partial(random_params, model, config.position_start), key)
    abstract = abstract_any_params(model)
    try:
        params = start.read(abstract)
        if set(params) != set(abstract):
            _check_tokenizer_heads(start, config)
    except UserError as error:
        raise UserError(f"config.init_from = '{config.init_from}' cannot be begun with. {error}") from error
    if jax.process_index() == 0 and start.unused is not None:
        (workdir / UNUSED).write_bytes(start.unused.read_bytes())
    given = put_same(params, state_shardings({name: abstract[name] for name in params}, mesh))
    if set(given) == set(abstract):
        return create_on_mesh(lambda given: given, given)
    # The image tokenizer alone was given; the rest is random, positions too: its table is written in a code of its own.
    return create_on_mesh(lambda key, given: init_any_params(model, key) | given, key, given)


def _check_tokenizer_heads(start: TrainedModel, config: Config) -> None:
    if isinstance(config.model, ConditionedModelConfig):
        check_heads(start.folder, config.model.encoder.heads, key="config.model.encoder.heads")
    else:
        check_heads(start.folder, config.model.vit.heads, key="config.model.vit.heads")


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
