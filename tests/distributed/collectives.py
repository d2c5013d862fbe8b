"""What devices exchange in a compiled program, from its text."""

import math
import re
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
