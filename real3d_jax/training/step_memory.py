"""Whether a compiled step fits into its devices' memory, before it is run.

Where one of several devices of a process has too little memory amid a step, XLA leaves the others waiting for it, and
the program with them, until it is ended for its silence (`--stall_minutes`). What is known before is refused before.
"""

import os
from typing import Any

import jax

from real3d_jax.errors import UserError


def needed_gib(step: Any) -> float | None:
    """Memory of a device that a compiled step takes at once, in GiB: arguments, results and what lies between.

    None where the backend does not tell.
    """
    try:
        memory = step.memory_analysis()
    except jax.errors.JaxRuntimeError:  # of some programs that were read from a cache
        return None
    return None if memory is None else taken_gib(memory)


def taken_gib(memory: Any) -> float:
    """What a program takes at once, in GiB, of its `memory_analysis()`."""
    kept = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return (kept + memory.temp_size_in_bytes) / 2**30


def limit_gib() -> float | None:
    """Memory of a device that this process may take, in GiB, the least of all; None where the backend does not tell.

    A CPU's is the machine's memory, in equal parts where it plays several devices.
    """
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / len(devices) / 2**30
    return min((device.memory_stats() or {}).get("bytes_limit", 0) for device in devices) / 2**30 or None


def check_fits(step: Any) -> None:
    """Refuses a compiled step that needs more memory than a device gives.

    Raises:
      UserError: it does.
    """
    needed, limit = needed_gib(step), limit_gib()
    if needed is not None and limit is not None and needed > limit:
        raise UserError(
            f"The training step needs {needed:.1f} GiB of a device, which gives {limit:.1f} GiB: set "
            "config.batch.micro_batches = 0 or config.compute.remat = 'full', raise config.mesh.fsdp, or, on GPUs, the "
            "share of their memory that JAX takes (XLA_PYTHON_CLIENT_MEM_FRACTION)."
        )
