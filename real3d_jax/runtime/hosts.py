"""Several processes that do one piece of work: joining them, and what all of them must know of one another.

With one process everything here does nothing, or what it wraps.
"""

import contextlib
import itertools
import json
import logging
import os
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
from jax._src import clusters, distributed

from real3d_jax.errors import UserError
from real3d_jax.runtime.cli import USER_ERROR
from real3d_jax.runtime.first_watch import FirstWatch, Pulse, watch_over
from real3d_jax.runtime.roll_call import call_roll

Made = TypeVar("Made")

_PREFIX = "real3d/gather"
_FOR_EVER = 2**31 - 1  # milliseconds; `watch` ends processes whose others do not come
_rounds = itertools.count()
_watch: Pulse | FirstWatch | None = None


def join(seconds: float = 300.0, *, lost_seconds: float = 60.0) -> None:
    """Joins the other processes, and silences the warnings of all but the first; to be called before any use of JAX.

    JAX finds them by itself on Cloud TPU, Slurm and Open MPI. Elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
    JAX_PROCESS_ID tell, of which JAX itself reads the first alone.

    Args:
      seconds: that processes which come late are waited for.
      lost_seconds: without a sign of life of the first process after which it counts as lost.

    Raises:
      UserError: there are none to be found, or some of them do not come.
      SystemExit: likewise, on the processes that need not tell it.
    """
    global _watch
    try:
        address = os.environ.get("JAX_COORDINATOR_ADDRESS")
        count, number = (
            int(os.environ[name]) if name in os.environ else None for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
        )
        devices = None
        if None in (address, count, number):
            address, count, number, devices = clusters.ClusterEnv.auto_detect_unset_distributed_params(
                address, count, number, None, None, round(seconds)
            )
        if address is not None and count is not None and number is not None:
            lines = call_roll(address, count, number, seconds=seconds)
            _watch = watch_over(lines, number, count, lost_seconds=lost_seconds)
        jax.distributed.initialize(address, count, number, devices, initialization_timeout=round(seconds))
    except UserError:
        raise
    except RuntimeError:
        if _watch is not None:
            _watch.go_if_gone()  # the error comes of that
        raise
    except ValueError as error:
        raise UserError(
            f"--multihost cannot find the other processes ({str(error).rstrip('.')}): start it under Slurm or Open MPI "
            "or on a TPU pod, or set JAX_COORDINATOR_ADDRESS=HOST:PORT, JAX_NUM_PROCESSES and JAX_PROCESS_ID."
        ) from error
    if not is_first():
        logging.getLogger("real3d_jax").setLevel(logging.ERROR)


def is_alone() -> bool:
    """Whether this is the only process; asking does not start JAX's devices where it is."""
    return not jax.distributed.is_initialized() or jax.process_count() == 1


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return is_alone() or jax.process_index() == 0


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Does something that one process may fail in and others not; if one does, all of them end.

    The first process then tells what the failed one found, and the others end without a word, so that one sentence is
    printed. A failure that is a defect keeps its traceback where it occurred.

    Raises:
      UserError: on the first process, another one failed, or its own.
      SystemExit: on the others.
    """
    if is_alone():
        yield
        return
    error = None
    try:
        yield
    except Exception as caught:
        error = caught
    told = None
    if error is not None:
        told = str(error) if isinstance(error, UserError) else repr(error)
    found = gather(told)
    where = next((number for number, words in enumerate(found) if words is not None), None)
    if where is None:
        return
    if error is not None and (is_first() or not isinstance(error, UserError)):
        raise error
    raise told_by_first(UserError(f"Process {where} of {jax.process_count()}: {found[where]}"))


def first_then_others(make: Callable[[], Made]) -> Made:
    """What `make` returns, called on the first process while the others wait, which find what it left on the disk.

    Raises:
      UserError: as `together`, and likewise SystemExit.
    """
    made = []
    for first in (True, False):
        with together():
            if is_first() == first:
                made.append(make())
    return made[0]


def from_process(number: int, tree: Any) -> Any:
    """The JSON tree that process `number` gives, on all of them; what the others give does not matter."""
    if is_alone():
        return tree
    return gather(tree if jax.process_index() == number else None)[number]


def gather(tree: Any) -> list[Any]:
    """The JSON trees that the processes give, by their numbers; all of them call it, and wait for one another.

    It goes through JAX's coordination service, not through the devices, which may be at work meanwhile.
    """
    if is_alone():
        return [tree]
    service, number, turn = client(), jax.process_index(), next(_rounds)
    if tree is not None:
        service.key_value_set(f"{_PREFIX}/{turn}/{number}", json.dumps(tree))
    service.wait_at_barrier(_PREFIX, _FOR_EVER)
    found: list[Any] = [None] * jax.process_count()
    for key, text in service.key_value_dir_get(f"{_PREFIX}/{turn}/"):
        found[int(key.rsplit("/", 1)[1])] = json.loads(text)
    if turn and number == 0:
        service.key_value_delete(f"{_PREFIX}/{turn - 1}/")  # all have read it, since all have come to this one
    return found


def client() -> Any:
    """Of JAX's coordination service, which all processes reach; it has no public door."""
    return distributed.global_state.client


def first_watch() -> Pulse | FirstWatch | None:
    """What `join` has started so that the others end with the first process; None where `join` was not needed."""
    return _watch


def told_by_first(error: UserError) -> BaseException:
    """What to raise on all processes where all of them have found the same: the first one tells it."""
    return error if is_first() else SystemExit(USER_ERROR)


def described(reason: str) -> str:
    """What one process tells, with its number and machine if there are several."""
    return reason if is_alone() else f"{this_process()}: {reason}"


def this_process() -> str:
    """For messages: 'process 1 of 2 (node-7)'."""
    return f"process {jax.process_index()} of {jax.process_count()} ({socket.gethostname()})"


def check_same(trees: Mapping[str, Any]) -> None:
    """Refuses to go on unless the JSON trees are the same on all processes.

    Args:
      trees: by what they are, in the plural.

    Raises:
      UserError: as `together`, and likewise SystemExit.
    """
    if is_alone():
        return
    sums = {name: zlib.crc32(json.dumps(tree).encode()) for name, tree in trees.items()}
    expected = from_process(0, sums)
    with together():
        for name in (name for name in sums if sums[name] != expected[name]):
            raise UserError(
                f"Its {name} are not those of process 0: give all processes the same command, data and checkpoint."
            )
