"""Training by two processes meets faults for real: it ends as one, keeps what was saved, and goes on from there."""

import importlib.util
import json
import random
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from real3d_jax.checkpoints.checksums import verify
from real3d_jax.checkpoints.run_folder import COMMITTED, load_params
from real3d_jax.runtime import stores
from tests.buckets import playing
from tests.distributed.processes import ended, start

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("faulty_training.py")
CONFIG = """from tests.tiny_run import make_tiny_tree
def get_config(variant=""):
    return make_tiny_tree("data", schedule__steps=8, schedule__checkpoint_every=2, schedule__validation_objects=0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all runs are, with their data and an unbroken one."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "config.py").write_text(CONFIG)
    codes, texts = run(folder, "none", count=1, workdir="unbroken")
    assert codes == [0], texts
    return folder


def begin(folder, fault, process=-1, step=0, *words, count=2, workdir):
    words = (fault, process, step, "--config", "config.py", "--workdir", workdir, "--multihost", *words)
    return start(WORKER, *words, count=count, folder=folder)


def run(*arguments, **options):
    return ended(begin(*arguments, **options))


def losses(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def check_goes_on(folder, workdir, *, count=2):
    """The same command goes on, and gives what the unbroken run gives."""
    codes, texts = run(folder, "none", count=count, workdir=workdir)
    assert codes == [0] * count, texts
    assert "resumed after step" in texts[0]
    for (step, loss), (other, expected) in zip(losses(folder / workdir), losses(folder / "unbroken"), strict=True):
        assert step == other and abs(loss - expected) < 1e-6
    ours, theirs = load_params(folder / workdir), load_params(folder / "unbroken")
    for name in theirs:
        np.testing.assert_allclose(_flat(ours[name]), _flat(theirs[name]), rtol=1e-6, atol=1e-7)


def _flat(tree):
    import jax

    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_an_error_in_reading_saves_first_and_one_process_goes_on(folder):
    codes, texts = run(folder, "user_error", 1, 6, workdir="read")
    assert codes == [2, 2]
    assert "saved step 5; the same command goes on from there" in texts[0]
    assert re.search(r"error: Process 1 of 2: Record 3 of 'cup' cannot be read", texts[0])
    assert not texts[1].strip()
    verify(folder / "read" / "checkpoints" / "5")
    check_goes_on(folder, "read", count=1)


def test_one_of_two_is_killed_and_two_go_on_from_the_checkpoint(folder):
    codes, texts = run(folder, "killed", 1, 6, "--lost_seconds=8", workdir="killed")
    assert codes == [1, -signal.SIGKILL]
    assert re.search(r"error: Process 1 of 2 .*gives no sign of life since 8 s", texts[0])
    check_goes_on(folder, "killed")


def test_the_slowest_process_is_named(folder):
    codes, texts = run(folder, "slow", 1, 0, "--config.schedule.log_every=4", workdir="slow")
    assert codes == [0, 0]
    line = re.search(r"^slowest    process 1 of 2 \(.+\), in (\d+)% of the steps: ([\d.]+) s ", texts[0], re.M)
    assert line is not None and int(line[1]) >= 75 and float(line[2]) >= 0.2
    metrics = [json.loads(text) for text in (folder / "slow" / "metrics.jsonl").read_text().splitlines()]
    told = [line for line in metrics if "slowest_process" in line]
    assert [line["step"] for line in told] == [4, 8]
    for line in told:
        assert line["slowest_process"] == 1 and line["slowest_share"] >= 0.75
        assert line["slowest_work_seconds"] >= 0.2


def test_a_reader_that_is_stuck_is_named(folder):
    codes, texts = run(folder, "stuck", 1, 6, "--stall_minutes=0.2", workdir="stuck")
    assert codes == [1, 1]
    assert re.search(r"the others waited while process 1 of 2 \(.+\) was reading the examples of step 6", texts[0])
    assert "in faulty" in texts[1]


def test_a_checkpoint_that_one_process_cannot_read_ends_both_and_stays(folder):
    assert run(folder, "user_error", 1, 6, workdir="unreadable")[0] == [2, 2]
    for fault in ("unreadable", "unrestorable"):
        codes, texts = run(folder, fault, 1, 0, workdir="unreadable")
        assert codes == [2, 2]
        assert re.search(r"error: .*checkpoints/5' cannot be read now .*process 1 of 2.*Input/output error", texts[0])
        assert (folder / "unreadable" / "checkpoints" / "5").is_dir()
    check_goes_on(folder, "unreadable")


def test_a_full_disk_of_one_process_ends_both(folder):
    codes, texts = run(folder, "disk_full", 0, 0, workdir="full")
    assert codes == [2, 2]
    assert re.search(r"error: .*step 2 could not be written .*No space left on device", texts[0])


def test_alone_a_full_disk_is_told_and_the_run_goes_on_to_its_end(folder):
    codes, texts = run(folder, "disk_full", 0, 0, count=1, workdir="full_alone")
    assert codes == [2]  # the last step could not be saved either
    assert texts[0].count("warning: The checkpoint of step") >= 2 and "Traceback" not in texts[0]
    codes, texts = run(folder, "disk_full", 0, 0, "--config.schedule.stop_if_unsaved=True", count=1, workdir="stop")
    assert codes == [2] and "error: The checkpoint of step 2 could not be written" in texts[0]


@pytest.mark.parametrize(("count", "wanted"), [(1, 10), (2, 6)])
def test_random_kills_lose_nothing_that_was_saved(folder, count, wanted):
    """Of all processes at once, at random times and in the midst of saves."""
    rng, workdir, kills = random.Random(count), folder / f"kills_{count}", 0
    while kills < wanted:
        in_save = rng.random() < 0.5
        steps = [int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdigit()]
        latest = max(steps, default=0)
        if latest >= 8:  # the run is over: another one
            workdir = folder / f"kills_{count}_{kills}"
            continue
        processes = begin(folder, "kills" if in_save else "none", -1, latest + 1, count=count, workdir=workdir.name)
        if not in_save:
            file, until = workdir / "metrics.jsonl", time.monotonic() + 120
            before = file.read_text() if file.exists() else ""
            while time.monotonic() < until and (not file.exists() or file.read_text() == before):
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 1.5))
            for process in processes:
                process.kill()
        codes, texts = ended(processes)
        if codes != [0] * count:
            kills += 1
            assert -signal.SIGKILL in codes, texts
        for step in (workdir / "checkpoints").glob("*"):
            if step.name.isdigit():
                verify(step)
        kept = [int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdigit()]
        assert max(kept, default=0) >= latest
    if 0 < max(kept, default=0) < 8:
        check_goes_on(folder, workdir.name, count=count)


@pytest.fixture(scope="module")
def store(folder):
    """A bucket that holds the data of the runs."""
    if importlib.util.find_spec("gcsfs") is None:
        pytest.skip("needs gcsfs")
    with playing() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        bucket = stores.place("gs://bucket")
        for name in stores.files_below(folder / "data"):
            stores.upload(folder / "data" / name, bucket / "data" / name)
        yield bucket


def test_two_processes_train_in_a_bucket_lose_one_and_go_on(folder, store):
    """Data, checkpoints and metrics are in the bucket alone; what a kill leaves there is no checkpoint."""
    words = ("--config.data.root=gs://bucket/data", "--lost_seconds=15")
    codes, texts = run(folder, "kills", 0, 6, *words, workdir="gs://bucket/run")
    assert -signal.SIGKILL in codes, texts
    left = {name.split("/")[1] for name in stores.files_below(store / "run") if name.startswith("checkpoints/")}
    assert "6" in left and not (store / "run" / "checkpoints" / "6" / COMMITTED).exists()
    codes, texts = run(folder, "none", -1, 0, *words, workdir="gs://bucket/run")
    assert codes == [0, 0], texts
    assert "resumed after step 4, in gs://bucket/run" in texts[0]
    for step in (6, 8):
        verify(store / "run" / "checkpoints" / str(step))
    for (step, loss), (other, expected) in zip(losses(store / "run"), losses(folder / "unbroken"), strict=True):
        assert step == other and abs(loss - expected) < 1e-6
    ours, theirs = load_params("gs://bucket/run"), load_params(folder / "unbroken")
    for name in theirs:
        np.testing.assert_allclose(_flat(ours[name]), _flat(theirs[name]), rtol=1e-6, atol=1e-7)
    assert json.loads((store / "run" / "summary.json").read_text())["steps"] == 8
    assert not (folder / "gs:").exists()
