"""The loop: when a step ended, however late its metrics are fetched, and what it tells and draws."""

import argparse
import itertools
import threading
import types
from concurrent.futures import Future

import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.batches import TrainBatch
from real3d_jax.commands.train import _steps
from real3d_jax.errors import UserError
from real3d_jax.runtime.stopping import StopRequest
from real3d_jax.training import loop, reporting, times
from real3d_jax.training.first_step import FirstStep
from real3d_jax.training.reporting import Reporter
from real3d_jax.training.slowest import Slowest
from real3d_jax.training.times import Times

SECONDS = 20.0  # of a step


class _Clock:
    """Stands still but for `SECONDS` a step, and knows when the loop's thread has read it."""

    def __init__(self):
        self.now = 100.0
        self.read = threading.Event()

    def monotonic(self) -> float:
        now = self.now
        if threading.current_thread() is not threading.main_thread():
            self.read.set()
        return now


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("log_every", [1, 2])
def test_first_and_last_rate_are_those_of_the_others(tmp_path, monkeypatch, capsys, log_every):
    """With a step that returns when it is over, as on a GPU: the metrics of each are fetched a step late."""
    clock = _Clock()

    def step_fn(state, batch, frozen, key):
        if state.step:
            assert clock.read.wait(10), "nobody noted the end of the step before"
            clock.read.clear()
        clock.now += SECONDS
        return types.SimpleNamespace(step=state.step + 1), {"loss": jnp.ones(()), "skipped_in_a_row": jnp.zeros(())}

    for module in (loop, reporting, times):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(loop, "compile_step", lambda run, batch: None)
    monkeypatch.setattr(loop, "note_quarantined", lambda *_: None)
    schedule = types.SimpleNamespace(steps=6, log_every=0, validate_every=0, pictures_every=0, checkpoint_every=0)
    config = types.SimpleNamespace(schedule=schedule, optimizer=types.SimpleNamespace(max_skipped=1))
    checkpoints = types.SimpleNamespace(check=lambda: None, written=list)
    rates = []
    reporter = Reporter(tmp_path, steps=6, start=0, log_every=log_every)
    monkeypatch.setattr(reporter, "scalars", lambda step, values: rates.append((step, values["steps_per_second"])))
    run = types.SimpleNamespace(
        config=config, reporter=reporter, state=types.SimpleNamespace(step=0), step_fn=step_fn,
        batches=itertools.repeat(None), put_fn=lambda batch: batch, frozen=None, key=None,
        checkpoints=checkpoints, is_save_due=lambda: False, quarantine=types.SimpleNamespace(names=()),
        times=Times(None), slowest=Slowest(), mirror=None, first=FirstStep(),
    )  # fmt: skip
    loop.take_steps(run, 0, StopRequest())
    reporter.close()
    assert rates == [(step, 1 / SECONDS) for step in range(log_every, 7, log_every)]
    assert capsys.readouterr().out.count("20.00 s/step") == len(rates)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("skip_norm", "reason"),
    [
        (0.0, r"since loss or gradient was not finite: lower config\.optimizer\.learning_rate or look at the data"),
        (5.0, r"since .* or the gradient's norm was above 10 .* raise config\.optimizer\.skip_norm or look"),
    ],
)
def test_too_many_skipped_updates_are_told_with_every_possible_reason(skip_norm, reason):
    optimizer = types.SimpleNamespace(max_skipped=3, skip_norm=skip_norm, clip_norm=2.0)
    run = types.SimpleNamespace(
        config=types.SimpleNamespace(optimizer=optimizer),
        reporter=types.SimpleNamespace(step=lambda *_, **__: None),
        times=Times(None),
        first=FirstStep(),
    )
    ended: Future[float] = Future()
    ended.set_result(0.0)
    loop._report(run, [(7, {"skipped_in_a_row": jnp.asarray(2)}, ended)])
    with pytest.raises(UserError, match=rf"3 updates in a row were skipped up to step 8, {reason}"):
        loop._report(run, [(8, {"skipped_in_a_row": jnp.asarray(3)}, ended)])


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("synthetic", [None, np.zeros((0, 2, 4, 4, 3))])
def test_nothing_is_drawn_where_neither_photographs_nor_held_out_objects_are(tmp_path, synthetic):
    """All objects of the batch are streamed: the host has no picture of them."""
    run = types.SimpleNamespace(validator=None, config=types.SimpleNamespace(batch={"synthetic": 2}), workdir=tmp_path)
    assert loop._draw(run, 1, TrainBatch(synthetic, None, streamed=object())) is None
    assert not list(tmp_path.iterdir())


def test_steps_to_profile_are_a_first_one_and_how_many():
    assert _steps("100:5") == range(100, 105)
    for wrong in ("5", "0:5", "5:0", "a:b", "-1:3"):
        with pytest.raises(argparse.ArgumentTypeError, match="START:STEPS"):
            _steps(wrong)
