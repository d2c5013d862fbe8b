"""The ablation's table: what each row turns on, its scores with intervals, and by how much it differs from the base."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real3d_jax.ablation.rows import BASE, ROWS, START, Row
from real3d_jax.config.training import Config
from real3d_jax.perceptual.loading import RANDOM
from real3d_jax.scoring.comparison import Difference, paired
from real3d_jax.scoring.config import BootstrapConfig
from real3d_jax.scoring.publish import SUMMARY
from real3d_jax.scoring.results import load_rows, load_settings, write_whole
from real3d_jax.scoring.summary import Metric
from real3d_jax.scoring.tables import cell, cell_of, load_metrics, ordered, title
from real3d_jax.training.objective import uses_lpips

JSON, MARKDOWN = "ablation.json", "ablation.md"
_SWITCHES = ("L_in", "Clean data", "Semantic guidance", "Cycle consistency", "Curriculum")


@dataclasses.dataclass(frozen=True)
class Scored:
    """A finished row.

    Attributes:
      results: folder of its evaluation.
      config: it was trained with; None for a start that was given.
    """

    results: Path
    config: Config | None


def publish(out: Path, scored: Mapping[str, Scored], failed: Mapping[str, str], *, bootstrap: BootstrapConfig) -> None:
    """Writes `ablation.json` and `ablation.md`.

    Args:
      out: folder for both.
      scored: finished rows by name, in the table's order.
      failed: why a row has no numbers.
      bootstrap: of the differences' intervals.
    """
    metrics = {name: load_metrics(row.results / SUMMARY) for name, row in scored.items()}
    differences = _differences(scored, bootstrap)
    notes = _notes(scored, failed)
    rows = {
        name: {
            "switches": None if name == START else dataclasses.asdict(ROWS[name]),
            **_budget(row.config),
            "metrics": {key: dataclasses.asdict(metric) for key, metric in metrics[name].items()},
            "minus_base": {key: dataclasses.asdict(found) for key, found in differences.get(name, {}).items()},
        }
        for name, row in scored.items()
    }
    tree = {"rows": rows, "failed": dict(failed), "notes": notes, "evaluation": _about(scored)}
    write_whole(out / JSON, json.dumps(tree, indent=1, allow_nan=False) + "\n")
    write_whole(out / MARKDOWN, _markdown(metrics, differences, notes, table=_table(scored)))


def _differences(scored: Mapping[str, Scored], bootstrap: BootstrapConfig) -> dict[str, dict[str, Difference]]:
    """Each row minus the base, object by object; nothing without a base."""
    if BASE not in scored:
        return {}
    base = {row.key: row for row in load_rows(scored[BASE].results)}
    found = {}
    for name, other in scored.items():
        pairs = [(row, base[row.key]) for row in load_rows(other.results) if row.key in base]
        if name != BASE and pairs:
            found[name] = paired(pairs, level=bootstrap.level, resamples=bootstrap.resamples)
    return found


def _budget(config: Config | None) -> dict[str, Any]:
    if config is None:
        return {}
    return {
        "steps": config.schedule.steps,
        "seed": config.seed,
        "init_from": config.init_from,
        "batch": {"synthetic": config.batch.synthetic, "real": config.batch.real},
    }


def _about(scored: Mapping[str, Scored]) -> dict[str, Any]:
    return next((json.loads((row.results / SUMMARY).read_text())["about"] for row in scored.values()), {})


def _table(scored: Mapping[str, Scored]) -> int:
    return next((int(load_settings(row.results)["config"]["table"]) for row in scored.values()), 3)


def _markdown(
    metrics: Mapping[str, Mapping[str, Metric]],
    differences: Mapping[str, Mapping[str, Difference]],
    notes: list[str],
    *,
    table: int,
) -> str:
    columns = ordered({key: metric for found in metrics.values() for key, metric in found.items()}, table)
    heads = ["Row", "Table 5", *_SWITCHES, *map(title, columns), *(f"{title(key)}, minus base" for key in columns)]
    lines = [heads, ["---"] * len(heads)]
    for name, found in metrics.items():
        switches = ["stage 0"] + [""] * len(_SWITCHES) if name == START else _switches(ROWS[name])
        scores = [cell(found.get(key), key) for key in columns]
        lines.append([f"`{name}`", *switches, *scores, *_minus_base(name, differences.get(name, {}), columns)])
    said = [f"- {note}" for note in notes]
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", *said]) + "\n"


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
    if name == BASE:
        return ["0"] * len(columns)
    cells = []
    for key in columns:
        difference = found.get(key)
        if difference is None:
            cells.append("-")
            continue
        p = "" if difference.p is None else f", p {difference.p:.4f}"
        cells.append(cell_of(difference.mean, difference.interval, key) + p)
    return cells


def _notes(scored: Mapping[str, Scored], failed: Mapping[str, str]) -> list[str]:
    """What a reader of the table has to know."""
    configs = {name: row.config for name, row in scored.items() if row.config is not None}
    rows = {name: config for name, config in configs.items() if name != START}
    about = _about(scored)
    said = []
    for config in list(rows.values())[:1]:
        said.append(
            f"Every row begins with `{config.init_from}` (the line `{START}`) and takes {config.schedule.steps} steps "
            f"with seed {config.seed} and {config.batch.synthetic} supervised objects a step. `{BASE}` goes on "
            "supervised; the others take photographs beside."
        )
    if about:
        level = load_settings(next(iter(scored.values())).results)["config"]["bootstrap"]["level"]
        said.append(
            f"Scored on {about['objects']} objects of '{about['test set']}', protocol '{about['protocol']}'. In "
            f"brackets {level:.0%} bootstrap intervals over objects; of differences, paired object by object. They say "
            "nothing of the spread between seeds."
        )
        said += [f"`{name}` is left out: {reason}" for name, reason in about["left out"].items()]
        said += list(about["warnings"])
    return [*said, *network_notes(configs), *(f"`{name}` failed: {reason}" for name, reason in failed.items())]


def network_notes(configs: Mapping[str, Config]) -> list[str]:
    """Which rows were not judged by the networks of the paper. A row without photographs has no semantic loss."""
    semantic = {name: c.perceptual for name, c in configs.items() if c.batch.real and c.losses.semantic.weight}
    standing_in = [name for name, networks in semantic.items() if networks.efficientnet]
    random = [name for name, networks in semantic.items() if not networks.efficientnet and networks.clip == RANDOM]
    said = []
    if standing_in:
        said.append(
            f"The semantic loss of {_listed(standing_in)} was computed by EfficientNet-Lite0, trained on ImageNet, in "
            "place of CLIP."
        )
    if random:
        said.append(
            f"The semantic loss of {_listed(random)} was computed by a CLIP with random weights: it runs, but its "
            "guidance means nothing here, and neither do differences that are due to it."
        )
    lpips = [n for n, c in configs.items() if uses_lpips(c) and c.perceptual.vgg == RANDOM]
    if lpips:
        said.append(
            f"The LPIPS loss of {_listed(lpips)} was computed by a VGG16 with random weights and means nothing."
        )
    return said


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
