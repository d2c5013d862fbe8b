"""The results of each object, kept as they come, so that a killed evaluation goes on where it stood.

A results folder holds `settings.json` (what was scored, and how), `results.jsonl` (a line for each object, appended),
and `features/` (what FID needs of each object). Tables are made of them.
"""

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from real3d_jax.checkpoints.run_folder import BEST, LATEST
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders, stores
from real3d_jax.weights.boxed import is_boxed
from real3d_jax.weights.hub import is_hub_name

SETTINGS, ROWS, FEATURES = "settings.json", "results.jsonl", "features"
_IGNORED = ("config.data.workers", "config.data.root", "config.cases", "config.bootstrap", "checkpoint.path")
_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured of one object.

    Attributes:
      key: its name.
      values: scores of its views, by metric; NaN where a prediction is not finite.
      search: mean scores at each distance of the scale calibration, by metric.
      features: Inception features of its renders and its input view, for FID.
      stamp: changes when what was scored does; '' where that cannot change.
    """

    key: str
    values: Mapping[str, Float[np.ndarray, "V"]]
    search: Mapping[str, Float[np.ndarray, "G"]] = dataclasses.field(default_factory=dict)
    features: Mapping[str, Float[np.ndarray, "F D"]] = dataclasses.field(default_factory=dict)
    stamp: str = ""


def default_out(checkpoint: Path, name: str) -> Path:
    """Where results go: `evaluation/NAME` in the run's folder, with the part of the run that is scored if not all.

    Those of a file, of what a name stands for, and of a run in an object store go into `runs/` and that name: no folder
    but a run's and that of converted weights is written.
    """
    workdir, part = checkpoint, ""
    if is_boxed(checkpoint) or (is_hub_name(str(checkpoint)) and not checkpoint.exists()):
        workdir = Path("runs") / checkpoint.name
    elif checkpoint.is_file():
        workdir = Path("runs") / checkpoint.stem
    elif checkpoint.name == BEST:
        workdir, part = checkpoint.parent, f"_{BEST}"
    elif checkpoint.parent.name in (BEST, LATEST):
        workdir, part = checkpoint.parent.parent, f"_{checkpoint.name}"
    elif checkpoint.name == LATEST:
        workdir = checkpoint.parent
    if stores.is_address(workdir):
        workdir = Path("runs") / workdir.name
    return workdir / "evaluation" / f"{name}{part}"


class Results:
    """The rows of one folder.

    Args:
      folder: it is made if missing.
      settings: a JSON tree that tells what the rows mean.

    Raises:
      UserError: the folder cannot be written, or holds results of other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder = folder
        settings = json.loads(json.dumps(settings))
        _write_test(folder)
        path = folder / SETTINGS
        if (folder / ROWS).exists() and path.exists():
            folders.check_same(
                load_settings(folder),
                settings,
                lambda change: (
                    f"'{folder}' holds results of other settings ({change}): choose another --out, or delete that "
                    "folder."
                ),
                may_differ=_IGNORED,
            )
        folders.write_result(path, json.dumps(settings, indent=1) + "\n")
        self.rows = {row.key: row for row in load_rows(folder)}
        # Without a line that was cut short.
        folders.write_result(folder / ROWS, "".join(_line(row) for row in self.rows.values()))
        self._file = (folder / ROWS).open("a")

    def has(self, key: str, stamp: str = "") -> bool:
        """Whether an object's row is there, and of what it is now."""
        return key in self.rows and self.rows[key].stamp == stamp

    def append(self, row: Row) -> None:
        """Keeps a row, on disk when this returns; one that is there already is left as it is."""
        if self.has(row.key, row.stamp):
            return
        if row.features:
            _save_features(self.folder, row)
        self._file.write(_line(row))
        self._file.flush()
        self.rows[row.key] = _parsed(_line(row))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def load_settings(folder: Path) -> dict[str, Any]:
    """The settings of a results folder.

    Raises:
      UserError: there are none, or they are damaged.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise UserError(f"'{folder}' holds no results (it has no {SETTINGS}): give the --out of an evaluation.")
    return folders.read_json(path, remedy="evaluate into another --out")


def load_rows(folder: Path) -> list[Row]:
    """The rows of a results folder as they were appended, without a last one that was cut short.

    Raises:
      UserError: a line is damaged.
    """
    path = folder / ROWS
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_parsed(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break  # the run was killed while it wrote
            raise UserError(
                f"Line {number} of '{path}' is damaged: delete that line, and it is scored again."
            ) from error
    return rows


def load_features(folder: Path, key: str) -> dict[str, Float[np.ndarray, "F D"]] | None:
    """The features of an object, or None if there are none."""
    path = _features_path(folder, key)
    if not path.exists():
        return None
    with np.load(path) as file:
        return dict(file)


def _line(row: Row) -> str:
    def numbers(scores: Sequence[float] | np.ndarray) -> list[float | None]:
        return [round(float(x), _DIGITS) if math.isfinite(x) else None for x in scores]

    tree = {"key": row.key, "stamp": row.stamp} | {
        group: {name: numbers(scores) for name, scores in sorted(found.items())}
        for group, found in (("values", row.values), ("search", row.search))
    }
    return json.dumps(tree) + "\n"


def _parsed(line: str) -> Row:
    tree = json.loads(line)
    if not line.endswith("\n"):
        raise ValueError("it is cut short")

    def arrays(found: Mapping[str, Sequence[float | None]]) -> dict[str, np.ndarray]:
        return {name: np.array([math.nan if x is None else x for x in scores]) for name, scores in found.items()}

    return Row(str(tree["key"]), arrays(tree["values"]), arrays(tree["search"]), stamp=str(tree["stamp"]))


def _save_features(folder: Path, row: Row) -> None:
    path = _features_path(folder, row.key)
    with folders.replacing(path) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = {name: np.asarray(x, np.float32) for name, x in row.features.items()}
        np.savez(file, **arrays)


def _features_path(folder: Path, key: str) -> Path:
    return folder / FEATURES / f"{key.replace(os.sep, '%2F')}.npz"


def _write_test(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"The folder '{folder}' cannot be written ({error.strerror}): choose another --out.") from error
