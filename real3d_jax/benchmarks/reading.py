"""How fast training batches are read."""

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator

import jax

from real3d_jax.batches import TrainBatch
from real3d_jax.benchmarks.measuring import Case, Measurement, summarize
from real3d_jax.config import BatchConfig, Config
from real3d_jax.data import pipeline
from real3d_jax.data.embedded import prepare_embedded

_ROWS = 8
_OBJECTS = 6


def measure_reading(config: Config, *, workers: int, runs: int) -> Measurement:
    """Batches of a few objects of the embedded data, which are made in a temporary folder first.

    Args:
      config: whose model, rendering and data settings say what an example holds; its data are embedded.
      workers: reader processes; 0 reads in this one.
      runs: bursts of batches timed.
    """
    data = config.data
    embedded = {
        name: dataclasses.replace(source, objects=min(source.objects, _OBJECTS), held_out=0, views=5)
        for name, source in data.embedded.items()
        if source.kind != "procedural_views" or source.objects
    }
    with tempfile.TemporaryDirectory() as folder:
        data = dataclasses.replace(data, root=folder, embedded=embedded, validation={}, workers=workers)
        config = dataclasses.replace(config, data=data, batch=BatchConfig(_ROWS, _ROWS, 1))
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            prepare_embedded(data, progress=False)
        batches = pipeline.train_batches(config)
        with contextlib.closing(batches):
            # Batches come in bursts, as many as are read ahead. The first burst does not count.
            burst = max(1, data.prefetch)
            seconds = [_seconds(batches, burst) / burst for _ in range(runs + 1)][1:]
    case = Case(
        suite="data",
        name="batch read",
        sizes={"synthetic": _ROWS, "real": _ROWS, "image": config.model.image_size, "workers": workers},
        backend="grain",
        function=lambda: None,
        make_arguments=tuple,
        tflop=0.0,
    )
    return summarize(case, seconds, peak_gib=0.0, matrix_tflops=1.0)


def _seconds(batches: Iterator[TrainBatch], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return time.perf_counter() - start
