"""What threads do while a run is made ready, and what the time until its first step is told to go into."""

import dataclasses
import itertools
import threading
import types
from unittest import mock

import jax
import numpy as np
import pytest

from real3d_jax.batches import TrainBatch
from real3d_jax.config import files as config_files
from real3d_jax.data import pipeline
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training import compiling, first_step, loop, startup
from real3d_jax.training.beside import ReadAhead
from real3d_jax.training.first_step import FirstStep


def run_with(lowered, batches):
    return types.SimpleNamespace(
        config=types.SimpleNamespace(schedule=types.SimpleNamespace(steps=5)),
        step_fn=mock.Mock(**{"lower.return_value": lowered}),
        start=0,
        state=None,
        frozen=None,
        networks=mock.Mock(),
        key=None,
        kept=None,
        compiling=None,
        first=FirstStep(),
        batches=iter(batches),
        put_fn=lambda batch: ("on devices", batch),
        shapes_fn=lambda batch: ("shapes", batch),
        times=types.SimpleNamespace(spending=mock.MagicMock()),
        slowest=mock.MagicMock(),
    )


@pytest.mark.usefixtures("unchecked_annotations")
def test_the_step_is_lowered_once_and_compiled_while_the_run_goes_on(capsys):
    others_are_done = threading.Event()

    def compile_it():
        assert others_are_done.wait(10), "the run waited for the compiler"
        return "compiled"

    run = run_with(types.SimpleNamespace(compile=compile_it), ["first", "second"])
    step = run.step_fn
    loop._compile_meanwhile(run)
    assert run.step_fn is step  # and so the scores can be computed here
    others_are_done.set()
    batch = next(run.batches)
    with mock.patch.object(compiling, "check_fits") as check:
        compiling.compile_step(run, run.put_fn(batch))
    assert (run.step_fn, run.compiling) == ("compiled", None)
    check.assert_called_once_with("compiled")
    step.lower.assert_called_once_with(None, ("shapes", "first"), None, None)
    assert (batch, next(run.batches)) == ("first", "second")
    assert "compiling the training step: " in capsys.readouterr().out


@pytest.mark.usefixtures("unchecked_annotations")
def test_a_run_that_has_no_step_to_take_compiles_none():
    run = run_with(None, ["first"])
    run.start = 5
    loop._compile_meanwhile(run)
    assert run.compiling is None and next(run.batches) == "first"


@pytest.mark.usefixtures("unchecked_annotations")
def test_what_the_compiler_raises_is_raised_where_the_step_is_needed():
    run = run_with(types.SimpleNamespace(compile=mock.Mock(side_effect=RuntimeError("out of registers"))), ["first"])
    compiling.begin_compiling(run, "on devices")
    with pytest.raises(RuntimeError, match="out of registers"):
        compiling.compile_step(run, "on devices")


def test_the_first_batch_alone_is_read_before_it_is_asked_for():
    asked, reader = [], threading.Event()

    def batches():
        for number in itertools.count():
            asked.append((number, threading.current_thread() is threading.main_thread()))
            if number == 0:
                reader.set()
            yield TrainBatch(np.full(1, number), None)

    ahead = ReadAhead(batches())
    assert reader.wait(10), "nobody asked"
    first = next(ahead)
    assert asked == [(0, False)]
    assert [batch.synthetic[0] for batch in (first, *itertools.islice(ahead, 2))] == [0, 1, 2]
    assert asked[1:] == [(1, True), (2, True)]


def test_what_reading_raises_is_raised_where_the_batch_is_asked_for():
    def batches():
        raise SystemExit(3)
        yield

    ahead = ReadAhead(batches())
    with pytest.raises(SystemExit):
        next(ahead)


def test_the_time_until_the_first_step_is_told_once(monkeypatch, capsys):
    clock = mock.Mock(monotonic=mock.Mock(side_effect=[10.0, 13.0, 13.04, 20.0, 22.0]))
    monkeypatch.setattr(first_step, "time", clock)
    first = FirstStep(before=4.0)
    for what in ("data", "networks", "state", "data"):
        first.mark(what)
    first.over(29.5)
    first.over(99.0)
    assert capsys.readouterr().out == "first step after 23.5 s: imports 4.0, data 5.0, state 7.0, the step 7.5\n"


def test_the_age_of_this_process_is_known_or_0(monkeypatch):
    assert 0 < first_step.seconds_of_process() < 7 * 24 * 3600
    monkeypatch.setattr(first_step.Path, "read_text", mock.Mock(side_effect=FileNotFoundError))
    assert first_step.seconds_of_process() == 0


def test_the_step_is_lowered_with_what_a_drawn_batch_will_be():
    """Shapes, types and places of objects that are drawn, without drawing them."""
    config = config_files.load("mini", ["--config.batch.synthetic=2", "--config.data.workers=0"])
    model = dataclasses.replace(config.model, image_size=16)
    config = dataclasses.replace(config, model=model, render=dataclasses.replace(config.render, resolution=8))
    mesh = make_mesh(config.mesh, jax.devices()[:2])
    put, shapes_of = startup._make_put(config, mesh)
    batch = next(pipeline.train_batches(config))
    drawn, shapes = put(batch), shapes_of(batch)
    assert jax.tree.structure(drawn) == jax.tree.structure(shapes)
    for leaf, shape in zip(jax.tree.leaves(drawn), jax.tree.leaves(shapes), strict=True):
        assert isinstance(shape, jax.ShapeDtypeStruct)
        assert (leaf.shape, leaf.dtype) == (shape.shape, shape.dtype)
        assert leaf.sharding.is_equivalent_to(shape.sharding, leaf.ndim)
