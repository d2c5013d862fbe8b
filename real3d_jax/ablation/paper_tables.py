"""Tables 1 to 4: every row scored on every test set, with differences paired object by object.

The folder has `ROW/SET/` with the results of an evaluation, and `tables.md` and `tables.json`, written anew after each.
The same command goes on where a stopped one left off.
"""

import contextlib
import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from real3d_jax.ablation.paper_sets import TEST_SETS
from real3d_jax.ablation.run import is_scored
from real3d_jax.checkpoints.trained_model import TrainedModel, find_model
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import CalibrationConfig, EvaluationConfig
from real3d_jax.config.paper_tables import PaperTablesConfig, TableRowConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.evaluation.comparison import Difference, difference_cell, paired
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.foreign_renders import open_renders
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.results import Row, load_rows
from real3d_jax.evaluation.score_renders import evaluate_renders
from real3d_jax.evaluation.scored_objects import open_instances
from real3d_jax.evaluation.summary import Metric, at_fitted_distance
from real3d_jax.evaluation.tables import (
    in_markdown,
    load_metrics,
    method_lines,
    notes,
    ordered,
    table_heads,
    with_bold_titles,
)
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import read_json, write_result

JSON, MARKDOWN = "tables.json", "tables.md"
TABLE_OF = {"mvimgnet": 1, "wild": 2, "co3d": 3, "omniobject3d": 4}
TEST = "{test}"  # stands for the test set in a row's `evaluation` and `renders`
# Of a model whose distance is searched, what the paper shows, and what stands in differences.
_SHOWN = "fitted_on_metric"
_SCOPE = "instance"


class Cell(NamedTuple):
    """A row on a test set: where its results are, and for a checkpoint what it is scored by."""

    row: str
    test: str
    folder: Path
    evaluation: EvaluationConfig | None


@dataclasses.dataclass(frozen=True)
class Tables:
    """What is made.

    Attributes:
      config: of the tables.
      cells: in the order in which they are scored, a test set after the other.
      models: of the rows that are checkpoints.
      out: folder of everything.
    """

    config: PaperTablesConfig
    cells: Sequence[Cell]
    models: Mapping[str, TrainedModel]
    out: Path


def plan_tables(
    config: PaperTablesConfig, *, out: Path, rows: Collection[str] = (), test_sets: Collection[str] = ()
) -> Tables:
    """Finds every model, every evaluation and every data set before the first is scored.

    Args:
      config: of the tables.
      out: folder of everything.
      rows: of the config's that are made; none takes all.
      test_sets: likewise.

    Raises:
      UserError: a row or a test set is unknown, or its model or data are not there; it is named.
    """
    _check_names(config, rows, test_sets)
    wanted = {name: row for name, row in config.rows.items() if not rows or name in rows}
    tests = [test for test in TABLE_OF if test in config.test_sets and (not test_sets or test in test_sets)]
    models, cells = {}, []
    for name, row in wanted.items():
        with _naming(f"The row '{name}' ({row.label})"):
            if row.checkpoint:
                models[name] = find_model(row.checkpoint, ema=row.ema)
    for test in tests:
        for name, row in wanted.items():
            with _naming(f"The row '{name}' of Table {TABLE_OF[test]} ({row.label} on {TEST_SETS[test].title})"):
                cells.append(_cell(config, name, row, test, out))
    return Tables(config, cells, models, out)


def make_tables(tables: Tables) -> int:
    """Scores what is not scored yet, and writes the tables.

    Returns:
      The exit code: 0 once everything is written, 143 or 130 when stopped by a signal.
    """
    for number, cell in enumerate(tables.cells, 1):
        row = tables.config.rows[cell.row]
        say(f"cell       {row.label} on {TEST_SETS[cell.test].title} ({number} of {len(tables.cells)})")
        code = _score(tables, cell, row)
        if code:
            return code
        publish_tables(tables)
    say((tables.out / MARKDOWN).read_text().rstrip())
    return 0


def _check_names(config: PaperTablesConfig, rows: Collection[str], test_sets: Collection[str]) -> None:
    for name in (*rows, *(name for pair in config.deltas for name in pair)):
        if name not in config.rows:
            raise UserError(f"The tables have no row '{name}': {did_you_mean(name, config.rows)}")
    for test in (*config.test_sets, *test_sets):
        if test not in TABLE_OF:
            raise UserError(f"There is no test set '{test}': {did_you_mean(test, TABLE_OF)}")
    for test in test_sets:
        if test not in config.test_sets:
            raise UserError(f"config.test_sets of '{config.name}' lacks '{test}': add it there.")
    for name, row in config.rows.items():
        if bool(row.checkpoint) == bool(row.renders):
            raise UserError(f"config.rows.{name} needs either checkpoint or renders: leave one of them ''.")


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Puts what cannot be made before a refusal's reason."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{what} cannot be made: {error}") from error


def _cell(config: PaperTablesConfig, name: str, row: TableRowConfig, test: str, out: Path) -> Cell:
    folder = out / name / test
    if row.renders:
        open_renders(_renders(row, test))
        return Cell(name, test, folder, None)
    found = config_files.load_as(EvaluationConfig, row.evaluation.replace(TEST, test))
    table = TABLE_OF[test]
    scored = dataclasses.replace(
        found.scored, novel_views=test != "wild", semantic=table in (1, 2), consistency=table in (1, 2)
    )
    evaluation = dataclasses.replace(
        found,
        table=table,
        scored=scored,
        data=dataclasses.replace(found.data, root=config.root, limit=config.limit),
        networks=config.networks,
        calibration=CalibrationConfig(row.distances if scored.novel_views else (), _SCOPE),
        bootstrap=config.bootstrap,
    )
    open_instances(evaluation)
    return Cell(name, test, folder, evaluation)


def _renders(row: TableRowConfig, test: str) -> Path:
    return Path(row.renders.replace(TEST, test))


def _score(tables: Tables, cell: Cell, row: TableRowConfig) -> int:
    if cell.evaluation is None:
        return evaluate_renders(_renders(row, cell.test), cell.folder, method=row.label, options=tables.config.networks)
    model = tables.models[cell.row]
    if is_scored(cell.folder, cell.evaluation, {"path": str(model.source), "step": model.step}):
        say(f"finished   {cell.folder}")
        return 0
    return evaluate(cell.evaluation, model, cell.folder, method=row.label)


def publish_tables(tables: Tables) -> None:
    """Writes `tables.md` and `tables.json` of what is finished."""
    parts, tree = [], {}
    for test in dict.fromkeys(cell.test for cell in tables.cells):
        done = [cell for cell in tables.cells if cell.test == test and (cell.folder / SUMMARY).exists()]
        metrics = {cell.row: load_metrics(cell.folder / SUMMARY) for cell in done}
        deltas = _deltas(tables.config, {cell.row: _rows(tables.config, cell) for cell in done})
        parts.append(_markdown(tables.config, test, metrics, deltas, _left_out(done)))
        tree[test] = {
            "table": TABLE_OF[test],
            "rows": {row: {key: dataclasses.asdict(x) for key, x in found.items()} for row, found in metrics.items()},
            "deltas": [
                {"better": pair[0], "worse": pair[1]} | {key: dataclasses.asdict(x) for key, x in found.items()}
                for pair, found in deltas.items()
            ],
        }
    write_result(tables.out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n")
    write_result(tables.out / MARKDOWN, "\n".join(parts))


def _rows(config: PaperTablesConfig, cell: Cell) -> dict[str, Row]:
    """The objects' scores by name; of a row with a search, at the distance that the paper chooses."""
    rows = at_fitted_distance(load_rows(cell.folder), config.rows[cell.row].distances, _SCOPE, _SHOWN)
    return {row.key: row for row in rows}


def _deltas(
    config: PaperTablesConfig, rows: Mapping[str, Mapping[str, Row]]
) -> dict[tuple[str, str], dict[str, Difference]]:
    """The differences of the config's pairs, of the objects that both rows of a pair have scored."""
    found = {}
    for better, worse in config.deltas:
        mine, theirs = rows.get(better, {}), rows.get(worse, {})
        shared = [(row, theirs[key]) for key, row in mine.items() if key in theirs]
        if shared:
            found[better, worse] = paired(shared, level=config.bootstrap.level, resamples=config.bootstrap.resamples)
    return found


def _left_out(cells: Sequence[Cell]) -> dict[str, str]:
    """Why a metric is missing, by its name, in any of the rows."""
    found: dict[str, str] = {}
    for cell in cells:
        found |= read_json(cell.folder / SUMMARY, remedy="delete it, and it is written again")["about"]["left out"]
    return found


def _markdown(
    config: PaperTablesConfig,
    test: str,
    metrics: Mapping[str, Mapping[str, Metric]],
    deltas: Mapping[tuple[str, str], Mapping[str, Difference]],
    left_out: Mapping[str, str],
) -> str:
    table = TABLE_OF[test]
    heading = f"## Table {table}: {TEST_SETS[test].title}\n\n"
    columns = ordered({key: metric for found in metrics.values() for key, metric in found.items()}, table)
    if not columns:
        return f"{heading}Nothing is scored yet.\n"
    lines = table_heads(columns)
    for row, found in metrics.items():
        lines += method_lines(found, columns, config.rows[row].label)
    for (better, worse), found in deltas.items():
        labels = f"{_called(config, better)} - {_called(config, worse)}"
        lines.append([labels, *(difference_cell(found.get(key), key) for key in columns)])
    first = next(iter(metrics.values()))
    plain = {key: metric for key, metric in first.items() if key in columns}
    said = [
        *notes(plain, left_out),
        f"- Differences are paired object by object; in brackets {config.bootstrap.level:.0%} bootstrap intervals.",
    ]
    return heading + "\n".join([*in_markdown(with_bold_titles(lines)), "", *said]) + "\n"


def _called(config: PaperTablesConfig, row: str) -> str:
    return config.rows[row].label + (" (distance searched)" if config.rows[row].distances else "")
