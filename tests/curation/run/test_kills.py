"""A curation that is killed, and run again until it is through."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("pycocotools")

import tests.curation.beam  # noqa: F401
from tests.commands import heed_interrupts
from tests.curation.drawn_photographs import SMALL_RULES

pytestmark = pytest.mark.curation

ROOT = pathlib.Path(__file__).parents[3]


def _start(drawn, out, *, workers=1) -> subprocess.Popen:
    options = [f"--{name}={value}" for name, value in SMALL_RULES.items()]
    command = [
        *(sys.executable, "launch/curate.py", "--input", str(drawn / "images")),
        *("--instances", str(drawn / "coco.json"), "--depth", str(drawn / "depth"), "--out", str(out)),
        *("--photographs-per-part", "1", f"--workers={workers}", *options),
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        preexec_fn=heed_interrupts,
    )


def _environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _wait_for(found, process, seconds=120):
    end = time.monotonic() + seconds
    while not found() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


@pytest.fixture(scope="module")
def unbroken(drawn, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "out"
    process = _start(drawn, out)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return out


def _killed_and_finished(drawn, out, kills, *, workers=1):
    """Runs with `kills`, functions that say when, and then to the end."""
    killed = 0
    for moment in kills:
        process = _start(drawn, out, workers=workers)
        _wait_for(moment, process)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    process = _start(drawn, out, workers=workers)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    return killed


def test_killed_in_the_middle_of_the_parts_and_of_the_assembly(drawn, unbroken, tmp_path):
    out = tmp_path / "out"

    def some_parts():
        return len(list(out.glob("parts/*/*.result.json"))) >= 5

    def some_results():
        return (out / "rejected.jsonl").exists()

    assert _killed_and_finished(drawn, out, [some_parts, some_results]) == 2
    assert _files(out) == _files(unbroken)


def test_an_interrupt_says_nothing_and_loses_nothing(drawn, unbroken, tmp_path):
    out = tmp_path / "out"
    process = _start(drawn, out)
    _wait_for(lambda: len(list(out.glob("parts/*/*.result.json"))) >= 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said.decode()
    assert b"Traceback" not in said
    assert list(out.glob("parts/*/*.result.json"))
    process = _start(drawn, out)
    process.communicate(timeout=300)
    assert _files(out) == _files(unbroken)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the workers in /proc")
@pytest.mark.parametrize("who", ["worker", "command"])
def test_a_dead_worker_and_an_interrupt_end_all_processes(drawn, unbroken, tmp_path, who):
    out = tmp_path / "out"
    process = _start(drawn, out, workers=2)
    _wait_for(lambda: list(out.glob("parts/*/*.result.json")), process)
    workers = _children(process.pid)
    assert len(workers) == 2
    if who == "worker":
        os.kill(workers[0], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == (2 if who == "worker" else 130), said.decode()
    assert (b"error: A worker process died" in said) == (who == "worker")
    assert b"Traceback" not in said
    _wait_for(lambda: not any(pathlib.Path(f"/proc/{worker}").exists() for worker in workers), process, seconds=10)
    assert not any(pathlib.Path(f"/proc/{worker}").exists() for worker in workers)
    process = _start(drawn, out, workers=2)
    process.communicate(timeout=300)
    assert _files(out) == _files(unbroken)


def _children(process):
    of_threads = [path.read_text().split() for path in pathlib.Path(f"/proc/{process}/task").glob("*/children")]
    return [int(number) for numbers in of_threads for number in numbers]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments(drawn, unbroken, tmp_path, workers):
    rng = np.random.default_rng(workers)
    out, killed = tmp_path / "out", 0
    start = time.monotonic()
    _start(drawn, tmp_path / "timed", workers=workers).communicate(timeout=300)
    seconds = time.monotonic() - start
    for _ in range(15 if workers == 1 else 8):
        start, afresh = time.monotonic(), not out.exists()
        process = _start(drawn, out, workers=workers)
        try:
            process.communicate(timeout=float(rng.uniform(0.3, 0.9)) * seconds)
            assert _files(out) == _files(unbroken)
            shutil.rmtree(out)  # it got through: the next ones interrupt another, on a machine that may be faster now
            seconds = time.monotonic() - start if afresh else seconds
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
    assert killed >= 3
    process = _start(drawn, out, workers=workers)
    process.communicate(timeout=300)
    assert _files(out) == _files(unbroken)


@pytest.fixture
def heeded():
    """Ctrl-C as Python has it; a process that was started in a shell's background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_that_another_error_takes_the_place_of_is_one():
    from real3d_jax.curation.run import beam_pipeline

    def interrupted(error):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise error from None

    with pytest.raises(KeyboardInterrupt), beam_pipeline._user_errors():
        interrupted(TypeError("unexpected keyword"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(TypeError), beam_pipeline._user_errors():
        raise TypeError("unexpected keyword")
