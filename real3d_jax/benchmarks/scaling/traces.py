"""Time of a step that devices spend exchanging, from a trace of JAX's profiler."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from real3d_jax.benchmarks import kernel_times

Interval = tuple[float, float]  # nanoseconds


class DeviceTime(NamedTuple):
    """Seconds of a device, in the mean over all devices of the trace.

    Attributes:
      collectives: in which a kernel that exchanges ran; waiting for the other devices included.
      exposed: of them, in which no other kernel ran.
      kernels: in which any kernel ran.
    """

    collectives: float
    exposed: float
    kernels: float


def read(folder: Path) -> DeviceTime | None:
    """The times of the trace below `folder`; None without kernels of GPUs, as on CPUs."""
    found = [summarize(kernels) for kernels in kernel_times.of_devices(folder)]
    found = [times for times in found if times.kernels]
    if not found:
        return None
    return DeviceTime(*(sum(values) / len(found) for values in zip(*found, strict=True)))


def summarize(kernels: Iterable[tuple[str, float, float]]) -> DeviceTime:
    """Of one device's kernels: name, start and end in nanoseconds."""
    exchanging, others = [], []
    for name, start, end in kernels:
        (exchanging if "nccl" in name.lower() else others).append((start, end))
    any_kernel, other = _length(exchanging + others), _length(others)
    return DeviceTime(_length(exchanging) / 1e9, (any_kernel - other) / 1e9, any_kernel / 1e9)


def _length(intervals: Sequence[Interval]) -> float:
    """Of their union."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(end - max(start, reached), 0.0)
        reached = max(reached, end)
    return total
