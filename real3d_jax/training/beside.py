"""What threads do while a run is made ready."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from real3d_jax.batches import TrainBatch

_Result = TypeVar("_Result")


def begun(name: str, work: Callable[[], _Result]) -> Future[_Result]:
    """The result of `work`, which a thread of that name begins with at once."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


class ReadAhead:
    """The batches of an iterator, of which the first one is read at once: processes that read take seconds to start.

    What reading it raises is raised where it is asked for.

    Args:
      batches: the iterator; no one else may ask it.
    """

    def __init__(self, batches: Iterator[TrainBatch]):
        self._batches = batches
        self._first: Future[TrainBatch] | None = begun("reading", lambda: next(batches))

    def __iter__(self) -> Iterator[TrainBatch]:
        return self

    def __next__(self) -> TrainBatch:
        if self._first is not None:
            first, self._first = self._first, None
            return first.result()
        return next(self._batches)
