"""What a run tells: lines and a progress bar on the terminal, `metrics.jsonl` and TensorBoard events in the workdir."""

import contextlib
import datetime
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from real3d_jax.runtime.batch_layout import BatchLayout
from real3d_jax.runtime.console import say
from real3d_jax.runtime.folders import replace_text
from real3d_jax.training.state import TrainState


class Reporter:
    """Reports one run. On every host but the first it does nothing.

    Args:
      workdir: gets `metrics.jsonl` and `tensorboard/`.
      steps: length of the run.
      start: the step that it starts or resumes at; later lines of an earlier try are dropped from `metrics.jsonl`.
      log_every: steps between two lines of metrics; 0 writes none.
    """

    def __init__(self, workdir: Path, *, steps: int, start: int, log_every: int):
        self._steps, self._log_every = steps, log_every
        self._sums: dict[str, float] = {}
        self._count = 0
        self._started = self._last = time.monotonic()
        self._start = self._last_step = start
        self._active = jax.process_index() == 0
        self._bar: tqdm | None = None
        if self._active:
            self._path, self._told = workdir / "metrics.jsonl", False
            self._file = _reopen_metrics(self._path, start)
            self._board = _open_board(workdir / "tensorboard", start)

    def begin(self) -> None:
        """Starts the clock of rate and ETA, and the bar if there is a terminal."""
        self._started = self._last = time.monotonic()
        if self._active and sys.stderr.isatty():
            self._bar = tqdm(total=self._steps, initial=self._start, unit="step", dynamic_ncols=True)

    def step(
        self, step: int, metrics: Mapping[str, Any], *, ready: float, extra: Callable[[], Mapping[str, float]] = dict
    ) -> None:
        """Takes the metrics of one step; means over `log_every` steps are written, counters and rates as they are.

        Args:
          step: its number.
          metrics: its metrics.
          ready: when the step was over, by `time.monotonic`; they may be taken any time later.
          extra: gives numbers that are written with the means, as they are; called on all hosts.
        """
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
        if not self._log_every or (step % self._log_every and step != self._steps):
            return
        means = {name: total / self._count for name, total in self._sums.items()}
        means |= {name: float(metrics[name]) for name in ("learning_rate", "skipped") if name in metrics}
        means.pop("skipped_in_a_row", None)
        self._sums, self._count = {}, 0
        rate = (step - self._last_step) / max(ready - self._last, 1e-9)
        self._last, self._last_step = ready, step
        peak = peak_device_gib()
        memory = {} if peak is None else {"peak_device_gib": peak}
        self.scalars(step, means | {"steps_per_second": rate} | memory | dict(extra()))
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{means['loss']:.4f}")
        else:
            say(self._progress(step, means, rate, ready))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers to `metrics.jsonl` and TensorBoard; a disk that takes none is told once and waited for."""
        if not self._active:
            return
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        try:
            self._file.write(json.dumps({"step": step} | finite) + "\n")  # kept, and written with a later line
            self._file.flush()
            self._told = False
        except OSError as error:
            if not self._told:
                say(f"warning: '{self._path}' cannot be written ({error.strerror}); training goes on.")
            self._told = True
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Writes an (H, W, 3) uint8 image to TensorBoard."""
        if self._active:
            self._board.add_image(name, picture, step, dataformats="HWC")
            self._board.flush()

    def close(self) -> None:
        """Ends the bar and closes the files."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._active:
            with contextlib.suppress(OSError):
                self._file.close()
            self._board.close()

    def _progress(self, step: int, means: Mapping[str, float], rate: float, ready: float) -> str:
        mean_time = (ready - self._started) / max(step - self._start, 1)
        left = datetime.timedelta(seconds=round(mean_time * (self._steps - step)))
        pace = f"{rate:.2f} steps/s" if rate >= 1 else f"{1 / rate:.2f} s/step"
        skipped = f"  skipped {means['skipped']:.0f}" if means.get("skipped") else ""
        return f"step {step}/{self._steps}  loss {means['loss']:.4f}  {pace}  {left} left{skipped}"


def _open_board(folder: Path, start: int) -> Any:
    """A `tensorboardX.SummaryWriter`, which would import PyTorch if it is there: seconds, and a quarter of a GiB."""
    with _absent("torch"):
        from tensorboardX import SummaryWriter
    board = SummaryWriter(str(folder), purge_step=start + 1 if start else None)
    _forgive(board)
    return board


@contextlib.contextmanager
def _absent(module: str) -> Iterator[None]:
    """Imports as if the module were not installed; one that has been imported stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # pyright: ignore[reportArgumentType]  # this is what makes an import fail
    try:
        yield
    finally:
        del sys.modules[module]


def _forgive(board: Any) -> None:
    """Lets TensorBoard's thread outlive a full disk: without it, the next numbers would wait for ever."""
    files: Any = board._get_file_writer()
    writer = files.event_writer._ev_writer
    for name in ("write_event", "flush", "close"):
        setattr(writer, name, _without_os_errors(getattr(writer, name)))


def _without_os_errors(write: Callable[..., Any]) -> Callable[..., Any]:
    def forgiving(*arguments: Any) -> Any:
        with contextlib.suppress(OSError):
            return write(*arguments)

    return forgiving


def describe_devices(layout: BatchLayout, fsdp: int, growth: float) -> str:
    """The lines of the summary on devices, the layout of a batch, and how much of each device's work counts.

    Args:
      layout: of a batch.
      fsdp: devices that share one copy of the parameters.
      growth: how many times as many examples as configured a step has (`training.growth`).
    """
    count, parts = layout.devices, layout.micro_batches
    kinds = [(name, share) for name, share in (("synthetic", layout.synthetic), ("real", layout.real)) if share.rows]
    each = " + ".join(f"{share.rows // (parts * count)} {name}" for name, share in kinds)
    total = " + ".join(f"{share.examples} {name}" for name, share in kinds)
    hosts = f" on {jax.process_count()} hosts" if jax.process_count() > 1 else ""
    grown = f", grown {growth:g} times," if growth != 1 else ""
    lines = [
        f"devices    {count} x {jax.devices()[0].device_kind}{hosts}, parameters shared by {fsdp}",
        f"batch      {total} examples a step{grown} = {parts} micro-batches x {count} devices x ({each})",
    ]
    if layout.work < 1:
        lines[-1] += f", of which {layout.work:.0%} are examples and the rest filler"
        idle = count - layout.busy_devices
        lines.append(
            f"work       {layout.work:.0%} of what a device computes counts, on average over the devices"
            f"{f' ({idle} with filler alone)' if idle else ''}; config.batch.grow = True takes more examples "
            "instead"
        )
    else:
        lines.append("work       100% of what a device computes counts")
    return "\n".join(lines)


def describe_parameters(state: TrainState) -> str:
    """The line of the summary on the size of the model, and of the whole state."""
    leaves = jax.tree.leaves(state.params)
    gib = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)) / 2**30
    return f"model      {sum(leaf.size for leaf in leaves):,} parameters; {gib:.2f} GiB with the optimiser's state"


def peak_rss_gib() -> float:
    """Greatest memory held by this process plus that of its largest ended child so far, in GiB."""
    kib = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return kib / 2**20 / (1024 if sys.platform == "darwin" else 1)


def peak_device_gib() -> float | None:
    """Greatest memory allocated so far on this host's first device, in GiB; None where the backend does not tell."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return None if peak is None else peak / 2**30


def describe_peak_memory(host_gib: float, device_gib: float | None) -> str:
    """The peaks of `peak_rss_gib` and `peak_device_gib`, for the last line of a run."""
    host = f"peak memory {host_gib:.2f} GiB"
    return host if device_gib is None else f"{host} host, {device_gib:.2f} GiB device"


def _reopen_metrics(path: Path, start: int) -> Any:
    """Opens the file for appending, without the lines of steps after `start`."""
    kept = []
    if path.exists():
        for text in path.read_text().splitlines(keepends=True):
            try:
                if text.endswith("\n") and json.loads(text)["step"] <= start:
                    kept.append(text)
            except json.JSONDecodeError:
                continue  # half a line, of a run that was killed
    if start == 0:
        kept = []
    replace_text(path, "".join(kept))
    return path.open("a")
