"""Figure 5: what a share of the photographs gains on each test set, as picture (`figure_5.svg`), table and JSON."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from real3d_jax.ablation.paper_sets import TEST_SETS, folder_of
from real3d_jax.ablation.plan import Ablation
from real3d_jax.ablation.pooling import Scored, pooled_differences, pooled_metrics
from real3d_jax.ablation.rows import BASE, FIGURE_5, FULL, ROWS, row_of
from real3d_jax.evaluation.comparison import Difference, difference_cell
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import cell, heading, in_markdown
from real3d_jax.reports.curves import Line, Panel, Point, curves
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import write_result

SVG, MARKDOWN, JSON = "figure_5.svg", "figure_5.md", "figure_5.json"
_SHARES = {BASE: 0.0} | {row: ROWS[row].fraction for row in (*FIGURE_5, FULL)}
_COLOUR = "#1f6fb4"


@dataclasses.dataclass(frozen=True)
class _Share:
    """A row's PSNR on a test set, and its difference to the base, which has no photographs."""

    metric: Metric
    gain: Difference | None


def publish_figure(ablation: Ablation, failed: Mapping[str, str]) -> None:
    """Writes the three files of what is finished; `failed` says why a run has no numbers."""
    panels = {test: _shares(ablation, test) for test in ablation.test_sets}
    level = ablation.evaluation.bootstrap.level
    tree = {
        "panels": {
            test: {
                "metric": _metric(test),
                "shares": [{"row": row, "share": _SHARES[row], **dataclasses.asdict(x)} for row, x in found.items()],
            }
            for test, found in panels.items()
        },
        "level": level,
        "failed": dict(failed),
    }
    write_result(ablation.out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n", several_writers=True)
    text = _markdown(panels, level, failed)
    write_result(ablation.out / MARKDOWN, text, several_writers=True)
    write_result(ablation.out / SVG, _picture(panels), several_writers=True)
    if all(len(found) == len(_SHARES) for found in panels.values()):
        say(text.rstrip())
        say(f"figure     {ablation.out / SVG}")


def _metric(test: str) -> str:
    return f"{TEST_SETS[test].scored}psnr"


def _shares(ablation: Ablation, test: str) -> dict[str, _Share]:
    """The finished rows with PSNR, from no photographs to all."""
    runs = {row: _runs(ablation, test, row) for row in _SHARES}
    bootstrap, name = ablation.evaluation.bootstrap, _metric(test)
    found = {}
    for row in (row for row, scored in runs.items() if scored):
        metric = pooled_metrics(runs[row], bootstrap).get(name)
        gain = None if row == BASE else pooled_differences(runs[row], runs[BASE], bootstrap).get(name)
        if metric is not None:
            found[row] = _Share(metric, gain)
    return found


def _runs(ablation: Ablation, test: str, row: str) -> Sequence[Scored]:
    evaluation, main = ablation.test_sets[test], ablation.evaluation
    found = [(folder_of(ablation.out, name, test, evaluation, main), name) for name in ablation.configs]
    return [
        Scored(folder, ablation.configs[name])
        for folder, name in found
        if row_of(name) == row and (folder / SUMMARY).exists()
    ]


def _markdown(panels: Mapping[str, Mapping[str, _Share]], level: float, failed: Mapping[str, str]) -> str:
    heads = ["Photographs"]
    for test in panels:
        name = f"{TEST_SETS[test].title}: {heading(_metric(test))}"
        heads += [name, f"{name}, gain"]
    lines = [heads]
    for row in (row for row in _SHARES if any(row in found for found in panels.values())):
        cells = []
        for test, found in panels.items():
            share = found.get(row)
            cells += [cell(share and share.metric, _metric(test))]
            cells += ["0" if row == BASE else difference_cell(share and share.gain, _metric(test))]
        lines.append([f"{_SHARES[row]:.0%}", *cells])
    said = (
        f"Gains are over `{BASE}`, which takes as many steps without photographs; in brackets {level:.0%} bootstrap "
        "intervals, paired object by object, and seed by seed where there are several."
    )
    wrong = [f"`{name}` failed: {reason}" for name, reason in failed.items()]
    return "\n".join([*in_markdown(lines), "", said, *wrong]) + "\n"


def _picture(panels: Mapping[str, Mapping[str, _Share]]) -> str:
    drawn = []
    for number, (test, found) in enumerate(panels.items()):
        points = [Point(0.0, 0.0, None)] if BASE in found else []
        points += [
            Point(_SHARES[row], share.gain.mean, share.gain.interval) for row, share in found.items() if share.gain
        ]
        what = "self-consistency" if TEST_SETS[test].scored else "novel views"
        title = f"({'abcd'[number]}) {TEST_SETS[test].title}, {what}: gain in PSNR, dB"
        drawn.append(Panel(title, [Line("", _COLOUR, points)], empty="no row is finished"))
    return curves(drawn, x_title="share of the photographs", label="{:.0%}".format)
