"""Command lines called within a test or beside it, and runs that are stopped on the way."""

import contextlib
import importlib.util
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from real3d_jax.data import pipeline
from real3d_jax.runtime import cli

STOPPED = 128 + signal.SIGTERM


def call(command: Path, *words) -> int:
    """Calls the `main` of a program of `launch/` with the words of a command line."""
    spec = importlib.util.spec_from_file_location(f"{command.stem}_command", command)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    former, sys.argv = sys.argv, [command.name, *map(str, words)]
    try:
        return module.main()
    finally:
        sys.argv = former


def run_here(command: Path, *words) -> SimpleNamespace:
    """What `python COMMAND WORDS` exits with and prints, without the seconds that a new process takes to import."""
    printed, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
        try:
            cli.run(lambda: call(command, *words))
        except SystemExit as ended:
            code = ended.code
    return SimpleNamespace(returncode=code, stdout=printed.getvalue(), stderr=told.getvalue())


def with_devices(count: int) -> str:
    """XLA_FLAGS of this process, with so many devices on the CPU."""
    return f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"


def assert_passes_with_devices(count: int, file: str, words: str) -> None:
    """The tests of a file whose names have these words pass in a process with so many devices, and none is skipped."""
    assert_passes_with(file, words, XLA_FLAGS=with_devices(count))


def assert_passes_with(file: str, words: str, **environment: str) -> None:
    """The tests of a file that `words` select (`pytest -k`) pass in this environment; none is skipped or hangs."""
    own = [sys.executable, "-m", "pytest", "-n0", "-q", "-m", "", file, "-k", words]
    done = subprocess.run(own, env={**os.environ, **environment}, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout
    assert set(done.stdout.split("[")[0].strip()) == {"."}, done.stdout  # an s would be a test that was skipped


# Warpgroups of interpreted kernels wait for one another, each in a thread of the CPU's own, of which a machine of two
# cores has too few: they would wait forever. JAX reads the number when it starts.
ENOUGH_THREADS = {"PJRT_NPROC": "16"}
warpgroups_interpreted = pytest.mark.skipif(
    os.environ.get("PJRT_NPROC") != ENOUGH_THREADS["PJRT_NPROC"], reason="runs in a process with enough threads"
)


def heed_interrupts() -> None:
    """For a new process (`preexec_fn`): lets SIGINT through, which shells let their background jobs ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop_at(monkeypatch, batch: int) -> None:
    """Sends SIGTERM to this process while training batch number `batch` (from 1) is read."""
    read = pipeline.train_batches

    def interrupted(config, *, start_step, **hosts):
        for number, rows in enumerate(read(config, start_step=start_step, **hosts), start=start_step + 1):
            if number == batch:
                os.kill(os.getpid(), signal.SIGTERM)
            yield rows

    monkeypatch.setattr(pipeline, "train_batches", interrupted)
