"""Which rows are measured, on which devices, and in which order, so that devices are rarely idle.

Rows on different devices are measured side by side. Each has its devices from the start, since it compiles for them
while others are measured. The largest row comes first: it writes the checkpoint that the rows of strong scaling go on
from. The largest with sharded parameters comes last, and goes on from the checkpoint of one device.
"""

import dataclasses
from collections.abc import Mapping, Sequence

WARM_UP, PROFILED = 2, 1  # steps before and after the measured ones
COUNTS = (1, 2, 4, 8)
_OVERHEAD = 8.0  # seconds of a row that are no steps: first exchange, checkpoint, trace


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement.

    Attributes:
      name: such as 'strong-2-sharded'.
      law: 'weak' (the same batch a device), 'strong' (the same batch in all), or 'both' on all devices.
      devices: numbers of those it runs on.
      sharded: whether the devices share one copy of the parameters (`mesh.fsdp`); else each has its own.
      examples: of each kind in a step.
      source: the row whose checkpoint it starts from; '' starts from random parameters.
      saves: whether it writes a checkpoint after its first step.
    """

    name: str
    law: str
    devices: tuple[int, ...]
    sharded: bool
    examples: int
    source: str = ""
    saves: bool = False

    @property
    def count(self) -> int:
        """Of devices."""
        return len(self.devices)

    @property
    def each(self) -> int:
        """Examples of each kind on a device."""
        return self.examples // self.count

    def fits_law(self, law: str) -> bool:
        """Whether it is a point of weak or of strong scaling."""
        return self.law in (law, "both")


@dataclasses.dataclass(frozen=True)
class Planned:
    """When a row is measured, in seconds since the first."""

    row: Row
    start: float
    seconds: float

    @property
    def end(self) -> float:
        """When its devices are free again."""
        return self.start + self.seconds


def make_rows(devices: int, examples: int) -> list[Row]:
    """The rows of a machine, in the order in which devices take them.

    Args:
      devices: that it has; the largest of 1, 2, 4 and 8 that it has is used.
      examples: of each kind in a step of strong scaling.
    """
    counts = [count for count in COUNTS if count <= devices]
    most = counts[-1]
    if most == 1:
        return [Row("both-1", "both", (0,), False, examples, saves=True)]
    first, one = f"both-{most}-replicated", "strong-1"
    middle = []
    for count in counts[:-1]:
        block = tuple(range(count))
        for sharded in (False, True) if count > 1 else (False,):
            ending = f"{count}-{'sharded' if sharded else 'replicated'}" if count > 1 else "1"
            middle += [
                Row(f"strong-{ending}", "strong", block, sharded, examples, source=first, saves=count == 1),
                Row(f"weak-{ending}", "weak", block, sharded, examples * count // most),
            ]
    middle.sort(key=lambda row: (-row.examples / row.count, row.sharded))
    everything = tuple(range(most))
    largest = Row(first, "both", everything, False, examples, saves=True)
    last = Row(f"both-{most}-sharded", "both", everything, True, examples, source=one)
    return [largest, *_placed(middle, most), last]


def schedule(rows: Sequence[Row], *, steps: int, rate: float, free: Mapping[int, float] | None = None) -> list[Planned]:
    """When each row is measured, if all are compiled: each once its devices have done the rows before it.

    Args:
      rows: in their order.
      steps: measured steps of each.
      rate: pairs (one example of each kind) a second and device.
      free: seconds after which devices are free.
    """
    until: dict[int, float] = dict(free or {})
    planned = []
    for row in rows:
        start = max(until.get(device, 0.0) for device in row.devices)
        planned.append(Planned(row, start, seconds(row, steps=steps, rate=rate)))
        until.update(dict.fromkeys(row.devices, planned[-1].end))
    return planned


def seconds(row: Row, *, steps: int, rate: float) -> float:
    """That a row needs its devices for, about."""
    return _OVERHEAD + (WARM_UP + steps + PROFILED * (row.count > 1)) * row.each / rate


def makespan(planned: Sequence[Planned]) -> float:
    """Seconds to the end of the last row."""
    return max((one.end for one in planned), default=0.0)


def is_next(row: Row, waiting: Sequence[Row], *, places: int) -> bool:
    """Whether fewer than `places` rows of those that wait or run come before it on every one of its devices."""
    before = waiting[: waiting.index(row)]
    return all(sum(device in other.devices for other in before) < places for device in row.devices)


def describe(planned: Sequence[Planned], *, compiling: float) -> list[str]:
    """The plan in lines, with times since the start if compiling takes `compiling` seconds."""
    lines = [f"plan       {len(planned)} rows; all are compiled first, in about {compiling:.0f} s, side by side"]
    for one in sorted(planned, key=lambda one: (one.start, one.row.devices)):
        where = ",".join(map(str, one.row.devices))
        origin = f", from the checkpoint of {one.row.source}" if one.row.source else ""
        lines.append(
            f"           {compiling + one.start:5.0f} s to {compiling + one.end:4.0f} s on {where:15s} {one.row.name}: "
            f"{one.row.examples} + {one.row.examples} examples a step{origin}"
        )
    return [*lines, f"           done after about {(compiling + makespan(planned)) / 60:.1f} minutes"]


def _placed(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows on the devices that are free first, in the order in which they start."""
    until, placed = dict.fromkeys(range(most), 0.0), []
    for row in rows:
        blocks = [tuple(range(first, first + row.count)) for first in range(0, most, row.count)]
        block = min(blocks, key=lambda block: (max(until[device] for device in block), -block[0] * (row.count > 1)))
        start = max(until[device] for device in block)
        until.update(dict.fromkeys(block, start + 1 + 10 * row.each))
        placed.append((start, dataclasses.replace(row, devices=block)))
    return [row for _, row in sorted(placed, key=lambda one: one[0])]
