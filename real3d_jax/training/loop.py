"""The loop around the training step: reads, reports, scores, saves. It knows no maths.

A run's workdir holds `config.json`, `checkpoints/`, `best/`, `metrics.jsonl`, `tensorboard/`, `pictures/` and, once it
is finished, `summary.json`. The same command with the same workdir goes on where the run stopped.
"""

import itertools
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from real3d_jax.batches import TrainBatch
from real3d_jax.config.training import Config, OptimizerConfig
from real3d_jax.errors import UserError
from real3d_jax.metrics.images import describe_score
from real3d_jax.runtime import compiler_options, folders, garbage, hosts, watch
from real3d_jax.runtime.console import say
from real3d_jax.runtime.device_errors import DeviceErrors
from real3d_jax.runtime.sharding import put_same, replicated
from real3d_jax.runtime.stopping import StopRequest
from real3d_jax.runtime.stores import Folder
from real3d_jax.training.compiling import begin_compiling, compile_step
from real3d_jax.training.optimizer import norm_limit
from real3d_jax.training.pictures import picture_grid, save_picture
from real3d_jax.training.reporting import describe_peak_memory, peak_device_gib, peak_rss_gib
from real3d_jax.training.saving import note_quarantined, note_saved, save, save_at_last
from real3d_jax.training.startup import Run, prepared
from real3d_jax.training.times import describe as describe_times
from real3d_jax.training.validation import SCORES, describe_scores

_PICTURE_ROWS = 4  # examples in a grid
_PICTURE_CELL = 96  # pixels per side of an image in a grid

# Number, metrics and the time of the end of each step whose metrics have not been fetched yet.
_Waiting = list[tuple[int, Mapping[str, jax.Array], Future[float]]]


def train(config: Config, workdir: Folder, *, profile: range = range(0), before: float = 0.0) -> int:
    """Trains, or goes on training, in `workdir`.

    Args:
      config: of the run.
      workdir: its folder.
      profile: steps of which a trace is written into the workdir's `profile/`, for TensorBoard or Perfetto.
      before: seconds that the program has run already.

    Returns:
      The exit code: 0 once the run is finished; 143 (SIGTERM) or 130 (Ctrl-C) when it was stopped early and saved.

    Raises:
      UserError: something in the config, the data, the devices or the workdir has to be put right; or too many updates
        in a row were skipped. If examples cannot be read amid training, the state is saved first.
    """
    precision = compiler_options.matmul_precision(config.compute.matmul_precision)
    ready = prepared(config, workdir, before=before, meanwhile=_compile_meanwhile)
    with StopRequest() as stop, precision, ready as run:
        start, steps = run.start, run.config.schedule.steps
        summary = run.workdir / "summary.json"
        if start >= steps and summary.exists():
            say(f"This run is finished: {start} steps in {workdir}. Raise config.schedule.steps to go on.")
            say(summary.read_text().rstrip())
            return 0
        if run.validator is not None and "psnr_before" not in run.results:
            run.results["psnr_constant"] = run.validator.constant_psnr()
            scores = _validate(run, start)
            run.results |= {f"{score}_before": scores[score] for score in SCORES}
            run.first.mark("scores")
        batch = take_steps(run, start, stop, profile)
        if stop.stopped and int(run.state.step) < steps:
            save(run)
            run.checkpoints.wait()
            say(f"stopped by {stop.name} after step {int(run.state.step)}; the same command goes on from there")
            return stop.exit_code
        _finish(run, batch)
        return 0


def take_steps(run: Run, start: int, stop: StopRequest, profile: range = range(0)) -> TrainBatch:
    """Steps to the end (`run.config.schedule.steps`), or until a stop is requested.

    Returns:
      The last batch that this host read.
    """
    schedule = run.config.schedule
    batch = _read(run, start + 1)
    run.first.mark("reading")
    on_devices = run.put_fn(batch)
    run.first.mark("placing")
    if start < schedule.steps:
        with run.times.spending("compile"):
            compile_step(run, on_devices)
    run.first.mark("compiling")
    garbage.collect_as_usual()
    run.reporter.begin()
    stop.begin()
    waiting: _Waiting = []
    left_out = set(run.quarantine.names)
    profile = range(max(profile.start, start + 1), min(profile.stop, schedule.steps + 1))
    with ThreadPoolExecutor(max_workers=1) as clock, DeviceErrors(watch.current().told_of_device) as errors:
        for step in range(start + 1, schedule.steps + 1):
            watch.current().beat(f"computing step {step}")
            run.times.begin(step)
            run.slowest.step()
            if profile and step == profile[0]:
                jax.profiler.start_trace(str(run.workdir / "profile"))
            run.state, metrics = run.step_fn(run.state, on_devices, run.frozen, run.key)
            # The metrics of the step before are fetched while this one runs, so that the devices never wait for the
            # host. `step_fn` may itself return only when the step is nearly over, so a thread notes the end of each.
            ready = clock.submit(_ready, metrics)
            errors.follow(metrics["loss"])
            if profile and step == profile[-1]:
                ready.result()
                jax.profiler.stop_trace()
                say(f"profile    of steps {profile[0]} to {step} in {run.shown(run.workdir / 'profile')}")
            _report(run, waiting)
            waiting = [(step, metrics, ready)]
            events = [
                (schedule.validate_every, lambda step=step: _validate(run, step)),
                (schedule.pictures_every, lambda step=step, batch=batch: _draw(run, step, batch)),
                (schedule.checkpoint_every, lambda: save(run)),
            ]
            due = [event for every, event in events if every and step % every == 0 and step < schedule.steps]
            if due:
                _report(run, waiting)
                waiting = []
            for event in due:
                watch.current().beat(f"scoring, drawing or saving after step {step}")
                event()
            note_saved(run)
            if due or (schedule.log_every and step % schedule.log_every == 0) or step == schedule.steps:
                note_quarantined(run, step, left_out)
            if step == schedule.steps or stop.requested(step):
                break
            if run.is_save_due():
                save(run)
            try:
                batch = _read(run, step + 1)
            except (Exception, SystemExit) as error:
                if isinstance(error, Exception) or not hosts.is_alone():  # alone it is a second Ctrl-C
                    _report(run, waiting)
                    save_at_last(run)
                raise
            with run.slowest.working():
                on_devices = run.put_fn(batch)
    _report(run, waiting)
    return batch


def _compile_meanwhile(run: Run) -> None:
    """Begins to compile the step with its first batch, which stays to be read, if there is a step to take.

    Nothing is to be done here where an earlier start has kept it: the batch is read while the run is made ready.
    """
    step = run.start + 1
    if step > run.config.schedule.steps or (run.kept is not None and run.kept.is_there):
        return
    run.networks.result()  # those that are read can be refused
    run.first.mark("networks")
    batch = _read(run, step)
    run.batches = itertools.chain([batch], run.batches)
    run.first.mark("reading")
    begin_compiling(run, run.shapes_fn(batch))


def _read(run: Run, step: int) -> TrainBatch:
    """The batch of a step; what one process cannot read ends all of them at the same step."""
    watch.current().beat(f"reading the examples of step {step}")
    with run.times.spending("data_wait"), hosts.together():
        with run.slowest.working():
            batch = next(run.batches)
        watch.current().beat(f"{watch.WAITING} before step {step}")
    return batch


def _ready(metrics: Mapping[str, jax.Array]) -> float:
    """Waits until the step that gives `metrics` is over, and returns the time."""
    jax.block_until_ready(metrics)
    return time.monotonic()


def _report(run: Run, waiting: _Waiting) -> None:
    for step, metrics, ready in waiting:
        values = jax.device_get(metrics)
        run.times.end(step, ready.result())
        run.first.over(ready.result())
        run.reporter.step(
            step, values, ready=ready.result(), extra=lambda: run.times.summary() | run.slowest.exchange()
        )
        in_a_row = int(values["skipped_in_a_row"])
        if in_a_row and in_a_row >= run.config.optimizer.max_skipped:
            raise UserError(_describe_skipped(run.config.optimizer, in_a_row, step))


def _describe_skipped(config: OptimizerConfig, in_a_row: int, step: int) -> str:
    reason, remedy = "loss or gradient was not finite", "lower config.optimizer.learning_rate"
    if config.skip_norm:
        reason += f", or the gradient's norm was above {norm_limit(config):g} (optimizer.skip_norm x clip_norm)"
        remedy += ", raise config.optimizer.skip_norm"
    return (
        f"{in_a_row} updates in a row were skipped up to step {step}, since {reason}: {remedy} or look at the data, "
        "and start again from the last checkpoint."
    )


def _validate(run: Run, step: int) -> dict[str, float]:
    """Scores the parameters, and keeps them as the best ones if they are; no scores without held-out objects.

    Those of averaged parameters have the ending '_ema'.
    """
    if run.validator is None:
        return {}
    started = time.monotonic()
    scores = run.validator(run.state.params)
    if run.state.ema is not None:
        averaged = run.validator(run.state.ema)
        scores |= {f"{score}_ema": averaged[score] for score in SCORES}
    seconds = time.monotonic() - started
    scored = f"{run.validator.views} novel views of {run.validator.objects} held-out objects"
    say(f"step {step}/{run.config.schedule.steps}  {scored}: {describe_scores(scores)} ({seconds:.1f} s)")
    run.reporter.scalars(step, {f"validation/{name}": value for name, value in scores.items()})
    run.results["psnr"] = scores["psnr"]
    if scores["psnr"] > run.best_psnr:
        run.best_psnr = scores["psnr"]
        if step:
            save(run, best=True)
    return scores


def _draw(run: Run, step: int, batch: TrainBatch) -> Path | None:
    """Writes a grid of pictures: held-out objects (if any), and photographs of the current batch with their cycle.

    None is drawn of a batch without photographs whose objects are all streamed, when no held-out object stands in.
    """
    synthetic, real = jax.tree.map(lambda x: np.asarray(x[:_PICTURE_ROWS]), (batch.synthetic, batch.real))
    if run.validator is not None and run.config.batch.synthetic:
        synthetic = run.validator.some_objects(_PICTURE_ROWS)
    rows = TrainBatch(synthetic, real)
    if not any(len(part) for part in jax.tree.leaves(rows)):
        return None
    if jax.process_count() > 1:
        rows = multihost_utils.broadcast_one_to_all(rows)
    strips = run.preview_fn(run.state.params, put_same(rows, replicated(run.mesh)), run.key, run.state.step)
    picture = picture_grid(jax.device_get(strips), cell=_PICTURE_CELL)
    path = run.workdir / "pictures" / f"step_{step:06d}.png"
    if jax.process_index() == 0:
        try:
            save_picture(path, picture)
        except OSError as error:
            say(f"warning: '{path}' cannot be written ({error.strerror}); training goes on.")
    run.reporter.picture(step, "pictures", picture)
    return path


def _finish(run: Run, batch: TrainBatch) -> None:
    """The last score, pictures and checkpoint, and the summary."""
    step = int(run.state.step)
    watch.current().beat(f"scoring, drawing and saving after step {step}, the last", patient=True)
    scores = _validate(run, step)
    save(run)
    picture = _draw(run, step, batch)
    run.checkpoints.wait()
    note_saved(run)
    summary = _summarize_scores(run.results, scores) | {
        "steps": step,
        "seconds": round(run.seconds(), 1),
        "peak_rss_gib": round(peak_rss_gib(), 3),
    }
    summary |= {name: round(value, 4) for name, value in run.times.summary().items()}
    device = peak_device_gib()
    if device is not None:
        summary["peak_device_gib"] = round(device, 3)
    if jax.process_index() == 0:
        try:
            folders.replace_text(run.workdir / "summary.json", json.dumps(summary, indent=1) + "\n")
        except OSError as error:
            raise UserError(
                f"'{run.shown(run.workdir / 'summary.json')}' cannot be written ({error.strerror}): make room, and run "
                "the same command again."
            ) from error
        run.times.keep()
    if scores:
        say(
            f"held-out novel views: {summary['psnr_before']:.2f} dB before training, {scores['psnr']:.2f} dB after; "
            f"one colour for all pixels has {summary['psnr_constant']:.2f} dB"
        )
        for score in SCORES[1:]:
            before = run.results.get(f"{score}_before")  # runs of older versions that go on here have none
            if before is not None:
                say(f"{score} {describe_score(score, before)} before, {describe_score(score, scores[score])} after")
    peaks = describe_peak_memory(summary["peak_rss_gib"], device)
    say(f"finished {step} steps in {summary['seconds']:.0f} s, {peaks}")
    for line in filter(None, (describe_times(run.times.summary()), run.slowest.describe())):
        say(line)
    say(f"checkpoint {run.checkpoints.path(step)}")
    if picture is not None:
        say(f"picture    {run.shown(picture)}")


def _summarize_scores(results: Mapping[str, Any], after: Mapping[str, float]) -> dict[str, Any]:
    """The scores before and after training; None where there are none. Averaged parameters have keys of their own."""
    summary = {"psnr_constant": results.get("psnr_constant")}
    for score in SCORES:
        summary |= {f"{score}_before": results.get(f"{score}_before"), f"{score}_after": after.get(score)}
        if f"{score}_ema" in after:
            summary[f"{score}_after_ema"] = after[f"{score}_ema"]
    return summary
