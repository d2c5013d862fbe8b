"""Whether stage 0 knows shape: rows that begin with a model that knows none compare blobs."""

from collections.abc import Mapping

from real3d_jax.checkpoints.run_folder import LATEST
from real3d_jax.checkpoints.trained_model import TrainedModel
from real3d_jax.config.training import GateConfig
from real3d_jax.errors import UserError
from real3d_jax.metrics.images import describe_score
from real3d_jax.runtime import stores
from real3d_jax.runtime.folders import read_json

# Fields of the gate, which are scores of a `Validator`, with what they are called.
_SCORES = {"input_psnr": "held-out input view", "iou": "novel silhouette IoU"}


def check_gate(gate: GateConfig, start: TrainedModel, *, steps: int | None) -> None:
    """Lets a start pass whose held-out scores are above the gate.

    Args:
      gate: what is asked.
      start: what rows begin with; its scores are in the `summary.json` of the training that ended with it.
      steps: that stage 0 was trained for; None for a start that was given.

    Raises:
      UserError: a score is not above the gate, or not to be had.
    """
    scores = held_out_scores(start)
    missing = [_SCORES[name] for name in _asked(gate) if name not in scores]
    if missing:
        raise UserError(
            f"Nothing tells the {missing[0]} of '{start.source}', which the gate asks for (a training workdir has it "
            "in summary.json, if its config scores held-out objects): begin with another, or go on by --no_gate."
        )
    if below := _below(gate, scores):
        longer = "train it longer" if steps is None else f"train it longer (--start_steps above {steps})"
        raise UserError(
            f"No row begins with '{start.source}', which knows too little of shape ({'; '.join(below)}): {longer}, or "
            "go on regardless by --no_gate."
        )


def gate_note(gate: GateConfig, start: TrainedModel) -> str:
    """What the table says of the gate and of the start's held-out scores."""
    scores = held_out_scores(start)
    told = ", ".join(f"{_SCORES[name]} {describe_score(name, value)}" for name, value in scores.items())
    if not _asked(gate):
        reached = f" ({told}, on its own held-out objects)" if told else ""
        return (
            f"Stage 0{reached} went through no gate: where it knows no shape, rows tell nothing of the paper's result."
        )
    if below := _below(gate, scores):
        return f"Rows were begun although stage 0 knows too little of shape to pass the gate: {'; '.join(below)}."
    return f"Stage 0 passed the gate, on its own held-out objects: {told}."


def _below(gate: GateConfig, scores: Mapping[str, float]) -> list[str]:
    """Each score that is not above the gate, and by how much."""
    return [
        f"{_SCORES[name]} {describe_score(name, scores[name])} is {describe_score(name, least - scores[name])} below "
        f"the gate's {describe_score(name, least)}"
        for name, least in _asked(gate).items()
        if name in scores and scores[name] <= least
    ]


def held_out_scores(start: TrainedModel) -> Mapping[str, float]:
    """The scores in the `summary.json` of a run that a gate can ask for; none where it tells of another step or none.

    The summary is of a run's last step: neither of an earlier one nor of the best.
    """
    folder = stores.absolute(start.folder)
    path = folder.parent.parent / "summary.json"
    if start.step is None or folder.parent.name != LATEST or not path.is_file():
        return {}
    summary = read_json(path, remedy="delete it, and the run writes it again")
    if summary.get("steps") != start.step:
        return {}
    return {name: summary[f"{name}_after"] for name in _SCORES if summary.get(f"{name}_after") is not None}


def _asked(gate: GateConfig) -> dict[str, float]:
    return {name: least for name in _SCORES if (least := getattr(gate, name))}
