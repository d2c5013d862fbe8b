"""What the two models ask of the rest of a configuration: of renderer, data and losses."""

from real3d_jax.config.conditioned import AnyModelConfig, AnyRenderConfig, ConditionedModelConfig, MetricRenderConfig
from real3d_jax.config.losses import uses_cycle
from real3d_jax.config.model import ModelConfig
from real3d_jax.config.posed import PosedSourceConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError


def check_renderer(model: AnyModelConfig, render: AnyRenderConfig, where: str) -> None:
    """Refuses one model's fields in the other's renderer.

    Raises:
      UserError: they are not of one kind.
    """
    conditioned = isinstance(model, ConditionedModelConfig)
    if conditioned == isinstance(render, MetricRenderConfig):
        return
    right, other = ("configs/lrm.py", "canonical") if conditioned else ("configs/real3d.py", "camera-conditioned")
    raise UserError(f"{where}.render is that of a {other} model, which {where}.model is not: take {right}'s.")


def canonical_model(model: AnyModelConfig) -> ModelConfig:
    """The canonical model's configuration, where nothing but it is measured.

    Raises:
      UserError: it is the other's.
    """
    if isinstance(model, ConditionedModelConfig):
        raise UserError("config.model is camera-conditioned, and this measures the canonical model alone.")
    return model


def check_training(config: Config, where: str) -> None:
    """Refuses data without input cameras for a model that is told them, the other way round, and losses on one view.

    Raises:
      UserError: names the first key that does not fit.
    """
    sources = {
        f"{where}.data.{kind}.{name}": source
        for kind, found in (("synthetic", config.data.synthetic), ("validation", config.data.validation))
        for name, source in found.items()
    }
    if not isinstance(config.model, ConditionedModelConfig):
        for key, source in sources.items():
            if isinstance(source, PosedSourceConfig):
                raise UserError(
                    f"{key} leaves its input cameras where they are, but {where}.model is told of none and takes each "
                    "for the canonical one: give the data set a 'distance' as in configs/real3d.py, or train "
                    "configs/lrm.py's model."
                )
        return
    for key, source in sources.items():
        if not isinstance(source, PosedSourceConfig):
            raise UserError(
                f"{key} makes all its input cameras the canonical one, but {where}.model is to be told their own: give "
                "the data set 'scale' or 'extent' as in configs/lrm.py, or train configs/real3d.py's model."
            )
    _check_no_self_training(config, where)


def _check_no_self_training(config: Config, where: str) -> None:
    losses = config.losses
    view = losses.input_view
    asked = {
        "batch.real": config.batch.real,
        "losses.input_view": view.mse or view.lpips or view.mask,
        "losses.cycle.weights": uses_cycle(losses),
        "losses.semantic.weight": losses.semantic.weight,
    }
    for key, value in asked.items():
        if value:
            raise UserError(
                f"{where}.{key} asks for self-training, which a camera-conditioned model has not: set it to 0, or "
                "train configs/real3d.py's model."
            )
