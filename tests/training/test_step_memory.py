"""A step that cannot fit is refused in a sentence before it is run."""

import os
import types
from unittest import mock

import jax
import pytest

from real3d_jax.batches import TrainBatch
from real3d_jax.errors import UserError
from real3d_jax.training import compiling, startup, step_memory
from real3d_jax.training.first_step import FirstStep

GIB = 2**30


def step(temporary):
    memory = types.SimpleNamespace(
        argument_size_in_bytes=5 * GIB,
        output_size_in_bytes=4 * GIB,
        alias_size_in_bytes=3 * GIB,
        temp_size_in_bytes=temporary * GIB,
    )
    return types.SimpleNamespace(memory_analysis=lambda: memory)


def give(monkeypatch, *limits):
    devices = [types.SimpleNamespace(platform="gpu", memory_stats=lambda limit=limit: limit) for limit in limits]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)


def test_a_step_that_does_not_fit_is_refused(monkeypatch):
    give(monkeypatch, {"bytes_limit": 80 * GIB}, {"bytes_limit": 60 * GIB})
    assert step_memory.needed_gib(step(54)) == 60.0
    step_memory.check_fits(step(54))
    with pytest.raises(UserError, match=r"needs 61\.0 GiB of a device, which gives 60\.0 GiB: set config\.batch"):
        step_memory.check_fits(step(55))


@pytest.mark.parametrize("told", [None, {}, {"bytes_in_use": 1}])
def test_what_is_not_told_is_not_refused(monkeypatch, told):
    give(monkeypatch, told)
    step_memory.check_fits(step(1000))


@pytest.mark.parametrize(("devices", "fits"), [(1, 58), (4, 8)])
def test_a_cpu_has_the_memory_of_its_machine(monkeypatch, devices, fits):
    """64 GiB, in parts where it plays several devices."""
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 16 * 2**20, "SC_PAGE_SIZE": 4096}.get)
    monkeypatch.setattr(jax, "local_devices", lambda: [types.SimpleNamespace(platform="cpu")] * devices)
    step_memory.check_fits(step(fits))
    with pytest.raises(UserError, match=f"which gives {64 / devices:.1f} GiB"):
        step_memory.check_fits(step(fits + 3))


def test_a_program_that_does_not_tell(monkeypatch):
    def refuse():
        raise jax.errors.JaxRuntimeError("UNIMPLEMENTED")

    give(monkeypatch, {"bytes_limit": GIB})
    step_memory.check_fits(types.SimpleNamespace(memory_analysis=lambda: None))
    step_memory.check_fits(types.SimpleNamespace(memory_analysis=refuse))


def test_a_real_program():
    program = jax.jit(lambda x: x + 1).lower(jax.ShapeDtypeStruct((2**18,), "float32")).compile()
    assert step_memory.needed_gib(program) == pytest.approx(2 / 1024, rel=0.01)
    step_memory.check_fits(program)


def test_compiling_refuses_it(monkeypatch):
    give(monkeypatch, {"bytes_limit": 60 * GIB})
    lowered = types.SimpleNamespace(compile=lambda: step(55))
    run = mock.Mock(spec=startup.Run)
    run.step_fn, run.state, run.frozen, run.key, run.kept, run.compiling = mock.Mock(), None, None, None, None, None
    run.first = FirstStep()
    run.step_fn.lower.return_value = lowered
    with pytest.raises(UserError, match=r"61\.0 GiB"):
        compiling.compile_step(run, TrainBatch(None, None))
