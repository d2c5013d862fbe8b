"""Writes what an evaluation found: `results.csv`, `summary.json`, `table.md`, `timing.json` and `report.html`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.evaluation.cases import Case, choose_cases, difference, mean_scores, to_pixels
from real3d_jax.evaluation.networks import Networks
from real3d_jax.evaluation.report import write_report
from real3d_jax.evaluation.results import Results, Row
from real3d_jax.evaluation.scored_objects import Instances
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.evaluation.summary import FITTED, Metric, fit_distances, set_metrics, summarise
from real3d_jax.evaluation.tables import markdown, write_csv, write_summary
from real3d_jax.metrics.frechet import few_images_warning
from real3d_jax.runtime import hosts
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import write_result

CSV, SUMMARY, TABLE, REPORT, TIMING = "results.csv", "summary.json", "table.md", "report.html", "timing.json"


def publish_evaluation(
    config: EvaluationConfig,
    instances: Instances,
    results: Results,
    scorer: Scorer,
    networks: Networks,
    *,
    method: str,
    cases: Sequence[Case],
) -> None:
    """Writes the results of a checkpoint, with the `cases` of `draw_cases`."""
    rows, left_out = [results.rows[key] for key in instances.keys], dict(networks.left_out)
    search, bootstrap = config.calibration, config.bootstrap
    metrics = summarise(rows, bootstrap=bootstrap, seed=config.seed, distances=search.distances, scope=search.scope)
    if config.scored.semantic:
        metrics |= set_metrics(results.folder, instances.keys, seed=config.seed)
    fitted = fit_distances(rows, search.distances, search.scope)
    distances = {name: [search.distances[k] for k in chosen] for name, chosen in fitted.items()}
    about = {
        "method": method,
        "test set": config.name,
        "protocol": config.protocol.name,
        "objects": len(rows),
        "confidence level": config.bootstrap.level,
        "left out": left_out,
        "warnings": warnings(metrics, networks),
    }
    if fitted:
        about["fitted"] = {name: FITTED[name] for name in fitted} | {"scope": search.scope}
    publish(
        results.folder,
        rows=rows,
        metrics=metrics,
        about=about,
        table=config.table,
        distances=distances,
        cases=cases,
    )
    write_result(
        results.folder / TIMING,
        json.dumps({"seconds": {name: round(x, 3) for name, x in scorer.seconds.items()}}, indent=1) + "\n",
    )
    for stage, seconds in sorted(scorer.seconds.items(), key=lambda item: -item[1]):
        say(f"time       {stage}: {seconds:.1f} s")


def publish(
    folder: Path,
    *,
    rows: Sequence[Row],
    metrics: Mapping[str, Metric],
    about: Mapping[str, object],
    table: int,
    distances: Mapping[str, Sequence[float]],
    cases: Sequence[Case],
) -> None:
    """Writes tables and report into `folder`, and says the table."""
    method, left_out, said = str(about["method"]), about["left out"], about["warnings"]
    assert isinstance(left_out, Mapping) and isinstance(said, Sequence)
    write_csv(folder / CSV, rows, distances)
    write_summary(folder / SUMMARY, metrics, about)
    text = markdown(metrics, table=table, method=method, left_out=left_out, warnings=said)
    write_result(folder / TABLE, text)
    write_report(
        folder / REPORT,
        heading=f"{method} on {about['test set']}",
        about={name: value for name, value in about.items() if value and name not in ("method", "left out")},
        rows=rows,
        metrics=metrics,
        table=table,
        method=method,
        left_out=left_out,
        cases=cases,
    )
    say(text.rstrip())
    say(f"report     {folder / REPORT}")


def warnings(metrics: Mapping[str, Metric], networks: Networks) -> list[str]:
    """What a reader of the numbers has to know."""
    said = [f"{name} has random weights and means nothing." for name in networks.meaningless]
    found = metrics.get("semantic_fid")
    return said + ([warning] if found is not None and (warning := few_images_warning(found.count)) else [])


def draw_cases(config: EvaluationConfig, instances: Instances, results: Results | None, scorer: Scorer) -> list[Case]:
    """The objects to show. The process that has `results` chooses them, all processes read and draw them."""
    rows = [results.rows[key] for key in instances.keys] if results is not None else []
    chosen = hosts.from_process(0, choose_cases(rows, config.cases))
    cases = []
    for start in range(0, len(chosen), scorer.batch_size):
        part = chosen[start : start + scorer.batch_size]
        with hosts.together():
            read = [instances.read(number) for _, number in part]
        for (label, number), instance, renders in zip(part, read, scorer.draw(read), strict=True):
            strips = {"input": [instance["input_rgb"]]}
            if "novel" in renders:
                rendered, true = to_pixels(renders["novel"]), list(instance["rgb"])
                strips |= {"true views": true, "rendered": rendered, "difference": difference(true, rendered)}
            strips["around"] = to_pixels(renders["around"])
            scores = mean_scores(rows[number]) if rows else {}
            cases.append(Case(label, instances.keys[number], scores, strips))
    return cases
