"""Names of what is under way, for clocks."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Stage = Callable[[str], contextlib.AbstractContextManager]
_T = TypeVar("_T")


def each_within(stage: Stage, name: str, items: Iterable[_T]) -> Iterator[_T]:
    """The items, each of which is waited for within a stage."""
    iterator = iter(items)
    while True:
        with stage(name):
            item = next(iterator, None)
        if item is None:
            return
        yield item
