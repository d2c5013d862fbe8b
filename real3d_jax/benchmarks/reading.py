"""How fast training batches are read: from records, and from loose files for comparison."""

import contextlib
import dataclasses
import itertools
import pathlib
import tempfile
import time
from collections.abc import Callable, Generator, Iterator

from real3d_jax.benchmarks import loose_files
from real3d_jax.benchmarks.measuring import Case, Measurement, summarize
from real3d_jax.config.training import BatchConfig, Config
from real3d_jax.data import pipeline
from real3d_jax.data.embedded.preparation import prepare_embedded
from real3d_jax.data.record_reader import RecordSet

_ROWS = 8
_OBJECTS = 6


def measure_reading(config: Config, *, runs: int) -> Iterator[Measurement]:
    """Batches of a few objects of the embedded data, which are made in a temporary folder first.

    The time a batch takes with the configured number of reader processes and with none; then the processor time that a
    batch takes from records and from loose PNG files of the same pictures, whatever number of cores it is spread over.

    Args:
      config: whose model, rendering and data settings say what an example holds; its data are embedded.
      runs: bursts of batches timed.
    """
    with _prepared(config) as config:
        for workers in sorted({0, config.data.workers}):
            chosen = dataclasses.replace(config, data=dataclasses.replace(config.data, workers=workers))
            yield _measured(chosen, "batch read", _batches(chosen), time.perf_counter, runs, workers, "grain")
        alone = dataclasses.replace(config, data=dataclasses.replace(config.data, workers=0))
        yield _measured(
            alone, "processor time of a batch", _batches(alone), time.process_time, runs, 0, "grain, records"
        )
        loose = _loose_batches(alone)
        yield _measured(alone, "processor time of a batch", loose, time.process_time, runs, 0, "loose PNG files")


@contextlib.contextmanager
def _prepared(config: Config) -> Iterator[Config]:
    """The config with small data sets of its kinds."""
    embedded = {
        name: dataclasses.replace(source, objects=min(source.objects, _OBJECTS), held_out=0, views=5)
        for name, source in config.data.embedded.items()
        if source.kind != "procedural_views" or source.objects
    }
    with tempfile.TemporaryDirectory() as folder:
        data = dataclasses.replace(config.data, root=folder, embedded=embedded, validation={})
        prepare_embedded(data, progress=False)
        yield dataclasses.replace(config, data=data, batch=BatchConfig(_ROWS, _ROWS, 1))


def _batches(config: Config) -> Generator[object]:
    return pipeline.train_batches(config)


def _loose_batches(config: Config) -> Generator[object]:
    """Endless batches of the first data set of each kind, unpacked beside its records."""
    sizes = {"input_size": config.model.image_size, "target_size": config.render.resolution}
    folders = []
    for source in (*config.data.synthetic.values(), *config.data.real.values()):
        path = pipeline.dataset_path(config.data.root, source.path)
        folders.append(pathlib.Path(config.data.root) / f"loose-{path.name}")
        loose_files.unpack(RecordSet(path, "train"), folders[-1])
    objects = loose_files.LooseViews(folders[0], views=config.losses.supervised_views, **sizes)
    photographs = loose_files.LoosePhotographs(folders[len(config.data.synthetic)], **sizes)
    for first in itertools.count(0, _ROWS):
        yield [
            loose_files.collate([data[(first + row) % len(data)] for row in range(_ROWS)])
            for data in (objects, photographs)
        ]


def _measured(
    config: Config,
    name: str,
    batches: Generator[object],
    clock: Callable[[], float],
    runs: int,
    workers: int,
    backend: str,
) -> Measurement:
    # Batches come in bursts: more are taken at a time than are read ahead. The first burst does not count.
    burst = 2 * max(1, config.data.prefetch) * max(1, workers)
    with contextlib.closing(batches):
        seconds = [_seconds(batches, burst, clock) / burst for _ in range(runs + 1)][1:]
    case = Case(
        suite="data",
        name=name,
        sizes={"synthetic": _ROWS, "real": _ROWS, "image": config.model.image_size, "workers": workers},
        backend=backend,
        function=lambda: None,
        make_arguments=tuple,
        tflop=0.0,
    )
    return summarize(case, seconds, peak_gib=0.0, matrix_tflops=1.0)


def _seconds(batches: Iterator[object], count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        next(batches)
    return clock() - start
