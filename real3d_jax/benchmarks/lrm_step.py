"""The suite 'lrm_step' of the benchmark program: a training step of the camera-conditioned LRM at its true size.

Its steps run on all devices of this machine, on noise and with random networks, as `launch/train.py` would run them.
"""

import dataclasses
import json
import pathlib
import statistics
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from real3d_jax.benchmarks import measuring
from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.benchmarks.step_programs import StepProgram, trace_step
from real3d_jax.benchmarks.topologies import Topology
from real3d_jax.config import files as config_files
from real3d_jax.config.training import BatchConfig, Config, uses_lpips
from real3d_jax.errors import UserError
from real3d_jax.models.choice import make_any_model
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.folders import write_result
from real3d_jax.runtime.sharding import batch_sharding, make_mesh, put_same, replicated
from real3d_jax.training.initialization import initial_state, root_key
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.training.step_memory import taken_gib
from real3d_jax.weights.networks import RANDOM, load_frozen

SUITE = "lrm_step"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
      config: config file of the training.
      batches: examples of a step on each device, and the parts that they are computed in.
    """

    config: str
    batches: tuple[tuple[int, int], ...]


# Sixteen on each device, as OpenLRM was trained, and as many at a time as it computes them in.
SIZES = {
    "full": Sizes("lrm:base", ((16, 4), (4, 1))),
    "tiny": Sizes("lrm:tiny", ((2, 2), (1, 1))),
}


@dataclasses.dataclass(frozen=True)
class StepMeasurement:
    """A training step.

    Attributes:
      examples: of a step, on all devices.
      micro_batches: parts that a device's examples are computed in.
      parameters: of the model.
      compile_seconds: of the step, tracing left out.
      median_ms: of a step, from call to result.
      spread_ms: between the first and the third quartile.
      program_gib: arguments, results and temporaries of the compiled step, on one device.
      peak_gib: the most that a device has given so far; None where the backend does not tell.
      examples_per_second: of all devices.
      steps: that were timed.
    """

    examples: int
    micro_batches: int
    parameters: int
    compile_seconds: float
    median_ms: float
    spread_ms: float
    program_gib: float
    peak_gib: float | None
    examples_per_second: float
    steps: int


def run(*, size: str, devices: int, steps: int, minutes: float, path: pathlib.Path | None) -> list[StepMeasurement]:
    """Compiles and measures one case after another, and writes each as it comes.

    Args:
      size: 'full', 'tiny', or 'auto', which is 'tiny' on a CPU.
      devices: how many take part; 0 takes all.
      steps: timed of each case.
      minutes: in which all ends; a case is not begun if the one before it took longer than what is left.
      path: of the JSON; None writes none.

    Raises:
      UserError: there is no such size, or the machine has fewer devices.
    """
    size = size if size != "auto" else "tiny" if jax.default_backend() == "cpu" else "full"
    if size not in SIZES:
        raise UserError(f"--suites {SUITE} has no size '{size}': use {' or '.join(SIZES)}.")
    if devices > jax.device_count():
        raise UserError(f"--devices {devices}: this machine has {jax.device_count()}.")
    sizes, used = SIZES[size], jax.devices()[: devices or jax.device_count()]
    end = time.monotonic() + 60 * minutes
    head = {
        "suite": SUITE,
        "size": size,
        "config": sizes.config,
        "devices": len(used),
        "device": measuring.device(),
        "versions": measuring.versions(),
    }
    print(f"devices    {len(used)} x {used[0].device_kind}, {head['versions']}", flush=True)
    base = _with_random_networks(config_files.load(sizes.config))
    configs = [
        dataclasses.replace(base, batch=BatchConfig(each * len(used), 0, parts)) for each, parts in sizes.batches
    ]
    topology, mesh = Topology("here", jax.default_backend(), used, None), make_mesh(base.mesh, used)
    found: list[StepMeasurement] = []
    longest = 0.0
    for config in configs:
        start = time.monotonic()
        if start + longest > end:
            print(f"left out   {config.batch.synthetic} examples: {minutes:g} minutes are too short", flush=True)
            continue
        try:
            found.append(_measure(config, trace_step(config, topology), mesh, steps))
        except jax.errors.JaxRuntimeError as error:
            print(f"cannot run {config.batch.synthetic} examples: {str(error).splitlines()[0]}", flush=True)
            continue
        finally:
            longest = max(longest, time.monotonic() - start)
        print(describe(found[-1]), flush=True)
        if path is not None:
            report = head | {"results": [dataclasses.asdict(one) for one in found]}
            write_result(path, json.dumps(report, indent=1) + "\n")
    return found


def describe(found: StepMeasurement) -> str:
    """A line for people."""
    peak = "" if found.peak_gib is None else f", {found.peak_gib:.2f} GiB at most so far"
    return (
        f"step       {found.examples} examples in {found.micro_batches} parts a device: {found.median_ms:.1f} +- "
        f"{found.spread_ms:.1f} ms, {found.examples_per_second:.1f} examples/s; {found.program_gib:.2f} GiB a "
        f"device{peak}; {found.parameters:,} parameters, compiled in {found.compile_seconds:.0f} s"
    )


def _with_random_networks(config: Config) -> Config:
    return dataclasses.replace(config, perceptual=dataclasses.replace(config.perceptual, clip=RANDOM, vgg=RANDOM))


def _measure(config: Config, program: StepProgram, mesh: Mesh, steps: int) -> StepMeasurement:
    start = time.monotonic()
    step = program.traced.lower().compile()
    compile_seconds = time.monotonic() - start
    seconds = _timed(config, program, step, mesh, steps)
    median = statistics.median(seconds)
    quartiles = statistics.quantiles(seconds, n=4)
    peaks = [(device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in mesh.devices.flat]
    return StepMeasurement(
        examples=config.batch.synthetic,
        micro_batches=program.layout.micro_batches,
        parameters=program.parameters,
        compile_seconds=compile_seconds,
        median_ms=1e3 * median,
        spread_ms=1e3 * (quartiles[2] - quartiles[0]),
        program_gib=taken_gib(step.memory_analysis()),
        peak_gib=max(peaks) / 2**30 or None,
        examples_per_second=config.batch.synthetic / median,
        steps=len(seconds),
    )


def _timed(config: Config, program: StepProgram, step: Any, mesh: Mesh, steps: int) -> Sequence[float]:
    """Seconds of each step; the state and the batch are freed with this call."""
    model = make_any_model(config.model, config.compute)
    optimizer = make_optimizer(config.optimizer, config.schedule.steps)
    with jax.set_mesh(mesh), compiler_options.matmul_precision(config.compute.matmul_precision):
        state = initial_state(config, model, optimizer, mesh, pathlib.Path(), start=None)
        rows = BatchConfig(program.layout.synthetic.rows, 0, 1)
        batch = jax.tree.map(np.asarray, random_batch(dataclasses.replace(config, batch=rows)))
        frozen = load_frozen(config.perceptual, need_encoder=False, need_lpips=uses_lpips(config))
        arguments = (
            state,
            jax.device_put(batch, batch_sharding(mesh)),
            put_same(frozen, replicated(mesh)),
            root_key(config.seed, mesh),
        )
        return measuring.time_calls(step, arguments, steps, feeds_back=True)
