"""Keeps compiled programs on the disk, so that what was compiled once need not be again.

JAX keeps them, each under a hash of the program, the options and its own version, and deletes those that were used
least recently. Here stands what it leaves to its user: where, how much, and what to do with entries that are of no use.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import jax

from real3d_jax.runtime import hosts
from real3d_jax.runtime.console import say
from real3d_jax.runtime.user_cache import VARIABLE, cache_folder

_FOLDER = "compiled"
# JAX's own settings; those that the environment has (JAX_...) stay.
_SETTINGS = {
    "jax_compilation_cache_max_size": 2 * 2**30,  # bytes
    "jax_persistent_cache_min_compile_time_secs": 0.1,  # of the many smaller ones, reading takes as long as compiling
    "jax_persistent_cache_enable_xla_caches": "none",  # they have no bound
}
_UNUSED_DAYS = 30  # after which programs for other kinds of processors are deleted
_LOCK_SECONDS = 10.0
_ENTRY, _USED = "-cache", "-atime"  # endings of JAX's files: a program, and when it was used last
_HIT = "/jax/compilation_cache/cache_hits"
_STEPS = "steps"
# Kernels would carry where they were called from into the programs, and so into what these are found by: then one that
# is traced after others, or from elsewhere, is not found.
_NO_LOCATIONS = {"jax_traceback_in_locations_limit": 0}

_steps: Path | None = None


def keep_programs(*, tell: bool = True, steps: bool = False) -> None:
    """Turns the cache on, below the user's cache folder; to be called by all processes.

    A folder that JAX was given already (JAX_COMPILATION_CACHE_DIR) stays, and JAX_ENABLE_COMPILATION_CACHE=false turns
    every one off. A folder that cannot be used is told, and the program goes on without.

    Args:
      tell: says how many programs are kept, and where.
      steps: keeps whole training steps, too (`steps_folder`). For programs that run what their files say: a step that
        was kept knows nothing of functions that a process has replaced.
    """
    global _steps
    config: Any = jax.config
    _set(_NO_LOCATIONS)
    if not config.jax_enable_compilation_cache or config.jax_compilation_cache_dir is not None:
        return
    folder = cache_folder() / _FOLDER / _processor()
    reason = next(filter(None, hosts.gather(_made_ready(folder))), None) or _unshared(folder)
    if reason:
        say(f"note       compiled programs are not kept ({reason}): set {VARIABLE} to another folder to keep them")
        return
    if hosts.is_first():
        _delete_unused(folder)
    _set(_SETTINGS)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    _steps = folder / _STEPS if steps and hosts.is_alone() else None
    if tell:
        say(f"programs   {_describe(folder)}")


def _set(settings: dict[str, Any]) -> None:
    """JAX's settings, but those that the environment has."""
    for name, value in settings.items():
        if name.upper() not in os.environ:
            jax.config.update(name, value)


def steps_folder() -> Path | None:
    """Where whole training steps are kept, which need not be there yet; None where they are not, as by many processes.

    Like the programs, they are run: it lies in the user's own folder, never in one that JAX was given.
    """
    return _steps


class Found:
    """How many programs were found in the cache."""

    count = 0


@contextlib.contextmanager
def counting_found() -> Iterator[Found]:
    """Counts the programs that this thread finds in the cache, whoever turned it on."""
    found, here = Found(), threading.get_ident()

    def listen(event: str, **_: object) -> None:
        found.count += event == _HIT and threading.get_ident() == here

    jax.monitoring.register_event_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_listener(listen)


def _processor() -> str:
    """A name for this kind of processor: a program for one can crash on another that shares the folder with it.

    JAX's hash is not made to tell them apart.
    """
    told = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU implementer", "CPU part")
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
        lines = [line for line in first.splitlines() if line.startswith(told)]
    except OSError:
        lines = [platform.node(), platform.processor()]
    return f"{platform.machine()}-{hashlib.sha256(repr(lines).encode()).hexdigest()[:12]}"


def _made_ready(folder: Path) -> str | None:
    """Makes the folder, and deletes what processes that were killed have left half; or says why that is impossible."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
        if state.st_uid != os.getuid() or state.st_mode & 0o022:
            return f"'{folder}' can be written by others, who could put programs there that you would run"
        with filelock.FileLock(folder / ".lockfile", timeout=_LOCK_SECONDS):  # JAX's
            for entry in folder.glob(f"*{_ENTRY}"):
                # JAX writes the second file last. Where it is missing, JAX up to 0.10.2 stores nothing any more.
                if not entry.with_name(entry.name.removesuffix(_ENTRY) + _USED).exists():
                    entry.unlink()
        os.utime(folder)
    except (OSError, NotImplementedError) as error:  # the latter is filelock's, where a file system has no locks
        return f"'{folder}': {getattr(error, 'strerror', None) or error}"
    return None


def _unshared(folder: Path) -> str | None:
    """Says so if not all processes see the same folder.

    Some would then find a program that others compile, and compiling for GPUs is work that they share.
    """
    if hosts.is_alone():
        return None
    token = None
    if hosts.is_first():
        with contextlib.suppress(OSError):
            token = f".seen-{uuid.uuid4().hex}"
            (folder / token).touch()
    token = hosts.from_process(0, token)
    seen = all(hosts.gather(token is not None and (folder / str(token)).exists()))
    if hosts.is_first() and token is not None:
        (folder / token).unlink(missing_ok=True)
    return None if seen else f"the processes have no '{folder}' in common"


def _delete_unused(folder: Path) -> None:
    """Deletes the folders of other kinds of processors that were not used for long."""
    for other in folder.parent.iterdir():
        with contextlib.suppress(OSError):
            if other != folder and time.time() - other.stat().st_mtime > _UNUSED_DAYS * 86400:
                shutil.rmtree(other, ignore_errors=True)


def _describe(folder: Path) -> str:
    sizes = []
    for entry in folder.glob(f"*{_ENTRY}"):
        with contextlib.suppress(FileNotFoundError):  # another process has deleted it
            sizes.append(entry.stat().st_size)
    return f"{len(sizes)} compiled before ({sum(sizes) / 2**20:.1f} MiB), in {folder}"
