"""An evaluation by two processes gives what it gives by one, stops and goes on as one, and ends as one."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from real3d_jax.data.record_writer import write
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.inception import TABLE
from tests.commands import heed_interrupts, with_devices
from tests.distributed.processes import without_gloo
from tests.evaluation.test_command import OBJECTS, many_objects
from tests.evaluation.tiny_evaluation import make_tiny_evaluation, random_params

ROOT = Path(__file__).parents[2]
DEVICES = 4
WRITTEN = ("results.jsonl", "results.csv", "summary.json", "table.md", "report.html", "settings.json")
CONFIG = """from tests.evaluation.tiny_evaluation import make_tiny_tree
def get_config(variant=""):
    return make_tiny_tree(".", variant)
"""
ALL_METRICS = (
    "--config.batch_per_device=1",
    "--config.data.limit=5",  # the second batch holds no object of the second process
    "--config.protocol.every=1",
    "--config.networks.clip=random",
    "--config.networks.clip_random_size=tiny",
    "--config.networks.inception=inception.safetensors",
    "--config.calibration.distances=(1.8, 2.4)",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a process runs: data, weights and a config, all named relative to it."""
    folder = tmp_path_factory.mktemp("evaluation")
    params = jax.tree.map(np.asarray, random_params(make_tiny_evaluation(folder)))
    save_weights(folder / "weights", weights_from_params(params, {}, where="a test"))
    write(folder / "views", many_objects(), progress=False)
    (folder / "config.py").write_text(CONFIG)
    shapes = {rule.source: tuple(map(int, rule.shape.split())) for rule in TABLE.rules}
    rng = np.random.default_rng(0)
    tensors = {name: np.abs(rng.normal(0.05, 0.02, shape)).astype(np.float32) for name, shape in shapes.items()}
    save_file(tensors, folder / "inception.safetensors")
    return folder


def start(out, *words, folders):
    """Starts a process in each of the folders, which share the devices."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    count = len(folders)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": with_devices(DEVICES // count),
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
    }
    command = [sys.executable, ROOT / "launch" / "evaluate.py", "--checkpoint", "weights", "--out", out, *words]
    return [
        subprocess.Popen(
            command + ["--multihost"] * (count > 1),
            cwd=folder,
            env=environment | {"JAX_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_interrupts,
        )
        for number, folder in enumerate(folders)
    ]


def run(out, *words, folders, code=0):
    """What each process printed, without what JAX's network layer says; all of them must end with `code`."""
    processes = start(out, *words, folders=folders)
    texts = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [code] * len(folders), "\n".join(texts)
    return [without_gloo(text) for text in texts]


def check_same_results(found, expected):
    for name in WRITTEN:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


def written(folder):
    """What is in a folder, without what Python compiles."""
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(folder, tmp_path):
    words, other = ("--config", "config.py:released", *ALL_METRICS), tmp_path / "other"
    shutil.copytree(folder, other)
    files = written(other)
    run(tmp_path / "one", *words, folders=[folder])
    first, second = run("two", *words, folders=[folder, other])
    (folder / "two").rename(tmp_path / "two")
    assert "report  " in first and not second.strip()
    assert written(other) == files  # the second process writes nothing
    check_same_results(tmp_path / "two", tmp_path / "one")
    features = sorted(path.name for path in (tmp_path / "one" / "features").iterdir())
    assert len(features) == 5
    for name in features:
        one, two = (np.load(tmp_path / out / "features" / name) for out in ("one", "two"))
        for kind in ("rendered", "input"):
            assert one[kind].any()
            np.testing.assert_array_equal(two[kind], one[kind])


@pytest.fixture(scope="module")
def by_one(folder, tmp_path_factory):
    """What one process gives."""
    out = tmp_path_factory.mktemp("by_one") / "one"
    run(out, "--config", "config.py", folders=[folder])
    return out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_of_one_process_stops_both_and_they_go_on(folder, by_one, tmp_path, number):
    words = ("--config", "config.py")
    processes = start(tmp_path / "two", *words, folders=[folder] * 2)
    rows = tmp_path / "two" / "results.jsonl"
    while processes[1].poll() is None and not (rows.exists() and rows.stat().st_size):
        time.sleep(0.05)
    processes[1].send_signal(number)
    texts = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM] * 2, "\n".join(texts)
    assert 0 < len(rows.read_text().splitlines()) < OBJECTS
    assert not (tmp_path / "two" / "summary.json").exists()
    run(tmp_path / "two", *words, folders=[folder] * 2)
    check_same_results(tmp_path / "two", by_one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ("config.py", "error: Process 1 of 2: There is no config file"),
        ("weights", "error: Process 1 of 2: There is no checkpoint 'weights'"),
        ("views", "error: Process 1 of 2: There is no data set at 'views'"),
    ],
)
def test_what_one_process_lacks_ends_both(folder, tmp_path, lacking, message):
    shutil.copytree(folder, tmp_path / "other", ignore=shutil.ignore_patterns(lacking))
    first, second = run(tmp_path / "out", "--config", "config.py", folders=[folder, tmp_path / "other"], code=2)
    assert first.count("error: ") == 1 and message in first
    assert not second.strip()


@pytest.mark.slow
def test_a_damaged_record_of_one_process_ends_both_amid_the_run(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (shard,) = (other / "views").glob("multiview-test.array_record-*")
    content = bytearray(shard.read_bytes())
    middle = slice(len(content) // 2, 5 * len(content) // 8)  # more than a batch, of which each process reads a part
    content[middle] = bytes(middle.stop - middle.start)
    shard.write_bytes(content)
    first, second = run(tmp_path / "out", "--config", "config.py", folders=[folder, other], code=2)
    assert first.count("error: ") == 1 and "error: Process 1 of 2: Record " in first
    assert not second.strip()
    assert 0 < len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) < OBJECTS
    run(tmp_path / "out", "--config", "config.py", folders=[folder] * 2)  # mended, it goes on


@pytest.mark.slow
def test_processes_of_other_data_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other", ignore=shutil.ignore_patterns("views"))
    fewer = many_objects()
    fewer.splits["test"] = OBJECTS - 1
    write(tmp_path / "other" / "views", fewer, progress=False)
    first, _ = run(tmp_path / "out", "--config", "config.py", folders=[folder, tmp_path / "other"], code=2)
    assert "error: Process 1 of 2: Its objects are not those of process 0" in first


def test_without_other_processes_the_command_says_how_they_are_found(tmp_path):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "SLURM_", "OMPI_"))
    }
    for command in ("evaluate", "train"):
        ended = subprocess.run(
            [sys.executable, ROOT / "launch" / f"{command}.py", "--multihost", "--config", "x", "--checkpoint", "y"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 2
        assert (
            ended.stderr.startswith("error: --multihost cannot find the other processes")
            and "Traceback" not in ended.stderr
        )
