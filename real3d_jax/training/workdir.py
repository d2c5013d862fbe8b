"""A run's folder: that it can be written, that it is this run's, and that a run in it never begins anew unasked."""

import json
import tempfile
from collections.abc import Mapping
from typing import Any

from real3d_jax.checkpoints.run_folder import BEST, LATEST
from real3d_jax.config.files import differences as config_differences
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders, stores
from real3d_jax.runtime.stores import Folder

UNREADABLE = "unreadable"
SAVED = "saved_step"  # in a line of metrics.jsonl: a checkpoint was written


def prepare_workdir(workdir: Folder) -> None:
    """Makes the folder and writes a file in it, so that a run fails at its start and not at its first checkpoint.

    Raises:
      UserError: the folder cannot be made or written, or is an address but of gs://.
    """
    if stores.is_address(workdir):
        stores.check_writable(stores.place(workdir))
        return
    folders.check_local(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workdir):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"The workdir '{workdir}' cannot be written ({reason}): choose another by --workdir."
        ) from error


def check_no_history(workdir: Folder) -> None:
    """Refuses to begin a run where one has left more than its first steps, but no checkpoint to go on from.

    Raises:
      UserError: there are checkpoints that were set aside, a best one, a summary, or metrics that tell of a checkpoint.
    """
    latest = workdir / LATEST
    if any((workdir / UNREADABLE).glob("*")):
        raise UserError(
            f"No checkpoint in '{workdir}' can be read (they lie in its folder '{UNREADABLE}' now): start again "
            "with another --workdir."
        )
    best = max((int(path.name) for path in (workdir / BEST).glob("*") if path.name.isdigit()), default=None)
    if best is not None:
        raise UserError(
            f"'{latest}' has no checkpoint, but '{workdir / BEST}' has that of step {best}, so a run was here: put its "
            f"checkpoints back, go on from the best one (`cp -r {workdir / BEST / str(best)} {latest}/`), or use "
            "another --workdir."
        )
    saved = _saved_step(workdir / "metrics.jsonl")
    if saved is not None or (workdir / "summary.json").exists():
        told = f"saved step {saved}" if saved is not None else "was finished"
        raise UserError(
            f"'{latest}' has no checkpoint, but the run in '{workdir}' {told}: put its checkpoints back, or use "
            "another --workdir."
        )


def _saved_step(metrics: Folder) -> int | None:
    """The last step of which `metrics.jsonl` says that it was saved."""
    found = None
    if metrics.exists():
        for line in metrics.read_bytes().decode(errors="replace").splitlines():
            if f'"{SAVED}"' in line:
                try:
                    found = int(json.loads(line)[SAVED])
                except (ValueError, KeyError, TypeError):
                    continue  # half a line
    return found


def check_same_run(saved: Mapping[str, Any], current: Mapping[str, Any], workdir: Folder) -> list[str]:
    """Compares the configuration of a workdir with the one that is to go on in it.

    Returns:
      What differs, in words, where that is allowed.

    Raises:
      UserError: the model, the seed or the optimiser's method differs, or averaged parameters are wanted and none kept.
    """
    # Runs from before there was Muon name no method. Its moments are laid out otherwise than AdamW's.
    methods = [tree.get("optimizer", {}).get("method", "adamw") for tree in (saved, current)]
    if methods[0] != methods[1]:
        raise UserError(
            f"The workdir '{workdir}' was trained by {methods[0]}, whose state {methods[1]} cannot take over "
            f"(config.optimizer.method): go on by {methods[0]}, or begin with its parameters in another --workdir "
            f"(--config.init_from={workdir})."
        )
    decays = [tree.get("optimizer", {}).get("ema_decay") for tree in (saved, current)]
    if decays[0] == 0 and decays[1]:
        raise UserError(
            f"The workdir '{workdir}' keeps no averaged parameters, and config.optimizer.ema_decay asks for them: set "
            f"it to 0, or begin with its parameters in another --workdir (--config.init_from={workdir})."
        )
    changed = config_differences(saved, current)
    for change in changed:
        if change.startswith(("config.model", "config.seed")):
            raise UserError(
                f"The workdir '{workdir}' was trained with another config ({change}): use another --workdir, "
                "or that config."
            )
    return changed
