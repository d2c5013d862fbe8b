"""What threads do while a run is made ready."""

from collections.abc import Iterator
from concurrent.futures import Future

from real3d_jax.batches import TrainBatch
from real3d_jax.runtime.threads import begun


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
