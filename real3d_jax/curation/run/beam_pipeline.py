"""Curates parts on Apache Beam: in this process, in several, or on a cluster."""

import contextlib
import dataclasses
import logging
import os
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import NoReturn

import apache_beam as beam
import grpc
from apache_beam.metrics.metric import Metrics
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner, create_runner
from apache_beam.transforms.environments import SubprocessSDKEnvironment
from apache_beam.utils.shared import Shared
from tqdm import tqdm

from real3d_jax.curation.parts import Parts
from real3d_jax.curation.report.examples import ExampleDrawer, examples_of_part
from real3d_jax.curation.run import beam_worker
from real3d_jax.curation.run.curator import Curator, LoadedCurator
from real3d_jax.errors import UserError

# `DirectRunner` may look for another runner's binary on the network; this one needs nothing.
LOCAL_RUNNER = "FnApiRunner"
_POLL = 0.5  # seconds between looks at the progress
_OF_USER = re.compile(r"real3d_jax\.errors\.\w+: (.*?)(?: \[while running .*)?$", re.MULTILINE)
_INTERRUPT = re.compile(r"^(RuntimeError: )?KeyboardInterrupt\b", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
      parts: where jobs are and results go. All workers must see this folder and that of the photographs.
      count: how many parts there are, from 0 on.
      photographs: how many there are in all parts.
    """

    parts: Parts
    count: int
    photographs: int


def run(work: Work, curator: Curator, *, workers: int, flags: Sequence[str], progress: bool = True) -> None:
    """Curates the parts that are not done.

    Args:
      work: the parts.
      curator: how.
      workers: processes of the local runner; 1 is this one.
      flags: Beam's own, such as `--runner=DataflowRunner`.
      progress: shows a bar on stderr, if the runner is the local one.

    Raises:
      UserError: there is no such runner, or a backend cannot be loaded.
    """
    options = PipelineOptions(list(flags))
    local = options.view_as(StandardOptions).runner in (None, LOCAL_RUNNER)
    runner = _local_runner(workers, options) if local else _named_runner(options)
    missing = [number for number in range(work.count) if not work.parts.is_done(number)]
    with _user_errors(), _dead_workers(), _bar(work, show=progress and local):
        pipeline = beam.Pipeline(runner, options)
        _ = (
            pipeline
            | "Parts" >> beam.Create(missing)
            | "Spread" >> beam.Reshuffle()
            | "Curate" >> beam.ParDo(_Curate(curator, work))
        )
        pipeline.run().wait_until_finish()


class _Curate(beam.DoFn):
    """Does a part, unless it is done. The models are loaded once a process, whatever its number of threads."""

    def __init__(self, curator: Curator, work: Work):
        self._curator, self._work = curator, work
        self._shared = Shared()
        self._loaded: LoadedCurator | None = None

    def setup(self) -> None:
        self._loaded = self._shared.acquire(self._curator.load)

    def process(self, element: int) -> None:
        parts = self._work.parts
        if parts.is_done(element):
            return
        assert self._loaded is not None
        drawer = ExampleDrawer(examples_of_part(element, self._work.count))
        result, records = self._loaded.curate(parts.read_job(element), drawer)
        parts.write_result(element, result, records)
        Metrics.counter("curation", "photographs").inc(result.photographs)
        Metrics.counter("curation", "kept").inc(len(records))


def _local_runner(workers: int, options: PipelineOptions) -> FnApiRunner:
    direct = options.view_as(DirectOptions)
    if workers > 1:
        direct.direct_num_workers = workers
    if direct.direct_num_workers == 1 or direct.direct_running_mode == "multi_threading":
        return FnApiRunner()
    direct.direct_running_mode = "in_memory"  # that is: the environment below instead of Beam's own talkative one
    command = f"exec {shlex.quote(sys.executable)} -m {beam_worker.__name__} {os.getpid()}"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


def _named_runner(options: PipelineOptions) -> PipelineRunner:
    try:
        return create_runner(options.view_as(StandardOptions).runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(f"--runner cannot be used ({error}): name one of Beam's, or leave it out.") from error


@contextlib.contextmanager
def _user_errors() -> Iterator[None]:
    """Beam adds to the message of an error in a worker, sends one of another process as text, and takes an interrupt
    for an error of the worker's."""
    logger = logging.getLogger("apache_beam")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # it logs every error that it raises
    try:
        with _noticing_interrupts() as interrupted:
            yield
    except Exception as error:
        if interrupted.is_set() or _INTERRUPT.search(str(error)):
            raise KeyboardInterrupt from error
        found = _OF_USER.search(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
        if found is None:
            raise
        raise UserError(found.group(1)) from error
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def _noticing_interrupts() -> Iterator[threading.Event]:
    """Tells whether Ctrl-C came: amid NumPy's C code another error can take the place of what Python raises then."""
    interrupted = threading.Event()

    def notice(*_: object) -> NoReturn:
        interrupted.set()
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # shells let background jobs ignore it
    if not usual or threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    signal.signal(signal.SIGINT, notice)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _dead_workers() -> Iterator[None]:
    """Beam's local runner waits for ever for a worker that died; its thread for that worker alone notices.

    The main thread is then interrupted by a signal, since nothing else ends its wait for a lock. It is not SIGINT,
    which shells let their background jobs ignore.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:  # signals are the main thread's
        yield
        return
    dead, hook = threading.Event(), threading.excepthook
    handler = signal.signal(signal.SIGUSR1, signal.default_int_handler)

    def notice(arguments: threading.ExceptHookArgs) -> None:
        if isinstance(arguments.exc_value, grpc.RpcError):
            return  # the broken connection to such a worker
        if "Worker subprocess exited" not in str(arguments.exc_value):
            hook(arguments)
        elif not dead.is_set():
            dead.set()
            assert main.ident is not None
            signal.pthread_kill(main.ident, signal.SIGUSR1)

    threading.excepthook = notice
    try:
        yield
    except BaseException as error:
        if not dead.is_set():
            raise
        raise UserError(
            "A worker process died (out of memory?): run the command again with fewer --workers; it keeps what is done."
        ) from error
    finally:
        threading.excepthook = hook
        signal.signal(signal.SIGUSR1, handler)


@contextlib.contextmanager
def _bar(work: Work, *, show: bool) -> Iterator[None]:
    """Counts finished parts while the runner runs, in whichever processes."""
    stop = threading.Event()
    with tqdm(total=work.photographs, desc="curating", unit="photograph", disable=not show) as bar:

        def update() -> None:
            bar.n = round(work.photographs * work.parts.count_done() / max(work.count, 1))
            bar.refresh()

        def watch() -> None:
            pause = _POLL
            while not stop.wait(pause):
                start = time.monotonic()
                update()
                pause = max(_POLL, 20 * (time.monotonic() - start))  # a folder of many parts takes long to list

        if not show:
            yield
            return
        update()
        bar.initial = bar.n  # of the rate
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            update()
