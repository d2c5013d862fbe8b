"""The training step on several devices and processes gives what it gives on one."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

WORKER = Path(__file__).with_name("worker.py")


def run(out, *, devices, fsdp, implementation="xla", processes=1):
    """Two steps; parameters and metrics by name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, (out, devices, fsdp, implementation, processes, process, port))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for process in range(processes)
    ]
    for worker in workers:
        text, _ = worker.communicate()
        assert worker.returncode == 0, text[-3000:]
    with np.load(out) as file:
        return dict(file)


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    found = run(tmp_path_factory.mktemp("one") / "one.npz", devices=1, fsdp=1)
    assert found.pop("split") == 0
    return found


@pytest.mark.parametrize(
    ("devices", "fsdp", "implementation", "processes"),
    [
        (8, 2, "xla", 1),
        (4, 2, "pallas", 1),
        (3, 1, "xla", 1),
        (16, 1, "xla", 1),
        (64, 1, "xla", 1),
        pytest.param(256, 1, "xla", 1, marks=pytest.mark.slow),
        pytest.param(4, 2, "xla", 2, marks=pytest.mark.slow),
        pytest.param(24, 1, "xla", 3, marks=pytest.mark.slow),  # of the 8 examples the last two processes have none
    ],
)
def test_as_on_one_device(one_device, tmp_path, devices, fsdp, implementation, processes):
    found = run(
        tmp_path / "several.npz", devices=devices, fsdp=fsdp, implementation=implementation, processes=processes
    )
    assert (found.pop("split") > 20) == (fsdp > 1)
    assert set(found) == set(one_device)
    for name, value in one_device.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-4, atol=2e-6, err_msg=name)
