"""Compiles a training step for devices that need not be there, and says whether it fits them and what it exchanges."""

import dataclasses
import re
import time
from collections.abc import Iterator
from unittest import mock

import jax

from real3d_jax.benchmarks.collectives import Exchange, by_kind, collectives
from real3d_jax.benchmarks.step_programs import StepProgram, trace_step
from real3d_jax.benchmarks.topologies import Topology
from real3d_jax.config.training import Config
from real3d_jax.runtime.compile_cache import counting_found

_GIB, _MIB = 2**30, 2**20
_UNITS = {"K": 2**10, "M": _MIB, "G": _GIB, "T": 2**40}
# What libtpu says of a program that does not fit: all that it would take, or what the temporaries alone would.
_REFUSED = "Ran out of memory"
_SIZES = re.compile(r"([\d.]+)([KMGT])(?: of |\) exceeds available HBM \()([\d.]+)([KMGT])")


@dataclasses.dataclass(frozen=True)
class Memory:
    """Of one device, in bytes.

    Attributes:
      arguments: the state, the batch's rows, and the networks that judge.
      outputs: what takes no argument's place.
      temporaries: activations, gradients and their sum.
      code: the program itself.
    """

    arguments: int
    outputs: int
    temporaries: int
    code: int

    @property
    def together(self) -> int:
        """All of it."""
        return self.arguments + self.outputs + self.temporaries + self.code


@dataclasses.dataclass(frozen=True)
class Checked:
    """What compiling a step has shown.

    Attributes:
      program: the step.
      topology: what it was compiled for.
      memory: None where the compiler refused it, or was not asked.
      refusal: the compiler's sentence, where it found too little memory.
      used_gib: of a device's memory, as far as it is known; at least so much where it was refused.
      room_gib: of a device; None where that is no property of the topology.
      exchanges: among the devices; None where jaxlib cannot read the compiled program.
      tflop: of each device, as the compiler counts: what stands in a loop counts once. None where it does not tell.
      seconds: of the processor that compiling took, all threads together.
      wall_seconds: on the clock.
      found: whether it was compiled before, and kept by JAX's cache.
    """

    program: StepProgram
    topology: Topology
    memory: Memory | None
    refusal: str
    used_gib: float | None
    room_gib: float | None
    exchanges: list[Exchange] | None
    tflop: float | None
    seconds: float
    wall_seconds: float
    found: bool = False

    @property
    def fits(self) -> bool:
        """Whether the step fits into the memory; True where nobody knows."""
        if self.refusal:
            return False
        return self.used_gib is None or self.room_gib is None or self.used_gib <= self.room_gib


def check(config: Config, topology: Topology) -> Checked:
    """Compiles the step of a configuration; for 'cuda' it is only lowered, to what the compiler would take.

    Raises:
      UserError: the configuration does not fit the devices.
    """
    started, clock = time.process_time(), time.monotonic()
    if topology.platform == "cuda":
        return _lowered_for_cuda(config, topology, started, clock)
    program = trace_step(config, topology)
    memory, refusal, exchanges, tflop, used, room = None, "", [], None, None, topology.memory_gib
    lowered = program.traced.lower()
    try:
        with counting_found() as kept:
            compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if _REFUSED not in str(error):
            raise
        refusal = str(error).partition("HLO module")[0].strip()
        if sizes := _SIZES.search(refusal):
            used, room = (float(sizes[i]) * _UNITS[sizes[i + 1]] / _GIB for i in (1, 3))
    else:
        found = compiled.memory_analysis()
        memory = Memory(
            arguments=found.argument_size_in_bytes,
            outputs=found.output_size_in_bytes - found.alias_size_in_bytes,
            temporaries=found.temp_size_in_bytes,
            code=found.generated_code_size_in_bytes,
        )
        try:
            exchanges = by_kind(collectives(compiled.as_text()))
        except jax.errors.JaxRuntimeError:  # jaxlib and libtpu are of different days
            exchanges = None
        tflop = (compiled.cost_analysis() or {}).get("flops", 0.0) / 1e12
        used = memory.together / _GIB
    seconds, wall = time.process_time() - started, time.monotonic() - clock
    return Checked(
        program, topology, memory, refusal, used, room, exchanges, tflop, seconds, wall, found=kept.count > 0
    )


def _lowered_for_cuda(config: Config, topology: Topology, started: float, clock: float) -> Checked:
    # cuDNN's attention asks for a GPU as it is traced.
    config = dataclasses.replace(config, compute=dataclasses.replace(config.compute, attention="xla"))
    with mock.patch.object(jax, "default_backend", lambda: "gpu"):  # what 'auto' in a config follows
        program = trace_step(config, topology)
        program.traced.lower(lowering_platforms=("cuda",)).as_text()
    seconds, wall = time.process_time() - started, time.monotonic() - clock
    return Checked(program, topology, None, "", None, None, [], None, seconds, wall)


def notes(config: Config, topology: Topology) -> Iterator[str]:
    """What to know before minutes go by."""
    if config.compute.unroll != 1 and topology.platform != "cuda":
        yield "every layer is compiled by itself; --config.compute.unroll=1 compiles a loop over them, which is sooner."


def describe(config: Config, checked: Checked) -> Iterator[str]:
    """The lines of the report."""
    topology, program, layout = checked.topology, checked.program, checked.program.layout
    count = len(topology.devices)
    room = f" of {topology.memory_gib:g} GiB" if topology.memory_gib else ""
    yield f"model        {program.parameters:,} parameters, {program.state_bytes / _GIB:.3g} GiB of state a device"
    device = "an NVIDIA GPU" if topology.platform == "cuda" else topology.devices[0].device_kind
    yield f"topology     {topology.name}: {count} x {device}{room}"
    kinds = (("synthetic", layout.synthetic), ("real", layout.real))
    rows = " + ".join(f"{share.rows // count} {kind}" for kind, share in kinds if share.rows)
    yield f"batch        {rows} a device, in {layout.micro_batches} micro-batches; {layout.work:.0%} of it counts"
    yield from _describe_memory(checked)
    for exchange in checked.exchanges or ():
        where = ", in a loop" if exchange.in_loop else ""
        dtypes = " and ".join(exchange.dtypes)
        size = f"{exchange.bytes / _MIB:,.1f} MiB"
        yield f"exchanged    {exchange.count} x {exchange.kind}, {size} of {dtypes} together{where}"
    if checked.exchanges is None:
        yield "exchanged    not told: this jaxlib cannot read what this libtpu has compiled"
    elif topology.platform != "cuda" and checked.memory and not checked.exchanges:
        yield "exchanged    nothing"
    if checked.tflop is not None:
        yield f"work         {checked.tflop:.3g} TFLOP a device, what stands in a loop counted once"
    done = "lowered" if topology.platform == "cuda" else "compiled"
    before = ", compiled before" if checked.found else ""
    yield f"{done:13}in {checked.seconds:.0f} s of the processor, {checked.wall_seconds:.0f} s on the clock{before}"
    if topology.platform == "cuda":
        yield "not known    memory, speed, and whether XLA and cuDNN take it: that needs a GPU"
    if not checked.fits:
        yield from (f"try          {hint}" for hint in _hints(config, count))


def _describe_memory(checked: Checked) -> Iterator[str]:
    if memory := checked.memory:
        for name in ("arguments", "outputs", "temporaries", "code"):
            yield f"memory       {getattr(memory, name) / _GIB:8.3f} GiB {name}"
    if checked.refusal:
        yield f"refused      {checked.refusal}"
    if checked.used_gib is None:
        return
    if checked.room_gib is None:
        yield f"memory       {checked.used_gib:8.3f} GiB together"
        return
    spare = checked.room_gib - checked.used_gib
    verdict = f"fits, {spare:.2f} GiB to spare" if spare >= 0 else f"does not fit, {-spare:.2f} GiB too much"
    least = "at least " * bool(checked.refusal)
    yield f"memory       {checked.used_gib:8.3f} GiB {least}together, of {checked.room_gib:g}: {verdict}"


def _hints(config: Config, devices: int) -> Iterator[str]:
    """Changes of the configuration that save memory, those that cost least first."""
    if config.batch.micro_batches:
        yield "--config.batch.micro_batches=0, the smallest parts"
    remat = {"none": "dots", "dots": "full"}.get(config.compute.remat)
    if remat:
        yield f"--config.compute.remat={remat}, which computes more again"
    larger = next((n for n in range(2 * config.mesh.fsdp, devices + 1, config.mesh.fsdp) if devices % n == 0), None)
    if larger:
        yield f"--config.mesh.fsdp={larger}, which shares the state, or more of {devices} devices"
    yield f"--config.render.rays_per_chunk={max(config.render.rays_per_chunk // 2, 1)}, which renders less at a time"
    if config.optimizer.ema_decay:
        yield "--config.optimizer.ema_decay=0, which keeps no averaged parameters"
