"""Several processes that do one piece of work: joining them, and what all of them must know of one another.

With one process everything here does nothing, or what it wraps.
"""

import contextlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from real3d_jax.errors import UserError
from real3d_jax.runtime.cli import USER_ERROR

Made = TypeVar("Made")


def join() -> None:
    """Joins the other processes, and silences the warnings of all but the first; to be called before any use of JAX.

    JAX finds them by itself on Cloud TPU, Slurm and Open MPI. Elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and
    JAX_PROCESS_ID tell, of which JAX itself reads the first alone.

    Raises:
      UserError: there are none to be found.
    """
    try:
        count, number = (
            int(os.environ[name]) if name in os.environ else None for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
        )
        jax.distributed.initialize(num_processes=count, process_id=number)
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
    failed = multihost_utils.process_allgather(np.array(error is not None))
    if not failed.any():
        return
    where = int(failed.argmax())
    told = from_process(where, str(error) if isinstance(error, UserError) else repr(error))
    if error is not None and (is_first() or not isinstance(error, UserError)):
        raise error
    if is_first():
        raise UserError(f"Process {where} of {jax.process_count()}: {told}")
    raise SystemExit(USER_ERROR)


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
    source = jax.process_index() == number
    text = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.array(len(text)), is_source=source))
    text = text if source else np.zeros(size, np.uint8)
    return json.loads(multihost_utils.broadcast_one_to_all(text, is_source=source).tobytes())


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
