"""The training step on several devices and processes gives what it gives on one."""

import math
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from real3d_jax.benchmarks.collectives import collectives

WORKER = Path(__file__).with_name("worker.py")


def run(out, *, devices, fsdp, implementation="xla", dtype="float32", processes=1):
    """Two steps; parameters and metrics by name, 'split' and 'program'."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                str(WORKER),
                *map(str, (out, devices, fsdp, implementation, dtype, processes, process, port)),
            ],
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
    assert not collectives(str(found.pop("program")))
    return found


@pytest.mark.parametrize(
    ("devices", "fsdp", "implementation", "processes"),
    [
        (8, 2, "xla", 1),
        (4, 2, "pallas", 1),
        (3, 1, "xla", 1),
        (16, 1, "xla", 1),
        *(pytest.param(devices, 1, "xla", 1, marks=pytest.mark.slow) for devices in (64, 256)),  # as 16: some have none
        pytest.param(4, 2, "xla", 2, marks=pytest.mark.slow),
        pytest.param(24, 1, "xla", 3, marks=pytest.mark.slow),  # of the 8 examples the last two processes have none
    ],
)
def test_as_on_one_device(one_device, tmp_path, devices, fsdp, implementation, processes):
    found = run(
        tmp_path / "several.npz", devices=devices, fsdp=fsdp, implementation=implementation, processes=processes
    )
    assert (found.pop("split") > 20) == (fsdp > 1)
    found.pop("program")
    assert set(found) == set(one_device)
    for name, value in one_device.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-4, atol=2e-6, err_msg=name)


def test_gradients_are_exchanged_once_in_float32(tmp_path):
    """A step of three micro-batches in bfloat16."""
    found = run(tmp_path / "out.npz", devices=3, fsdp=1, dtype="bfloat16")
    (exchange,) = collectives(str(found["program"]))
    parameters = sum(value.size for name, value in found.items() if name.startswith("[0]"))
    metrics = sum(name.startswith("[1]") for name in found)
    assert exchange.kind == "all-reduce" and not exchange.in_loop
    assert {dtype for dtype, _ in exchange.arrays} == {"f32"}
    assert parameters < exchange.elements <= parameters + metrics


def test_parameters_that_are_split_are_gathered_a_layer_at_a_time(tmp_path):
    """No activation is exchanged; gradients are summed in float32, each part of them where it belongs."""
    found = run(tmp_path / "out.npz", devices=8, fsdp=8, dtype="bfloat16")
    exchanged = collectives(str(found["program"]))
    assert {found.kind for found in exchanged} == {"all-gather", "reduce-scatter", "all-reduce"}
    shapes = {name: value.shape for name, value in found.items() if name.startswith("[0]")}
    layers = {name: shape for name, shape in shapes.items() if "['layers']" in name}
    sizes = {math.prod(shape[1:] if name in layers else shape) for name, shape in shapes.items()}
    for gathered in (found for found in exchanged if found.kind == "all-gather"):
        assert {elements for _, elements in gathered.arrays} <= sizes
    scattered = [array for found in exchanged if found.kind == "reduce-scatter" for array in found.arrays]
    assert {dtype for dtype, _ in scattered} == {"f32"}
    assert {elements * 8 for _, elements in scattered} <= sizes
    summed = [array for found in exchanged if found.kind == "all-reduce" for array in found.arrays]
    assert {dtype for dtype, _ in summed} == {"f32"}
    unsplit = sum(math.prod(shape) for shape in shapes.values() if not any(size % 8 == 0 for size in shape))
    assert sum(elements for _, elements in summed if elements > 1) <= unsplit
