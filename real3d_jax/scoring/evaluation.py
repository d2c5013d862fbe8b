"""An evaluation run: reads objects, scores them batch by batch, keeps what came out, and writes tables and report."""

import contextlib
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
from tqdm import tqdm

from real3d_jax import compiler_options, config_files
from real3d_jax.errors import UserError
from real3d_jax.scoring.checkpoint import Checkpoint, load_checkpoint
from real3d_jax.scoring.config import EvaluationConfig
from real3d_jax.scoring.geometry import check_geometry
from real3d_jax.scoring.instances import Instance, Instances, open_instances
from real3d_jax.scoring.networks import Networks, load_networks
from real3d_jax.scoring.publish import publish_evaluation
from real3d_jax.scoring.results import Results
from real3d_jax.scoring.scorer import Scorer
from real3d_jax.scoring.tables import TABLES
from real3d_jax.training.reporting import say
from real3d_jax.training.stopping import StopRequest

_AHEAD = 2  # batches read ahead


def evaluate(config: EvaluationConfig, checkpoint: Path, out: Path, *, method: str, ema: bool = False) -> int:
    """Scores a checkpoint, or goes on scoring it, and writes the results into `out`.

    Returns:
      The exit code: 0 once everything is written; 143 (SIGTERM) or 130 (Ctrl-C) when it was stopped early.

    Raises:
      UserError: something in config, data, checkpoint or folder has to be put right first.
    """
    if config.table not in TABLES:
        raise UserError(f"config.table is {config.table}: give the number of one of the paper's tables, 1 to 4.")
    if config.batch_per_device < 1:
        raise UserError(f"config.batch_per_device is {config.batch_per_device}: set it to at least 1.")
    with StopRequest() as stop, compiler_options.matmul_precision(config.compute.matmul_precision):
        loaded = load_checkpoint(checkpoint, config, ema=ema)
        instances = open_instances(config)
        check_geometry(config.geometry, instances.keys)
        networks = _load_networks(config)
        with contextlib.closing(Results(out, _settings(config, loaded, networks, method))) as results:
            scorer = Scorer(config, loaded.params, networks)
            _describe(config, loaded, instances, networks, out)
            stop.begin()
            _score_rest(instances, results, scorer, stop, workers=config.data.workers)
            if stop.stopped:
                done = len(results.rows)
                say(f"stopped by {stop.name} after {done} of {len(instances)} objects; the same command goes on")
                return stop.exit_code
            publish_evaluation(config, instances, results, scorer, networks, method=method)
    return 0


def _score_rest(instances: Instances, results: Results, scorer: Scorer, stop: StopRequest, *, workers: int) -> None:
    """Scores the objects that have no row yet. Batches always hold the same objects, so a resumed run repeats them."""
    keys = instances.keys
    batches = [range(len(keys))[start : start + scorer.batch_size] for start in range(0, len(keys), scorer.batch_size)]
    missing = [batch for batch in batches if any(keys[number] not in results.rows for number in batch)]
    done = len(keys) - sum(map(len, missing))
    interval = 0.5 if sys.stderr.isatty() else 10.0
    with tqdm(total=len(keys), initial=done, unit="object", mininterval=interval, dynamic_ncols=True) as bar:
        for batch, read in read_ahead(missing, instances.read, workers=workers):
            for row in scorer.score([(keys[number], instance) for number, instance in zip(batch, read, strict=True)]):
                results.append(row)
            bar.update(len(batch))
            if stop.requested(bar.n) and bar.n < len(keys):
                return


def read_ahead(
    batches: Sequence[range], read: Callable[[int], Instance], *, workers: int
) -> Iterator[tuple[range, list[Instance]]]:
    """The objects of each batch, read by threads while the batch before is scored."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        waiting: deque[tuple[range, list[Future[Instance]]]] = deque()
        remaining = iter(batches)
        try:
            while True:
                for batch in itertools.islice(remaining, 1 + _AHEAD - len(waiting)):
                    waiting.append((batch, [pool.submit(read, number) for number in batch]))
                if not waiting:
                    return
                batch, futures = waiting.popleft()
                yield batch, [future.result() for future in futures]
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
        "checkpoint": {"path": str(checkpoint.path), "step": checkpoint.step, "crc32": checkpoint.crc32},
        "left_out": sorted(networks.left_out),
        "config": config_files.to_tree(config),
    }


def _describe(
    config: EvaluationConfig, checkpoint: Checkpoint, instances: Instances, networks: Networks, out: Path
) -> None:
    step = "" if checkpoint.step is None else f", step {checkpoint.step}"
    say(f"devices    {jax.device_count()} x {jax.devices()[0].device_kind}")
    say(f"checkpoint {checkpoint.path}{step}")
    say(f"data       {len(instances)} objects of '{instances.data.folder}', protocol '{config.protocol.name}'")
    for name, reason in networks.left_out.items():
        say(f"left out   {name}: {reason}")
    for name in networks.meaningless:
        say(f"warning    {name} has random weights and means nothing")
    say(f"results    {out}")
