"""`gains.md`, `table_6.md` and `gains.json`: rows, what each gains over another, and Table 6 as the paper has it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from real3d_jax.ablation.paper_sets import TEST_SETS
from real3d_jax.ablation.pooling import Scored, difference_of_gains, pooled_differences, pooled_metrics
from real3d_jax.ablation.rows import BASE, GAIN_ROWS, GAIN_STARTS, row_of
from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.config.training import Config
from real3d_jax.evaluation.comparison import Difference, as_gain, difference_cell
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import cell, heading, in_markdown, ordered, title
from real3d_jax.runtime.folders import write_result

JSON, MARKDOWN, TABLE_6 = "gains.json", "gains.md", "table_6.md"
MULTI_VIEW = ("lrm_real", "lrm")
SELF_TRAINING = {"real3d": "Real3D - TripoSR (single views)", "real3d_wild": "Real3D - TripoSR (in the wild)"}
_MORE = {"real3d": "single views' gain - multi-view's", "real3d_wild": "in the wild's gain - multi-view's"}
_IN_TABLE_6 = ("psnr", "ssim", "lpips")

_Scores = Mapping[str, Sequence[Scored]]  # finished runs, by row
_Differences = dict[str, Difference]  # by metric


def publish_gains(
    out: Path,
    scored: Mapping[str, _Scores],
    failed: Mapping[str, str],
    *,
    configs: Mapping[str, Config],
    bootstrap: BootstrapConfig,
    table: int,
) -> str:
    """Writes the files, and returns what a reader sees.

    Args:
      out: folder for them.
      scored: finished runs of each row, by test set; '' is what every run is scored on.
      failed: why a run has no numbers.
      configs: of all runs.
      bootstrap: of the intervals.
      table: the paper's table in whose order columns stand.
    """
    metrics = {test: {row: pooled_metrics(runs, bootstrap) for row, runs in of.items()} for test, of in scored.items()}
    deltas = {test: _deltas(of, bootstrap) for test, of in scored.items()}
    sets = {test: _as_json(metrics[test], deltas[test]) for test in scored}
    tree = {**sets[""], "test_sets": {test: found for test, found in sets.items() if test}, "failed": dict(failed)}
    write_result(out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n", several_writers=True)
    lines: list[str] = []
    several = len(scored) > 1
    for test in [test for test in scored if test] if several else scored:
        lines += [f"## {TEST_SETS[test].title}", ""] if several else []
        lines += [*_markdown(metrics[test], deltas[test], table), ""]
    table_6 = _table_6({test: of for test, of in scored.items() if test}, bootstrap)
    if table_6:
        write_result(out / TABLE_6, "\n".join(table_6) + "\n", several_writers=True)
        lines += ["## Table 6", "", *table_6, ""]
    said = [f"`{name}` failed: {reason}" for name, reason in failed.items()]
    text = "\n".join([*lines, _note(configs, scored, bootstrap), *said]) + "\n"
    write_result(out / MARKDOWN, text, several_writers=True)
    return text


def _deltas(scored: _Scores, bootstrap: BootstrapConfig) -> dict[str, _Differences]:
    found = {"LRM* - LRM (multi-view)": pooled_differences(*_of(scored, MULTI_VIEW), bootstrap=bootstrap)}
    for row, words in SELF_TRAINING.items():
        gained = _of(scored, (row, BASE))
        found[words] = pooled_differences(*gained, bootstrap=bootstrap)
        found[_MORE[row]] = difference_of_gains([gained, _of(scored, MULTI_VIEW)], bootstrap)
    return {words: differences for words, differences in found.items() if differences}


def _of(scored: _Scores, pair: tuple[str, str]) -> tuple[Sequence[Scored], Sequence[Scored]]:
    return scored.get(pair[0], ()), scored.get(pair[1], ())


def _as_json(metrics: Mapping[str, Mapping[str, Metric]], deltas: Mapping[str, _Differences]) -> dict:
    def plain(found: Mapping[str, Mapping]) -> dict:
        return {name: {key: dataclasses.asdict(x) for key, x in of.items()} for name, of in found.items()}

    return {"rows": plain(metrics), "deltas": plain(deltas)}


def _markdown(metrics: Mapping[str, Mapping[str, Metric]], deltas: Mapping[str, _Differences], table: int) -> list[str]:
    columns = ordered({key: metric for found in metrics.values() for key, metric in found.items()}, table)
    names = {**GAIN_STARTS, **GAIN_ROWS}
    lines = [["Model", *map(heading, columns)]]
    lines += [[names[row], *(cell(found.get(key), key) for key in columns)] for row, found in metrics.items()]
    lines += [[words, *(difference_cell(found.get(key), key) for key in columns)] for words, found in deltas.items()]
    return in_markdown(lines)


def _table_6(scored: Mapping[str, _Scores], bootstrap: BootstrapConfig) -> list[str]:
    """The gains, above 0 where better, on all test sets; nothing without both gains on one of them.

    Where no Real3D has learnt of photographs in the wild, that of single views of the captures stands there.
    """
    rows = {row for of in scored.values() for row in of}
    ours = next((row for row in ("real3d_wild", "real3d") if row in rows), "")
    found: dict[str, dict[str, str]] = {}
    columns: dict[str, str] = {}
    for test, of in scored.items():
        multi_view, gained = _of(of, MULTI_VIEW), _of(of, (ours, BASE))
        lines = {
            "Δ multi-view": pooled_differences(*multi_view, bootstrap=bootstrap),
            "Δ ours": pooled_differences(*gained, bootstrap=bootstrap),
            "Δ ours - Δ multi-view": difference_of_gains([gained, multi_view], bootstrap),
        }
        if not all(lines.values()):
            continue
        for kind in _IN_TABLE_6:
            name = TEST_SETS[test].scored + kind
            if name in lines["Δ ours"]:
                columns[f"{test} {name}"] = f"{TEST_SETS[test].title} {title(name)}"
                for words, differences in lines.items():
                    shown = difference_cell(as_gain(differences[name], name), name)
                    found.setdefault(words, {})[f"{test} {name}"] = shown
    if not columns:
        return []
    consistent = [TEST_SETS[test].title for test in scored if TEST_SETS[test].scored]
    return [
        *in_markdown(
            [["Gain", *columns.values()], *([words, *(of[key] for key in columns)] for words, of in found.items())]
        ),
        "",
        f"Above 0 is better, of LPIPS too. Δ multi-view: LRM* - LRM. Δ ours: {GAIN_ROWS[ours]} - TripoSR. "
        + (f"{', '.join(consistent)}: self-consistency; the others: novel views." if consistent else "Novel views."),
    ]


def _note(configs: Mapping[str, Config], scored: Mapping[str, _Scores], bootstrap: BootstrapConfig) -> str:
    runs = {row: config for name, config in configs.items() if (row := row_of(name)) in GAIN_ROWS}
    steps = ", ".join(f"{GAIN_ROWS[row]} {config.schedule.steps}" for row, config in runs.items())
    seeds = ", ".join(f"{GAIN_ROWS[row]} {len(scored[''].get(row, ()))}" for row in runs)
    return (
        f"Steps: {steps}. Seeds: {seeds}. In brackets {bootstrap.level:.0%} bootstrap intervals over objects, and "
        "seeds where there are several; of differences, paired object by object and seed by seed."
    )
