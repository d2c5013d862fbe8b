"""Times compiled programs, and says what machine they ran on."""

import dataclasses
import importlib.metadata
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from real3d_jax.benchmarks import kernel_times
from real3d_jax.errors import UserError
from real3d_jax.runtime.console import timed
from real3d_jax.training.step_memory import taken_gib

_WARM_UP = 2
_TRACED = 3  # runs
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "grain", "numpy")


@dataclasses.dataclass(frozen=True)
class Case:
    """A program to measure.

    Attributes:
      suite: 'encode', 'render', 'mesh', 'step', 'evaluate', 'draw' or 'data'.
      name: what it does, the same for every size.
      sizes: the numbers that the time depends on.
      backend: the implementations it runs on, such as 'pallas'.
      function: a pure function of arrays.
      make_arguments: makes them; called once for their shapes and once to run.
      tflop: counted work of a run, in 1e12 multiplications and additions.
      feeds_back: the first result replaces the first argument, whose memory it takes over.
      compiler_options: for XLA.
    """

    suite: str
    name: str
    sizes: dict[str, Any]
    backend: str
    function: Callable[..., Any]
    make_arguments: Callable[[], tuple]
    tflop: float
    feeds_back: bool = False
    compiler_options: Mapping[str, bool | str] | None = None

    def title(self) -> str:
        """One line that says what is measured."""
        sizes = " ".join(f"{key}={value}" for key, value in self.sizes.items())
        return f"{self.suite}: {self.name}, {sizes} [{self.backend}]"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a case took.

    Attributes:
      suite: of the case, as are `name`, `sizes` and `backend`.
      median_ms: of a run, from call to result, milliseconds.
      spread_ms: between the first and the third quartile.
      peak_gib: arguments, results and temporaries of the compiled program, on one device; 0 where there is none.
      tflops: counted work over the median, 1e12 a second.
      peak_share: `tflops` over the rate of a large matrix product on this machine.
      runs: how many were timed.
      queued_ms: of a run when all are asked for at once, as a training loop does, so that the processor's share is
        hidden, milliseconds; None where nothing was queued.
    """

    suite: str
    name: str
    sizes: dict[str, Any]
    median_ms: float
    spread_ms: float
    peak_gib: float
    tflops: float
    peak_share: float
    backend: str
    runs: int
    queued_ms: float | None = None


def measure(
    cases: Sequence[Case], *, runs: int, jobs: int, matrix_tflops: float, traces: Path | None = None
) -> Iterator[tuple[Case, Any]]:
    """Compiles the cases, `jobs` at a time, and times them one after another.

    Args:
      cases: what is measured.
      runs: timed of each.
      jobs: compiled at a time.
      matrix_tflops: of a large matrix product.
      traces: a folder for tables of what each case's time goes into, by kernels of a GPU; None makes none.

    Yields:
      Each case with its `Measurement`, or with the error of one that cannot run here, such as too little memory.

    Raises:
      UserError: a table cannot be written.
    """
    if not cases:
        return
    pool = ThreadPoolExecutor(jobs)
    compiled: list[Future] = [pool.submit(_compile, case) for case in cases]
    with timed(f"compiling {len(cases)} programs, {jobs} at a time"):
        for future in compiled:  # nothing is timed while the compiler has the processor
            future.exception()
    for case, future in zip(cases, compiled, strict=True):
        try:
            yield case, _measure(case, future.result(), runs, matrix_tflops)
            if traces is not None:
                _trace(case, future.result(), traces)
        except (jax.errors.JaxRuntimeError, NotImplementedError) as error:
            yield case, error
    pool.shutdown()


def summarize(
    case: Case, seconds: Sequence[float], *, peak_gib: float, matrix_tflops: float, queued: float | None = None
) -> Measurement:
    """The measurement of several runs; `queued` is the seconds of one of those that were."""
    median = statistics.median(seconds)
    quartiles = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [median, median, median]
    tflops = case.tflop / median
    return Measurement(
        suite=case.suite,
        name=case.name,
        sizes=case.sizes,
        median_ms=median * 1e3,
        spread_ms=(quartiles[2] - quartiles[0]) * 1e3,
        peak_gib=peak_gib,
        tflops=tflops,
        peak_share=tflops / matrix_tflops,
        backend=case.backend,
        runs=len(seconds),
        queued_ms=None if queued is None else 1e3 * queued,
    )


def matrix_rate(dtype: str) -> float:
    """TFLOP/s of products of two large square matrices, several in a program: what this machine reaches at most."""
    size, products = (8192, 20) if jax.default_backend() != "cpu" else (1024, 2)
    a = (jax.random.normal(jax.random.key(0), (size, size)) * size**-0.5).astype(dtype)
    program = jax.jit(lambda a: jax.lax.fori_loop(0, products, lambda _, x: jnp.matmul(x, a), a)).lower(a).compile()
    return products * 2 * size**3 / statistics.median(time_calls(program, (a,), 10)) / 1e12


def device() -> dict[str, Any]:
    """The machine."""
    first = jax.devices()[0]
    return {"kind": first.device_kind, "platform": first.platform, "count": jax.device_count(), "host": _processor()}


def versions() -> dict[str, str]:
    """Of Python and of the packages that the times depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in _PACKAGES}


def _compile(case: Case):
    arguments = jax.eval_shape(case.make_arguments)
    lowered = jax.jit(case.function, donate_argnums=(0,) if case.feeds_back else ()).lower(*arguments)
    return lowered.compile(compiler_options=dict(case.compiler_options or {}))


def _measure(case: Case, compiled: Any, runs: int, matrix_tflops: float) -> Measurement:
    peak_gib = taken_gib(compiled.memory_analysis())
    arguments = case.make_arguments()
    seconds = time_calls(compiled, arguments, runs, feeds_back=case.feeds_back)
    if case.feeds_back:  # which has used them up
        arguments = case.make_arguments()
    queued = _time_queued(compiled, arguments, runs, feeds_back=case.feeds_back)
    return summarize(case, seconds, peak_gib=peak_gib, matrix_tflops=matrix_tflops, queued=queued)


def _trace(case: Case, compiled: Any, folder: Path) -> None:
    """Writes `kernel_times.table` of a few runs into a file of the case's name.

    Raises:
      UserError: it cannot be written.
    """
    arguments = case.make_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        with jax.profiler.trace(scratch):  # it was timed before, so that nothing need warm up
            time_calls(compiled, arguments, _TRACED, warm_up=0, feeds_back=case.feeds_back)
        kernels = kernel_times.of_devices(Path(scratch))
    name = re.sub(r"[^\w=.-]+", "_", case.title()).strip("_")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text(
            "\n".join([case.title(), *(kernel_times.table(of, _TRACED) for of in kernels)])
        )
    except OSError as error:
        raise UserError(f"--traces {folder} cannot be written ({error.strerror}): name another folder.") from error


def time_calls(
    function: Callable, arguments: tuple, runs: int, *, feeds_back: bool = False, warm_up: int = _WARM_UP
) -> list[float]:
    """Seconds of each of several calls after the first ones, which warm up; `feeds_back` as of `Case`."""
    results = _results(function, arguments, feeds_back)
    seconds = []
    for run in range(warm_up + runs):
        start = time.perf_counter()
        jax.block_until_ready(next(results))
        if run >= warm_up:
            seconds.append(time.perf_counter() - start)
    return seconds


def _time_queued(function: Callable, arguments: tuple, runs: int, *, feeds_back: bool) -> float:
    """Seconds of a call in the mean over several, none of which is waited for before the next."""
    results = _results(function, arguments, feeds_back)
    for _ in range(_WARM_UP):
        jax.block_until_ready(next(results))
    start = time.perf_counter()
    for _ in range(runs):
        result = next(results)
    jax.block_until_ready(result)
    return (time.perf_counter() - start) / runs


def _results(function: Callable, arguments: tuple, feeds_back: bool) -> Iterator[Any]:
    """Of one call after another, each made when it is asked for; `feeds_back` as of `Case`."""
    while True:
        result = function(*arguments)
        yield result
        if feeds_back:
            arguments = (result[0], *arguments[1:])


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def check_suites(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuses unknown suites by name.

    Raises:
      UserError: a name is not among the known ones.
    """
    for name in names:
        if name not in known:
            raise UserError(f"--suites has no suite '{name}': use {', '.join(known)}.")
