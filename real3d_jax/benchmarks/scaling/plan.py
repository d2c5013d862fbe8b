"""Which rows are measured, on which devices, and in which order, so that devices are rarely idle.

Rows on different devices are measured side by side. The largest row comes first: it writes the checkpoint that the rows
of strong scaling go on from. The largest with sharded parameters comes last, and goes on from the checkpoint of one
device.
"""

import dataclasses
import random
from collections.abc import Mapping, Sequence

WARM_UP, PROFILED = 2, 1  # steps before and after the measured ones
COUNTS = (1, 2, 4, 8)
_TRIES = 2000  # orders of rows that are compared


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


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds that a plan counts with, and those after which a row is given up.

    Attributes:
      rate: pairs (one example of each kind) a second and device.
      compiling: of all rows, side by side; after it devices are free.
      starting: of a process that measures, from its turn on to its first step.
      extra: of a row that are no steps: first exchange, checkpoint, trace.
      silent: without a word of a process, by its state (of `running`), after which it is given up;
        those without an entry may be silent.
      out_of_memory: without a word after the first one of too little memory, after which it is given up.
    """

    rate: float
    compiling: float
    starting: float
    extra: float
    silent: Mapping[str, float]
    out_of_memory: float


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
    """The rows of a machine, the most valuable first, each on the first devices.

    Args:
      devices: that it has; the largest of 1, 2, 4 and 8 that it has is used.
      examples: of each kind in a step of strong scaling.
    """
    counts = [count for count in COUNTS if count <= devices]
    most, blocks = counts[-1], {count: tuple(range(count)) for count in counts}
    if most == 1:
        return [Row("both-1", "both", (0,), False, examples, saves=True)]
    first, one = f"both-{most}-replicated", "strong-1"
    replicated, sharded = [Row(first, "both", blocks[most], False, examples, saves=True)], []
    for count in counts[:-1]:
        for rows, shares in ((replicated, False), (sharded, True))[: 1 + (count > 1)]:
            ending = f"{count}-{'sharded' if shares else 'replicated'}" if count > 1 else "1"
            rows += [
                Row(f"strong-{ending}", "strong", blocks[count], shares, examples, source=first, saves=count == 1),
                Row(f"weak-{ending}", "weak", blocks[count], shares, examples * count // most),
            ]
    last = Row(f"both-{most}-sharded", "both", blocks[most], True, examples, source=one)
    return [*replicated, last, *sharded]


def choose(rows: Sequence[Row], *, steps: int, times: Times, limit: float) -> list[Row]:
    """The rows that fit into `limit` seconds, placed: the most valuable ones, and of the rest what still fits.

    Args:
      rows: the most valuable first.
      steps: measured steps of each.
      times: for the plan.
      limit: seconds, compiling included.
    """
    chosen: list[Row] = []
    placed: list[Row] = []
    for row in rows:
        tried = place([*chosen, row], steps=steps, times=times)
        if times.compiling + makespan(schedule(tried, steps=steps, times=times)) <= limit:
            chosen, placed = [*chosen, row], tried
    return placed


def place(rows: Sequence[Row], *, steps: int, times: Times) -> list[Row]:
    """The rows on devices that are neighbours, in the order in which they start, so that all end early.

    Of many orders in which each row takes the devices that are free first, it is the best one.
    """
    most = max(row.count for row in rows)
    first = [row for row in rows if row.count == most and not row.source]
    last = [row for row in rows if row.count == most and row.source]
    middle, chance = [row for row in rows if row.count < most], random.Random(0)
    needed = {row: seconds(row, steps=steps, times=times) for row in middle}
    best: tuple[float, float] | None = None
    found: list[Row] = []
    for _ in range(_TRIES if len(middle) > 1 else 1):
        until, placed = [0.0] * most, []
        for row in middle:
            start, block = min(
                (max(until[at : at + row.count]), at) for at in range(most - row.count + 1)
            )  # the devices that are free first
            until[block : block + row.count] = [start + needed[row]] * row.count
            placed.append((start, dataclasses.replace(row, devices=tuple(range(block, block + row.count)))))
        cost = (max(until), sum(start for start, _ in placed))
        if best is None or cost < best:
            best, found = cost, [row for _, row in sorted(placed, key=lambda one: one[0])]
        chance.shuffle(middle)
    return [*first, *found, *last]


def schedule(
    rows: Sequence[Row], *, steps: int, times: Times, free: Mapping[int, float] | None = None
) -> list[Planned]:
    """When each row is measured, if all are compiled: each once its devices have done the rows before it.

    Args:
      rows: in their order.
      steps: measured steps of each.
      times: for the plan.
      free: seconds after which devices are free.
    """
    until: dict[int, float] = dict(free or {})
    planned = []
    for row in rows:
        start = max(until.get(device, 0.0) for device in row.devices)
        planned.append(Planned(row, start, seconds(row, steps=steps, times=times)))
        for device in row.devices:
            until[device] = planned[-1].end
    return planned


def seconds(row: Row, *, steps: int, times: Times) -> float:
    """That a row needs its devices for, about."""
    return times.starting + times.extra + (WARM_UP + steps + PROFILED * (row.count > 1)) * row.each / times.rate


def is_of(law: str, scaling: str) -> bool:
    """Whether a row of that law is a point of 'weak' or of 'strong' scaling."""
    return law in (scaling, "both")


def makespan(planned: Sequence[Planned]) -> float:
    """Seconds to the end of the last row."""
    return max((one.end for one in planned), default=0.0)


def is_next(row: Row, waiting: Sequence[Row], *, places: int) -> bool:
    """Whether fewer than `places` rows of those that wait or run come before it on every one of its devices."""
    before = waiting[: waiting.index(row)]
    return all(sum(device in other.devices for other in before) < places for device in row.devices)


def describe(planned: Sequence[Planned], *, times: Times) -> list[str]:
    """The plan in lines, with times since the start."""
    after = times.compiling
    lines = [f"plan       {len(planned)} rows; all are compiled first, in about {after:.0f} s, side by side"]
    for one in sorted(planned, key=lambda one: (one.start, one.row.devices)):
        where = ",".join(map(str, one.row.devices))
        origin = f", from the checkpoint of {one.row.source}" if one.row.source else ""
        lines.append(
            f"           {after + one.start:5.0f} s to {after + one.end:4.0f} s on {where:15s} {one.row.name}: "
            f"{one.row.examples} + {one.row.examples} examples a step{origin}"
        )
    return [
        *lines,
        f"           done after about {after + makespan(planned):.0f} s, if a device computes {times.rate:g} pairs/s, "
        f"a row takes {times.starting:g} s to start and {times.extra:g} s beside its steps",
    ]
