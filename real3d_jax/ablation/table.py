"""The ablation's tables: what a row turns on, its scores, by how much it differs from the base; and the claims."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from real3d_jax.ablation.claims import ClaimResult, claim_results
from real3d_jax.ablation.notes import notes
from real3d_jax.ablation.pooling import Scored, pooled_differences, pooled_metrics
from real3d_jax.ablation.rows import BASE, ROWS, START, Row
from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.evaluation.comparison import Difference, difference_cell
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.results import load_settings
from real3d_jax.evaluation.summary import Metric
from real3d_jax.evaluation.tables import cell, heading, in_markdown, ordered
from real3d_jax.runtime.folders import write_result

JSON, MARKDOWN = "ablation.json", "ablation.md"
_SWITCHES = ("L_in", "Clean data", "Semantic guidance", "Cycle consistency", "Curriculum")


def publish(
    out: Path,
    scored: Mapping[str, Sequence[Scored]],
    failed: Mapping[str, str],
    *,
    bootstrap: BootstrapConfig,
    about_start: str,
) -> None:
    """Writes `ablation.json` and `ablation.md`.

    Args:
      out: folder for both.
      scored: finished runs of each row, one a seed, by its name and in the table's order.
      failed: why a run has no numbers.
      bootstrap: of the intervals of differences, and of everything that several seeds are pooled for.
      about_start: what is known of stage 0, for the notes.
    """
    metrics = {name: pooled_metrics(runs, bootstrap) for name, runs in scored.items()}
    differences = _differences(scored, bootstrap)
    about = _about(scored)
    said = notes(scored, failed, about, about_start)
    rows = {
        name: {
            "switches": None if name == START else dataclasses.asdict(ROWS[name]),
            **_budget(runs),
            "metrics": {key: dataclasses.asdict(metric) for key, metric in metrics[name].items()},
            "minus_base": {key: dataclasses.asdict(found) for key, found in differences.get(name, {}).items()},
        }
        for name, runs in scored.items()
    }
    claims = claim_results(scored, bootstrap)
    tree = {
        "rows": rows,
        "claims": [
            {**found.claim._asdict(), "seeds": found.seeds}
            | {"difference": {key: dataclasses.asdict(value) for key, value in found.differences.items()}}
            for found in claims
        ],
        "failed": dict(failed),
        "notes": said,
        "evaluation": about,
    }
    write_result(out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n", several_writers=True)
    text = _markdown(metrics, differences, claims, said, table=_table(scored))
    write_result(out / MARKDOWN, text, several_writers=True)  # commands with other rows may go beside


def _differences(
    scored: Mapping[str, Sequence[Scored]], bootstrap: BootstrapConfig
) -> dict[str, dict[str, Difference]]:
    """Each row minus the base; nothing without a base. Stage 0 stands beside the base of every seed."""
    base = scored.get(BASE, ())
    found = {}
    for name, runs in scored.items():
        if name == START:
            runs = [dataclasses.replace(runs[0], config=other.config) for other in base]
        if name != BASE and (differences := pooled_differences(runs, base, bootstrap)):
            found[name] = differences
    return found


def _budget(runs: Sequence[Scored]) -> dict[str, Any]:
    configs = [run.config for run in runs if run.config is not None]
    if not configs:
        return {}
    config = configs[0]
    return {
        "steps": config.schedule.steps,
        "seeds": [config.seed for config in configs],
        "init_from": config.init_from,
        "batch": {"synthetic": config.batch.synthetic, "real": config.batch.real},
    }


def _about(scored: Mapping[str, Sequence[Scored]]) -> dict[str, Any]:
    """What the evaluation tells of itself, in the first finished run."""
    for runs in scored.values():
        first = runs[0].results
        level = load_settings(first)["config"]["bootstrap"]["level"]
        return json.loads((first / SUMMARY).read_text())["about"] | {"level": level}
    return {}


def _table(scored: Mapping[str, Sequence[Scored]]) -> int:
    return next((int(load_settings(runs[0].results)["config"]["table"]) for runs in scored.values()), 3)


def _markdown(
    metrics: Mapping[str, Mapping[str, Metric]],
    differences: Mapping[str, Mapping[str, Difference]],
    claims: Sequence[ClaimResult],
    notes: list[str],
    *,
    table: int,
) -> str:
    columns = ordered({key: metric for found in metrics.values() for key, metric in found.items()}, table)
    heads = ["Row", "Table 5", *_SWITCHES, *map(heading, columns), *(f"{heading(key)}, minus base" for key in columns)]
    lines = [heads]
    for name, found in metrics.items():
        switches = ["stage 0"] + [""] * len(_SWITCHES) if name == START else _switches(ROWS[name])
        scores = [cell(found.get(key), key) for key in columns]
        lines.append([f"`{name}`", *switches, *scores, *_minus_base(name, differences.get(name, {}), columns)])
    said = [f"- {note}" for note in notes]
    return "\n".join([*in_markdown(lines), "", *_claims(claims, columns), *said]) + "\n"


def _claims(claims: Sequence[ClaimResult], columns: list[str]) -> list[str]:
    """The table of the paper's claims; nothing without one."""
    if not claims:
        return []
    heads = ["Claim", "Rows", "Seeds", *map(heading, columns)]
    lines = [heads]
    for found in claims:
        rows = f"`{found.claim.better}` minus `{found.claim.worse}`"
        lines.append(
            [
                found.claim.words,
                rows,
                str(found.seeds),
                *(difference_cell(found.differences.get(key), key) for key in columns),
            ]
        )
    return [*in_markdown(lines), ""]


def _switches(row: Row) -> list[str]:
    marks = {True: "yes", False: "-"}
    return [
        row.label,
        marks[row.input_view],
        marks[row.clean],
        row.semantic or "-",
        row.cycle or "-",
        marks[row.curriculum],
    ]


def _minus_base(name: str, found: Mapping[str, Difference], columns: list[str]) -> list[str]:
    return ["0" if name == BASE else difference_cell(found.get(key), key) for key in columns]
