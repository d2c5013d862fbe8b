"""What devices exchange in a compiled program, from its text."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

_KINDS = "all-reduce|reduce-scatter|all-gather|all-to-all|collective-permute|collective-broadcast|ragged-all-to-all"
_OPERATION = re.compile(rf"^\s+(?:ROOT )?%\S+ = (.*?) ({_KINDS})(?:-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+\d+|pred)\[([\d,]*)\]")


class Collective(NamedTuple):
    """An operation of the program.

    Attributes:
      kind: as HLO names it.
      arrays: dtype and elements of each result.
      in_loop: whether it stands in another computation than the program's own, as the body of a loop does.
    """

    kind: str
    arrays: list[tuple[str, int]]
    in_loop: bool

    @property
    def elements(self) -> int:
        """Of all results together."""
        return sum(elements for _, elements in self.arrays)

    @property
    def bytes(self) -> int:
        """Of all results together, once."""
        return sum(elements * _width(dtype) for dtype, elements in self.arrays)


class Exchange(NamedTuple):
    """The collectives of one kind in a program; those in a loop are counted once.

    Attributes:
      kind: as HLO names it.
      dtypes: of what is exchanged, in HLO's words.
      in_loop: whether they stand in a loop.
      count: how many there are.
      bytes: of the results of all.
    """

    kind: str
    dtypes: tuple[str, ...]
    in_loop: bool
    count: int
    bytes: int


def collectives(program: str) -> list[Collective]:
    """All of them in a program's HLO."""
    found, in_entry = [], False
    for line in program.splitlines():
        if line and not line[0].isspace():
            in_entry = line.startswith("ENTRY")
        elif match := _OPERATION.match(line):
            arrays = [
                (dtype, math.prod(map(int, filter(None, sizes.split(",")))))
                for dtype, sizes in _ARRAY.findall(match[1])
            ]
            found.append(Collective(match[2], arrays, not in_entry))
    return found


def by_kind(found: Sequence[Collective]) -> list[Exchange]:
    """Sums of collectives that are alike, the most bytes first."""
    alike: dict[tuple[str, tuple[str, ...], bool], list[Collective]] = {}
    for one in found:
        dtypes = tuple(sorted({dtype for dtype, _ in one.arrays}))
        alike.setdefault((one.kind, dtypes, one.in_loop), []).append(one)
    sums = [Exchange(*key, len(group), sum(one.bytes for one in group)) for key, group in alike.items()]
    return sorted(sums, key=lambda exchange: -exchange.bytes)


def _width(dtype: str) -> int:
    """Bytes of an element."""
    bits = re.search(r"\d+", dtype)
    return max(int(bits[0]) // 8, 1) if bits else 1
