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


# By name: devices, fsdp, implementation, dtype. One process computes all that the chosen tests ask for: a new one
# imports for seconds.
IN_ONE_PROCESS = {
    "one device": (1, 1, "xla", "float32"),
    "3 devices": (3, 1, "xla", "float32"),  # one of them has filler beside its examples
    "4 devices": (4, 2, "pallas", "float32"),
    "16 devices": (16, 2, "xla", "float32"),  # of the 8 examples half of them have none
    "256 devices": (256, 1, "xla", "float32"),
    "micro-batches": (3, 1, "xla", "bfloat16"),
    "split": (8, 8, "xla", "bfloat16"),
}


def run(folder, cases, *, processes=1):
    """Two steps of each case: parameters and metrics by name, 'split' and 'program'."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [",".join(map(str, (name, *case))) for name, case in cases.items()]
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, (folder, processes, process, port)), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for process in range(processes)
    ]
    for worker in workers:
        text, _ = worker.communicate()
        assert worker.returncode == 0, text[-3000:]
    found = {}
    for name in cases:
        with np.load(folder / f"{name}.npz") as file:
            found[name] = dict(file)
    return found


@pytest.fixture(scope="module")
def computed(request, tmp_path_factory):
    """Results by name: those of the tests' parameter `name`, and of one device."""
    here = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    asked = {"one device", *(item.callspec.params.get("name") for item in here)}
    cases = {name: case for name, case in IN_ONE_PROCESS.items() if name in asked}
    return run(tmp_path_factory.mktemp("computed"), cases)


@pytest.fixture(scope="module")
def one_device(computed):
    found = dict(computed["one device"])
    assert found.pop("split") == 0
    assert not collectives(str(found.pop("program")))
    return found


def assert_as_on_one(found, one_device, *, fsdp):
    found = dict(found)
    assert (found.pop("split") > 20) == (fsdp > 1)
    found.pop("program")
    assert set(found) == set(one_device)
    for name, value in one_device.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        *("4 devices", "16 devices"),
        *(pytest.param(f"{count} devices", marks=pytest.mark.slow) for count in (3, 256)),
    ],
)
def test_as_on_one_device(one_device, computed, name):
    assert_as_on_one(computed[name], one_device, fsdp=IN_ONE_PROCESS[name][1])


@pytest.mark.slow
def test_several_processes_are_as_one_device(one_device, tmp_path):
    """Of the 8 examples the last process has none, and each process has parts of the parameters."""
    found = run(tmp_path, {"several": (6, 2, "xla", "float32")}, processes=3)
    assert_as_on_one(found["several"], one_device, fsdp=2)


@pytest.mark.parametrize("name", ["micro-batches"])
def test_gradients_are_exchanged_once_in_float32(computed, name):
    """A step of three micro-batches in bfloat16."""
    found = computed[name]
    (exchange,) = collectives(str(found["program"]))
    parameters = sum(value.size for name, value in found.items() if name.startswith("[0]"))
    metrics = sum(name.startswith("[1]") for name in found)
    assert exchange.kind == "all-reduce" and not exchange.in_loop
    assert {dtype for dtype, _ in exchange.arrays} == {"f32"}
    assert parameters < exchange.elements <= parameters + metrics


@pytest.mark.parametrize("name", ["split"])
def test_parameters_that_are_split_are_gathered_a_layer_at_a_time(computed, name):
    """No activation is exchanged; gradients are summed in float32, each part of them where it belongs."""
    found = computed[name]
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
