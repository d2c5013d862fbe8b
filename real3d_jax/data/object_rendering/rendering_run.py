"""Renders a folder of meshes: worker processes, resuming, and what was left out.

Each object is made in a worker process under a time limit, so that a mesh which crashes or hangs a library takes only
its worker along. An object's folder appears when it is whole; a run that was killed goes on with what is missing.
"""

import concurrent.futures
import contextlib
import fcntl
import itertools
import json
import multiprocessing
import os
import pathlib
import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from real3d_jax.data import rejections
from real3d_jax.data.object_rendering import object_list, object_notes, stretching
from real3d_jax.data.object_rendering.object_list import MeshFile
from real3d_jax.data.object_rendering.object_renders import partial_folder, render_object, renderers
from real3d_jax.data.object_rendering.settings import RenderSettings
from real3d_jax.data.records import Rejection
from real3d_jax.data.sources.renders import subfolders
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders

PLAN = "rendering.json"
SPLIT = "all"  # renders have no splits; the lists of rejected items have a place for one
_AHEAD = 2  # objects handed out for each worker
_OBJECTS_A_PROCESS = 500  # then a fresh one takes its place, for what libraries do not give back
_NO_WORKERS = "No worker process can be started any more ({}): run the command again; it keeps what is done."
_START_LIMIT = 120  # seconds in which a renderer must be ready


def render_folder(
    source: pathlib.Path,
    folder: pathlib.Path,
    settings: RenderSettings,
    *,
    include: str = "*",
    exclude: str | None = None,
    but: Collection[str] = (),
    limit: int | None = None,
    workers: int = 1,
    time_limit: float = 600,
    progress: bool = True,
) -> None:
    """Makes `folder/OBJECT` for each mesh, or those that are missing. Objects that were rejected are tried again.

    Args:
      source: a folder of meshes, or one mesh.
      folder: of the renders; made if missing.
      settings: must be those of the renders that are there.
      include, exclude, but, limit: see `object_list.find`.
      workers: processes. They change no byte of the result.
      time_limit: seconds for one object.
      progress: shows a bar on stderr.

    Raises:
      UserError: an argument is wrong, a renderer is not installed, the folder holds something else, cannot be written
        or is in use, or not one object could be used.
    """
    if workers < 1:
        raise UserError(f"--workers must be at least 1, not {workers}.")
    if time_limit <= 0:
        raise UserError(f"--time_limit must be above 0 seconds, not {time_limit}.")
    meshes, unnamed = object_list.find(source, include=include, exclude=exclude, but=but, limit=limit)
    if settings.stretched:
        meshes = stretching.variants(meshes, settings.stretched)
    try:
        with _held(folder):
            folders.begin(folder / PLAN, settings.plan(), made="rendered")
            for unfinished in folder.glob(partial_folder(folder, "*").name):
                shutil.rmtree(unfinished)
            there = set(subfolders(folder))
            missing = [mesh for mesh in meshes if mesh.name not in there]
            label = f"rendering {folder.name}"
            with tqdm(
                total=len(meshes), initial=len(meshes) - len(missing), desc=label, unit="object", disable=not progress
            ) as bar:
                rejected = _render_missing(missing, folder, settings, workers, time_limit, bar)
            _finish(folder, meshes, [*unnamed, *rejected], settings.views)
    except OSError as error:
        raise UserError(
            f"Cannot write '{folder}' ({error.strerror or error}): give a folder that can be written, with room in it."
        ) from error


@contextlib.contextmanager
def _held(folder: pathlib.Path) -> Iterator[None]:
    """Makes the folder and keeps other runs out of it, where the file system can."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every network file system has locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"Another run renders into '{folder}': wait for its end.") from error
        yield
    finally:
        os.close(handle)


def _render_missing(
    missing: Sequence[MeshFile],
    folder: pathlib.Path,
    settings: RenderSettings,
    workers: int,
    time_limit: float,
    bar: tqdm,
) -> list[Rejection]:
    """Renders what is missing and returns what cannot be; the list in the folder grows as it is found."""
    rejected = []
    if not missing:
        return rejected
    with (folder / rejections.LIST).open("w") as log, _pool(workers, settings) as pool:
        for mesh, reason in _outcomes(pool, missing, folder, settings, workers, time_limit):
            if reason is not None:
                rejected.append(Rejection(mesh.name, reason))
                log.write(rejections.lines([_report(1, [], rejected[-1:])]))
                log.flush()
                bar.set_postfix_str(f"{len(rejected)} rejected", refresh=False)
            bar.update()
    return rejected


def _outcomes(
    pool: ProcessPool,
    missing: Sequence[MeshFile],
    folder: pathlib.Path,
    settings: RenderSettings,
    workers: int,
    time_limit: float,
) -> Iterator[tuple[MeshFile, str | None]]:
    """Each object and why it was rejected, in the order in which they end."""
    queue, running = iter(missing), {}
    while True:
        for mesh in itertools.islice(queue, _AHEAD * workers - len(running)):
            try:
                future = pool.schedule(render_object, args=(mesh, folder, settings), timeout=time_limit)
            except RuntimeError as error:
                raise UserError(_NO_WORKERS.format(error)) from error
            running[future] = mesh
        if not running:
            return
        for future in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
            mesh = running.pop(future)
            reason = _reason(future, time_limit)
            if reason is not None:
                shutil.rmtree(partial_folder(folder, mesh.name), ignore_errors=True)
            yield mesh, reason


def _reason(future: Future, time_limit: float) -> str | None:
    try:
        return future.result()
    except TimeoutError:
        return f"it took longer than {time_limit:g} seconds"
    except ProcessExpired as error:
        return f"the process that rendered it died (exit code {error.exitcode}; out of memory?)"
    except BrokenProcessPool as error:
        raise UserError(_NO_WORKERS.format(error)) from error
    except (OSError, UserError):
        raise
    except Exception as error:  # a mesh that nobody thought of must not stop the others
        return f"rendering failed ({type(error).__name__}: {error})"


@contextlib.contextmanager
def _pool(workers: int, settings: RenderSettings) -> Iterator[ProcessPool]:
    """Worker processes whose renderer is known to start."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    pool = ProcessPool(
        workers,
        max_tasks=_OBJECTS_A_PROCESS,
        initializer=_begin_worker,
        initargs=(threads, settings),
        # Not forked: this process may run JAX's threads.
        context=multiprocessing.get_context("spawn"),
    )
    try:
        started = pool.schedule(_start, args=(settings,), timeout=_START_LIMIT)
        try:
            started.result()
        except (TimeoutError, ProcessExpired, BrokenProcessPool) as error:
            raise UserError(f"The {settings.renderer} cannot be started ({error}): check its installation.") from error
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()


def _begin_worker(threads: int, settings: RenderSettings) -> None:
    os.environ.setdefault("LP_NUM_THREADS", str(threads))  # of Mesa's software renderer
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    with contextlib.suppress(UserError):  # `_start` says it
        renderers(settings)  # here, so that it takes nothing of an object's time


def _start(settings: RenderSettings) -> None:
    renderers(settings)


def _finish(folder: pathlib.Path, meshes: Sequence[MeshFile], rejected: Sequence[Rejection], views: int) -> None:
    """Writes what was left out, and counts."""
    left_out = {entry.key for entry in rejected}
    kept = [(mesh.name, views) for mesh in meshes if mesh.name not in left_out]
    report = _report(len(kept) + len(rejected), kept, sorted(rejected))
    folders.replace_text(folder / rejections.LIST, rejections.lines([report]))
    summary = {
        **rejections.summary([report]),
        object_notes.KEY: object_notes.counts(folder, [name for name, _ in kept]),
    }
    folders.replace_text(folder / rejections.SUMMARY, json.dumps(summary, indent=2))
    rejections.check_any_kept([report], folder)


def _report(listed: int, kept: Sequence[tuple[str, int]], rejected: Sequence[Rejection]) -> rejections.Report:
    return rejections.Report(SPLIT, listed, kept, rejected, [])
