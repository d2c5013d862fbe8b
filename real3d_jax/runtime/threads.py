"""What a thread does beside the main one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


def begun(name: str, work: Callable[[], _Result]) -> Future[_Result]:
    """The result of `work`, which a thread of that name begins with at once."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future
