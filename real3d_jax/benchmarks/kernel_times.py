"""Which kernels a program's time goes into, from traces of JAX's profiler."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from jax.profiler import ProfileData

_DEVICE, _STREAM = "/device:GPU:", "Stream"
_PAUSE = 3e6  # nanoseconds: longer ones lie between two runs, for which the processor is waited
_NAME = 110  # characters of a kernel's name


class Kernel(NamedTuple):
    """A kernel that ran on a GPU, its start and end in nanoseconds."""

    name: str
    start: float
    end: float


def of_devices(folder: Path) -> list[list[Kernel]]:
    """The kernels in the traces below `folder`, those of each GPU apart; of CPUs there are none."""
    planes = [plane for path in folder.rglob("*.xplane.pb") for plane in ProfileData.from_file(str(path)).planes]
    return [list(_kernels(plane)) for plane in planes if plane.name.startswith(_DEVICE)]


def table(kernels: Iterable[Kernel], runs: int) -> str:
    """Lines for people: how many kernels of how many milliseconds a run has, and each by its share.

    Args:
      kernels: of one device.
      runs: of the program, in the trace.
    """
    kernels = sorted(kernels, key=lambda kernel: kernel.start)
    of_name: dict[str, list[float]] = defaultdict(list)
    between, reached = 0.0, kernels[0].start if kernels else 0.0
    for name, start, end in kernels:
        of_name[name].append(end - start)
        gap = start - reached
        between += gap if 0 < gap < _PAUSE else 0.0
        reached = max(reached, end)

    def milliseconds(durations: Sequence[float]) -> float:
        return sum(durations) / 1e6 / runs

    whole = sum(map(milliseconds, of_name.values()))
    lines = [f"{len(kernels) / runs:.0f} kernels, {whole:.3f} ms in them, {between / 1e6 / runs:.3f} ms between them"]
    for name, durations in sorted(of_name.items(), key=lambda item: -sum(item[1])):
        each = sum(durations) / len(durations) / 1e3
        lines.append(
            f"{milliseconds(durations):10.3f} ms {len(durations) / runs:8.1f} x {each:9.1f} us  {name[:_NAME]}"
        )
    return "\n".join(lines) + "\n"


def _kernels(plane) -> Iterable[Kernel]:
    for line in plane.lines:
        if line.name.startswith(_STREAM):
            for event in line.events:
                yield Kernel(event.name, event.start_ns, event.start_ns + event.duration_ns)
