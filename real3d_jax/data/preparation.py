"""Prepares a data set of records from the files of a layout: splits, worker processes, encoding."""

import collections
import contextlib
import functools
import hashlib
import json
import multiprocessing
import pathlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from real3d_jax.data import records
from real3d_jax.data.records import Item, Rejection, Source, Unusable
from real3d_jax.data.sources.layout import Layout
from real3d_jax.errors import UserError

_AHEAD = 2  # items in work for each worker


@contextlib.contextmanager
def file_source(
    layout: Layout,
    *,
    held_out: int = 0,
    test_keys: Sequence[str] | None = None,
    limit: int | None = None,
    workers: int = 0,
) -> Iterator[Source]:
    """A source of the layout's items, for as long as its worker processes live.

    Args:
      layout: lists and reads the files.
      held_out: items of the test split, chosen by a hash of their keys.
      test_keys: instead, the items of the test split.
      limit: takes only so many of the training items, the first.
      workers: processes that read and encode; 0 does it in this one.

    Raises:
      UserError: the layout's folder is wrong, or the splits do not fit it; later, that a worker died.
    """
    splits = split(layout.keys(), held_out=held_out, test_keys=test_keys, limit=limit)
    digest = hashlib.sha256(json.dumps(splits).encode()).hexdigest()[:16]
    with worker_pool(workers) as pool:

        def items(split: str, chosen: range) -> Iterator[Item | Rejection]:
            keys = splits[split][chosen.start : chosen.stop]
            return _read_all(layout, keys, pool, _AHEAD * workers)

        counts = {name: len(keys) for name, keys in splits.items()}
        settings = {**layout.settings(), "keys": digest}
        yield Source(layout.schema, layout.mask_threshold, settings, counts, items, unit=layout.unit)


def split(
    keys: Sequence[str], *, held_out: int = 0, test_keys: Sequence[str] | None = None, limit: int | None = None
) -> dict[str, list[str]]:
    """The keys of the splits 'train' and 'test', each in the order of `keys`; arguments as for `file_source`.

    Which items are held out depends on their own keys: more items in the folder leave most choices as they are.

    Raises:
      UserError: a test key is no item, nothing is left to train on, or a number is out of range.
    """
    if test_keys is not None:
        unknown = sorted(set(test_keys) - set(keys))
        if unknown:
            raise UserError(f"The test list names '{unknown[0]}', which is no item of the source: correct the list.")
        test = set(test_keys)
    else:
        if not 0 <= held_out <= len(keys):
            raise UserError(f"--held_out must be between 0 and the number of items, {len(keys)}, not {held_out}.")
        test = set(sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())[:held_out])
    if limit is not None and limit < 1:
        raise UserError(f"--limit must be at least 1, not {limit}.")
    train = [key for key in keys if key not in test][:limit]
    return {"train": train, "test": [key for key in keys if key in test]}


def read_test_list(path: pathlib.Path, *, option: str = "--test_list") -> list[str]:
    """Keys from a file: a JSON list, or one a line. `option` names it in the message.

    Raises:
      UserError: it cannot be read.
    """
    try:
        text = path.read_text().strip()
        keys = json.loads(text) if text.startswith("[") else text.splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{option} '{path}' cannot be read ({error}): name a text file of one key a line.") from error
    return [str(key).strip() for key in keys if str(key).strip()]


@contextlib.contextmanager
def worker_pool(workers: int) -> Iterator[Executor | None]:
    """Processes that leave interrupts to this one, which gives their work up; None for 0 workers.

    Raises:
      UserError: `workers` is negative.
    """
    if workers < 0:
        raise UserError(f"--workers must be at least 0, not {workers}.")
    if not workers:
        yield None
        return
    # Not forked: this process may run JAX's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_all(layout: Layout, keys: Iterable[str], pool: Executor | None, ahead: int) -> Iterator[Item | Rejection]:
    """The items in order, a few of them in work at a time."""
    if pool is None:
        yield from (_read(layout, key) for key in keys)
        return
    running: collections.deque[tuple[str, Future]] = collections.deque()
    try:
        for key in keys:
            running.append((key, pool.submit(_read, layout, key)))
            if len(running) >= ahead:
                yield running.popleft()[1].result()
        while running:
            yield running.popleft()[1].result()
    except BrokenProcessPool as error:
        raise UserError(
            "A worker process died while it read items (out of memory?): run the command again with fewer --workers; "
            "it keeps the finished shards."
        ) from error


def _read(layout: Layout, key: str) -> Item | Rejection:
    """An item with its records encoded, or why there is none."""
    try:
        item = layout.read(key)
    except Unusable as error:
        return Rejection(key, str(error))
    except OSError as error:
        return Rejection(key, f"a file cannot be read ({error.strerror or error})")
    features = _features(layout.schema)
    return item._replace(records=tuple(records.encode(record, features) for record in item.records))


@functools.cache
def _features(schema: str):
    return records.features(schema)
