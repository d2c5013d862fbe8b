"""Batches of training, read by Grain, and the held-out objects of validation.

The batch of step k follows from (seed, k) and the data alone: not from where a run was resumed, nor from the number
of reader processes or hosts. Shuffling, mixing and the choice of views are done on numbered examples; a host then takes
its rows of each batch, and only those are read. Rows behind the last example are filler (`runtime.batch_layout`).
"""

import dataclasses
import os
import re
import sys
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

import grain
import jax
import numpy as np
from absl import flags

from real3d_jax.batches import MultiviewBatch, SingleViewBatch, TrainBatch
from real3d_jax.cameras import Cameras
from real3d_jax.config.data import AnyMultiviewConfig, AugmentedSourceConfig, SingleViewSourceConfig
from real3d_jax.config.posed import PosedSourceConfig
from real3d_jax.config.training import Config
from real3d_jax.data.augmented_examples import AugmentedExamples
from real3d_jax.data.examples import Example, ImageSizes, MultiviewExamples, SingleViewExamples
from real3d_jax.data.posed_examples import PosedExamples
from real3d_jax.data.procedural.streaming import ObjectBatch, StreamedExamples
from real3d_jax.data.quarantine import Quarantine
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError
from real3d_jax.runtime import stores
from real3d_jax.runtime.batch_layout import BatchLayout, Share, lay_out
from real3d_jax.runtime.folders import check_local
from real3d_jax.runtime.stores import Folder

RowsOf = Callable[[int], Sequence[int]]  # of an array of so many rows, those of this host

_SourceConfig = AnyMultiviewConfig | SingleViewSourceConfig
_MOST_STEPS = 2**50
_T = TypeVar("_T", AnyMultiviewConfig, SingleViewSourceConfig)
_ExampleT = TypeVar("_ExampleT", Example, ObjectBatch)


def train_batches(
    config: Config,
    *,
    start_step: int = 0,
    layout: BatchLayout | None = None,
    rows_of: RowsOf = range,
    quarantine: Quarantine | None = None,
) -> Generator[TrainBatch]:
    """The endless batches of training, from step `start_step` on. Images are uint8 numpy arrays.

    Args:
      config: of the run.
      start_step: steps taken.
      layout: of a batch; `lay_out` for one device if None.
      rows_of: which rows of an array of so many this host takes; all if not given.
      quarantine: takes records that cannot be read; without one they raise.

    Raises:
      UserError: a data set is missing, empty or broken.
    """
    layout = layout or lay_out(config.batch, 1, streamed=streamed_rows(config))
    sizes = _sizes(config)
    halves = []
    if layout.read.examples:
        views = config.losses.supervised_views
        sets = [
            (name, source, _multiview_examples(data, source, sizes, views, quarantine))
            for name, source, data in _open_all(config, config.data.synthetic, "synthetic")
        ]
        halves.append(_half(config, sets, layout.read, rows_of))
    if layout.streamed.examples:
        halves.append(_streamed(config, layout.streamed, rows_of))
    if layout.real.examples:
        sets = [
            (name, source, SingleViewExamples(data, source, sizes, quarantine))
            for name, source, data in _open_all(config, config.data.real, "real")
        ]
        halves.append(_half(config, sets, layout.real, rows_of))
    length = min(len(half) for half in halves)  # astronomical, and slightly different
    steps = grain.experimental.ZipMapDataset([half.slice(slice(length)) for half in halves])
    return _train_iterator(config, steps, start_step, layout, rows_of)


def validation_sets(config: Config) -> dict[str, MultiviewBatch]:
    """The held-out objects of every validation set, the same on every host and whenever it is asked.

    The first `schedule.validation_objects` objects of each 'test' split, with `validation_views` novel views after the
    input view, which is view 0 and not among them. Images are uint8 numpy arrays.

    Raises:
      UserError: a data set is missing, empty, broken, or has too few views.
    """
    views = 1 + config.schedule.validation_views
    found = {}
    for name, source in config.data.validation.items():
        examples = _multiview_examples(_open(config, source, "test"), _held_out(config, source), _sizes(config), views)
        count = min(len(examples.data), config.schedule.validation_objects)
        found[name] = _multiview(_stacked([examples.held_out(item) for item in range(count)]))
    return found


def _held_out(config: Config, source: AnyMultiviewConfig) -> AnyMultiviewConfig:
    """A source whose views are all different, whole and on white."""
    if isinstance(source, PosedSourceConfig):
        size = config.render.resolution
        return dataclasses.replace(source, replacement=False, target_sizes=(size, size), backgrounds=(1.0,))
    if isinstance(source, AugmentedSourceConfig):
        return dataclasses.replace(source, replacement=False, zoom=1.0, mirrored=0.0)
    return dataclasses.replace(source, replacement=False)


def _multiview_examples(
    data: RecordSet,
    source: AnyMultiviewConfig,
    sizes: ImageSizes,
    views: int,
    quarantine: Quarantine | None = None,
) -> MultiviewExamples:
    if isinstance(source, PosedSourceConfig):
        return PosedExamples(data, source, sizes, views, quarantine)
    if isinstance(source, AugmentedSourceConfig):
        return AugmentedExamples(data, source, sizes, views, quarantine)
    return MultiviewExamples(data, source, sizes, views, quarantine)


def streamed_rows(config: Config) -> int:
    """How many of a batch's synthetic objects are drawn as training goes on.

    Raises:
      UserError: the share is out of range, or there is nothing to draw.
    """
    share = config.data.streamed_share
    if not 0 <= share <= 1:
        raise UserError(f"config.data.streamed_share must be between 0 and 1, not {share}.")
    if share and not config.data.streamed:
        raise UserError("config.data.streamed names nothing to draw: add a stream, or set streamed_share to 0.")
    return round(share * config.batch.synthetic)


def describe(config: Config) -> str:
    """How many objects, views and photographs every data set of a run has, for people."""
    return ", ".join(f"{name}: {count}" for name, count in _counts(config).items())


def check_given(config: Config) -> None:
    """Opens every data set of a run that the package does not make itself.

    Raises:
      UserError: one is not there, or empty.
    """
    made = {dataset_path(config.data.root, source.path) for source in config.data.embedded.values()}
    for kind, sources in _used(config).items():
        for source in sources.values():
            if dataset_path(config.data.root, source.path) not in made:
                _open(config, source, "test" if kind == "validation" else "train")


def fingerprint(config: Config) -> str:
    """A line that changes when the data of training do; kept with checkpoints.

    It has the numbers of objects and views, and a hash of each data set's index and sizes of files. What a run has
    in quarantine does not change it.
    """
    counts, identities = _counts(config), _identities(config)
    names = sorted(name for name in counts if not name.startswith("validation "))
    found = (f"{name}: {counts[name]}" + (f" [{identities[name]}]" if name in identities else "") for name in names)
    return "; ".join([f"seed {config.seed}", *found])


def is_fingerprint_of(saved: str, current: str) -> bool:
    """Whether a fingerprint that was kept is that of the data now; those of older versions have no hashes."""
    return saved in (current, re.sub(r" \[[0-9a-f]{16}\]", "", current))


def _identities(config: Config) -> dict[str, str]:
    return {
        f"{kind} {name}": _open(config, source, "train").identity
        for kind, sources in _used(config).items()
        if kind != "validation"
        for name, source in sources.items()
    }


def _counts(config: Config) -> dict[str, str]:
    found = {}
    for kind, sources in _used(config).items():
        for name, source in sources.items():
            data = _open(config, source, "test" if kind == "validation" else "train")
            if isinstance(source, AnyMultiviewConfig):
                found[f"{kind} {name}"] = f"{len(data)} objects of {data.records} views"
            elif data.records > len(data):
                found[f"{kind} {name}"] = f"{len(data)} objects of {data.records} photographs"
            else:
                found[f"{kind} {name}"] = f"{len(data)} photographs"
    if rows := streamed_rows(config):
        for name, stream in config.data.streamed.items():
            found[f"streamed {name}"] = f"new objects of '{stream.family}' from seed {stream.seed}, of {rows} in a step"
    return found


def dataset_path(config_root: str, path: str) -> Folder:
    """Where a data set is: `path`, relative to the config's `data.root`.

    Raises:
      UserError: one of them is the address of an object store other than gs://.
    """
    root, path = os.path.expanduser(config_root), os.path.expanduser(path)
    for part in (root, path):
        if not stores.is_address(part):
            check_local(part)
    if stores.is_address(path) or os.path.isabs(path):
        return stores.place(path)
    return stores.place(root) / path


def _used(config: Config) -> dict[str, Mapping[str, _SourceConfig]]:
    return {
        "synthetic": config.data.synthetic if config.batch.synthetic > streamed_rows(config) else {},
        "real": config.data.real if config.batch.real else {},
        "validation": config.data.validation,
    }


def _sizes(config: Config) -> ImageSizes:
    return ImageSizes(config.model.image_size, config.render.resolution, config.data.target_antialias)


def _open(config: Config, source: _SourceConfig, split: str) -> RecordSet:
    fraction = source.fraction if isinstance(source, SingleViewSourceConfig) else 1.0
    if not 0 < fraction <= 1:
        raise UserError(f"fraction of '{source.path}' must lie above 0 and be at most 1, not {fraction}.")
    data = RecordSet(dataset_path(config.data.root, source.path), split, fraction=fraction)
    if not len(data):
        taken = "" if fraction == 1 else f", of which {fraction:g} are taken"
        raise UserError(f"The '{split}' split of '{data.folder}'{taken} is empty: prepare it with more objects.")
    return data


def _open_all(config: Config, sources: Mapping[str, _T], kind: str) -> list[tuple[str, _T, RecordSet]]:
    if not sources:
        raise UserError(f"config.data.{kind} names no data set: add one, or set config.batch.{kind} to 0.")
    return [(name, source, _open(config, source, "train")) for name, source in sources.items()]


def _half(
    config: Config,
    sets: Sequence[tuple[str, _SourceConfig, Callable[[int, np.random.Generator], Example]]],
    share: Share,
    rows_of: RowsOf,
) -> grain.MapDataset:
    """This host's rows of one half of every batch."""
    mixed = []
    for name, _, examples in sets:
        # Each set has its own stream, which adding another set does not disturb.
        order, choice = np.random.SeedSequence([config.seed, zlib.crc32(name.encode())]).generate_state(2)
        items = grain.MapDataset.range(len(examples.data)).shuffle(seed=int(order)).repeat()
        mixed.append(items.random_map(examples, seed=int(choice)))
    weights = _weights([(source.weight, len(examples.data)) for _, source, examples in sets])
    stream = grain.MapDataset.mix(mixed, weights) if len(mixed) > 1 else mixed[0]
    return _batches(stream, share, rows_of)


def _streamed(config: Config, share: Share, rows_of: RowsOf) -> grain.MapDataset:
    """This host's part of the objects to be drawn of every batch."""
    streams = config.data.streamed.values()
    examples = [StreamedExamples(stream, config.losses.supervised_views) for stream in streams]
    numbers = [grain.MapDataset.range(sys.maxsize).map(example) for example in examples]
    weights = _weights([(stream.weight, 1) for stream in streams])
    stream = grain.MapDataset.mix(numbers, weights) if len(numbers) > 1 else numbers[0]
    return _batches(stream, share, rows_of)


def _batches(stream: grain.MapDataset, share: Share, rows_of: RowsOf) -> grain.MapDataset:
    examples = share.examples_in(rows_of(share.rows))
    return _HostRows(stream, share.examples, examples).batch(len(examples), batch_fn=_stacked)


def _weights(sets: Sequence[tuple[float, int]]) -> list[float]:
    """Shares of the sets, each a weight and a size: as given, or all in proportion to their sizes."""
    given = [weight for weight, _ in sets]
    if min(given) < 0 or (min(given) == 0 and max(given) > 0):
        raise UserError(f"The weights of mixed data sets must all be 0 or all be above 0, not {given}.")
    shares = given if max(given) > 0 else [size for _, size in sets]
    return [share / sum(shares) for share in shares]


class _HostRows(grain.MapDataset):
    """Of every `batch_size` elements of the parent, the given ones."""

    def __init__(self, parent: grain.MapDataset, batch_size: int, rows: Sequence[int]):
        super().__init__(parent)
        self._batch_size, self._rows = batch_size, rows

    def __len__(self) -> int:
        # Grain divides lengths as floats, which round a greater one up beyond what `len` may be.
        return min(len(self._parent) // self._batch_size, _MOST_STEPS) * len(self._rows)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.slice(index)
        step, row = divmod(index, len(self._rows))
        return self._parent[step * self._batch_size + self._rows[row]]


def _train_iterator(
    config: Config, steps: grain.MapDataset, start_step: int, layout: BatchLayout, rows_of: RowsOf
) -> Generator[TrainBatch]:
    ahead = max(1, config.data.prefetch)
    reading = grain.ReadOptions(num_threads=min(ahead, os.cpu_count() or 1), prefetch_buffer_size=ahead)
    batches = steps.slice(slice(start_step, None)).to_iter_dataset(reading)
    if config.data.workers:
        if not flags.FLAGS.is_parsed():  # Grain's processes are set up by absl's flags
            flags.FLAGS.mark_as_parsed()
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(config.data.workers))

    def weights(share: Share, whole: Share) -> np.ndarray | None:
        return share.weights_in(rows_of(share.rows), whole=whole)

    read, streamed = (weights(share, layout.synthetic) for share in (layout.read, layout.streamed))
    real = weights(layout.real, layout.real)
    for parts in batches:
        # Copies, because arrays from reader processes live in shared memory that Grain reclaims.
        halves = [jax.tree.map(np.array, part) for part in parts]
        yield TrainBatch(
            synthetic=_multiview(halves.pop(0), read) if layout.read.examples else None,
            streamed=halves.pop(0)._replace(weight=streamed) if layout.streamed.examples else None,
            real=_single_view(halves.pop(0), real) if layout.real.examples else None,
        )


def _stacked(examples: Sequence[_ExampleT]) -> _ExampleT:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *examples)


def _multiview(fields: dict[str, Any], weight: Any = None) -> MultiviewBatch:
    cameras = Cameras(c2w=fields["c2w"], intrinsics=fields["intrinsics"])
    source = None
    if "source_c2w" in fields:
        source = Cameras(c2w=fields["source_c2w"], intrinsics=fields["source_intrinsics"])
    return MultiviewBatch(
        fields["image"], fields["rgb"], fields["mask"], cameras, weight, source, fields.get("background")
    )


def _single_view(fields: dict[str, Any], weight: Any) -> SingleViewBatch:
    cameras = Cameras(c2w=fields["c2w"], intrinsics=fields["intrinsics"])
    return SingleViewBatch(fields["image"], fields["rgb"], fields["mask"], cameras, weight)
