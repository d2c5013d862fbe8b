"""What folders that are made over several runs share: a plan that must stay the same, and files that are never half."""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from real3d_jax.errors import UserError

PARTIAL = ".partial"


def begin(plan_file: pathlib.Path, plan: Mapping[str, Any], *, made: str) -> None:
    """Makes the plan's folder, or makes sure that the one that stands was begun with the same plan.

    Args:
      plan_file: in the folder.
      plan: what the folder's contents depend on, as JSON.
      made: what was done with the folder, as 'prepared'.

    Raises:
      UserError: the folder was begun with another plan, or holds something else.
    """
    folder = plan_file.parent
    plan = json.loads(json.dumps(plan))
    if plan_file.exists():
        before = json.loads(plan_file.read_text())
        for key in sorted({*plan, *before}):
            if plan.get(key) != before.get(key):
                raise UserError(
                    f"'{folder}' was {made} with {key} = {before.get(key)}, not {plan.get(key)}: "
                    "delete the folder, or choose another one."
                )
    elif not is_unbegun(plan_file):
        raise UserError(f"'{folder}' is not empty and was not {made} by this program: choose a new folder.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(plan_file, json.dumps(plan, indent=2))


def is_unbegun(plan_file: pathlib.Path) -> bool:
    """Whether the plan's folder is missing, or empty but for a plan that was cut short."""
    folder = plan_file.parent
    return not folder.exists() or all(path.name == plan_file.name + PARTIAL for path in folder.iterdir())


def replace_text(path: pathlib.Path, text: str) -> None:
    """Writes a file that appears whole or not at all."""
    partial = path.with_name(path.name + PARTIAL)
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    partial.write_text(text)
    os.replace(partial, path)
