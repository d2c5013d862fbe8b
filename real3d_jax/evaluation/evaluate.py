"""An evaluation run: reads objects, scores them batch by batch, keeps what came out, and writes tables and report."""

import contextlib
import itertools
import sys
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
from tqdm import tqdm

from real3d_jax.checkpoints.trained_model import Checkpoint, TrainedModel, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation.geometry import check_geometry
from real3d_jax.evaluation.networks import Networks, load_networks
from real3d_jax.evaluation.publish import draw_cases, publish_evaluation
from real3d_jax.evaluation.results import Results
from real3d_jax.evaluation.scored_objects import Instance, Instances, open_instances
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.evaluation.tables import TABLES
from real3d_jax.runtime import compiler_options, hosts
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stopping import StopRequest

_AHEAD = 2  # batches read ahead
_PATIENCE = 20.0  # seconds in which a batch has to end after a signal; it may wait for the compiler


def evaluate(config: EvaluationConfig, model: TrainedModel, out: Path, *, method: str) -> int:
    """Scores a model, or goes on scoring it, and writes the results into `out`.

    Returns:
      The exit code: 0 once everything is written; 143 (SIGTERM) or 130 (Ctrl-C) when it was stopped early.

    Raises:
      UserError: something in config, data, checkpoint or folder has to be put right first.
    """
    with (
        StopRequest(patience=_PATIENCE) as stop,
        compiler_options.matmul_precision(config.compute.matmul_precision),
        contextlib.ExitStack() as stack,
    ):
        with hosts.together():
            _check(config)
            loaded = load_checkpoint(model, config)
        instances = hosts.first_then_others(lambda: open_instances(config))
        with hosts.together():
            check_geometry(config.geometry, instances.keys)
            networks = _load_networks(config)
        settings = _settings(config, loaded, networks, method)
        hosts.check_same(
            {
                "settings": settings["config"],
                "parameters": loaded.crc32,
                "missing networks": settings["left_out"],
                "objects": instances.keys,
            }
        )
        with hosts.together():
            results = stack.enter_context(contextlib.closing(Results(out, settings))) if hosts.is_first() else None
            scorer = Scorer(config, loaded.params, networks)
        _describe(config, loaded, instances, networks, out)
        stop.begin()
        done = _score_rest(instances, results, scorer, stop, workers=config.data.workers)
        if stop.stopped:
            say(f"stopped by {stop.name} after {done} of {len(instances)} objects; the same command goes on")
            return stop.exit_code
        cases = draw_cases(config, instances, results, scorer)
        with hosts.together():
            if results is not None:
                publish_evaluation(config, instances, results, scorer, networks, method=method, cases=cases)
    return 0


def _check(config: EvaluationConfig) -> None:
    if config.table not in TABLES:
        raise UserError(f"config.table is {config.table}: give the number of one of the paper's tables, 1 to 4.")
    if config.batch_per_device < 1:
        raise UserError(f"config.batch_per_device is {config.batch_per_device}: set it to at least 1.")
    if config.geometry.meshes and not hosts.is_alone():
        raise UserError("One process alone scores meshes: leave out --multihost, or set config.geometry.meshes to ''.")


def _score_rest(
    instances: Instances, results: Results | None, scorer: Scorer, stop: StopRequest, *, workers: int
) -> int:
    """Scores the objects that have no row yet, and returns how many have one then.

    Batches always hold the same objects, so a resumed run repeats them.
    """
    keys = instances.keys
    done = set(hosts.from_process(0, list(results.rows) if results is not None else None))
    batches = [range(len(keys))[start : start + scorer.batch_size] for start in range(0, len(keys), scorer.batch_size)]
    missing = [batch for batch in batches if any(keys[number] not in done for number in batch)]
    parts = [[batch[place] for place in scorer.needed(len(batch))] for batch in missing]
    initial = len(keys) - sum(map(len, missing))
    interval = 0.5 if sys.stderr.isatty() else 10.0
    quiet = results is None
    with (
        tqdm(
            total=len(keys), initial=initial, unit="object", mininterval=interval, dynamic_ncols=True, disable=quiet
        ) as bar,
        contextlib.closing(read_ahead(parts, instances.read, workers=workers)) as reader,
    ):
        for number, (batch, part) in enumerate(zip(missing, parts, strict=True), 1):
            with hosts.together():
                read = dict(zip(part, next(reader), strict=True))
            rows = scorer.score([(keys[item], read.get(item)) for item in batch])
            with hosts.together():
                if results is not None:
                    for row in rows:
                        results.append(row)
            done.update(row.key for row in rows)
            bar.update(len(batch))
            if stop.requested(number) and number < len(missing):
                break
    return len(done)


def read_ahead(
    batches: Sequence[Sequence[int]], read: Callable[[int], Instance], *, workers: int
) -> Generator[list[Instance]]:
    """The objects of each batch, read by threads while the batch before is scored."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[list[Future[Instance]]] = deque()
        remaining = iter(batches)
        try:
            while True:
                for batch in itertools.islice(remaining, 1 + _AHEAD - len(waiting)):
                    waiting.append([pool.submit(read, number) for number in batch])
                if not waiting:
                    return
                yield [future.result() for future in waiting.popleft()]
        finally:
            pool.shutdown(cancel_futures=True)


def _load_networks(config: EvaluationConfig) -> Networks:
    scored = config.scored
    return load_networks(
        config.networks,
        lpips=scored.novel_views or scored.semantic or scored.consistency,
        semantic=scored.semantic,
        seed=config.seed,
        where="config.networks.",
    )


def _settings(config: EvaluationConfig, checkpoint: Checkpoint, networks: Networks, method: str) -> dict:
    return {
        "kind": "checkpoint",
        "method": method,
        "checkpoint": checkpoint.about,
        "left_out": sorted(networks.left_out),
        "config": config_files.to_tree(config),
    }


def _describe(
    config: EvaluationConfig, checkpoint: Checkpoint, instances: Instances, networks: Networks, out: Path
) -> None:
    say(f"devices    {jax.device_count()} x {jax.devices()[0].device_kind}")
    say(f"checkpoint {checkpoint.title}")
    say(f"data       {len(instances)} objects of '{instances.data.folder}', protocol '{config.protocol.name}'")
    for name, reason in networks.left_out.items():
        say(f"left out   {name}: {reason}")
    for name in networks.meaningless:
        say(f"warning    {name} has random weights and means nothing")
    say(f"results    {out}")
