"""Writes a data set of records so that a killed preparation resumes.

A shard is written under a temporary name and renamed when it is whole; the list of what is in it and what was left out
is renamed into place before it. Shards that stand are kept. The metadata come last, so a folder without
`dataset_info.json` is unfinished.
"""

import collections
import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.core import dataset_info
from tensorflow_datasets.core.splits import SplitDict
from tqdm import tqdm

from real3d_jax.data import records, rejections
from real3d_jax.data.records import Item, Rejection, Source
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders, stores
from real3d_jax.runtime.stores import Folder

PLAN = "preparation.json"
METADATA = "dataset_info.json"
_TEMPORARY = ".metadata-"
_LEFT_OUT = ("rejected", "dropped")  # fields of _Contents


def write(folder: str | os.PathLike[str], source: Source, *, items_per_shard: int = 64, progress: bool = True) -> None:
    """Makes the data set `folder`, or what is missing of it.

    Args:
      folder: the data set's own folder; made if missing.
      source: where the items come from.
      items_per_shard: objects or photographs in one file, and what at most is lost by a kill.
      progress: shows a bar on stderr.

    Raises:
      UserError: the folder holds something else or cannot be written, or not one item could be used.
    """
    folder = stores.place(folder)
    try:
        _begin(folder, source, items_per_shard)
        shards = _shards(source, items_per_shard)
        missing = [shard for shard in shards if not _is_whole(folder, source, *shard[:3])]
        if not missing and is_complete(folder):
            return
        total = sum(len(shard[3]) for shard in shards)
        done = total - sum(len(shard[3]) for shard in missing)
        label = f"preparing {folder.name}"
        with tqdm(total=total, initial=done, desc=label, unit=source.unit, disable=not progress) as bar:
            for split, number, count, items in missing:
                _write_shard(folder, source, split, number, count, _counted(source.items(split, items), bar))
                bar.n = min(total, done := done + len(items))  # sources may leave items out without a word
                bar.refresh()
        _finish(folder, source, shards)
    except OSError as error:
        raise UserError(
            f"Cannot write '{folder}' ({error.strerror or error}): give a folder that can be written."
        ) from error


def is_complete(folder: str | os.PathLike[str]) -> bool:
    """Whether the data set in `folder` was finished and all its shards are still there."""
    folder = stores.place(folder)
    if not (folder / METADATA).exists():
        return False
    info = json.loads((folder / METADATA).read_text())
    shards = [(split["name"], len(split["shardLengths"])) for split in info["splits"]]
    return all((folder / shard_name(info["name"], s, i, n)).exists() for s, n in shards for i in range(n))


def shard_name(schema: str, split: str, number: int, count: int) -> str:
    """The file of a shard, named as TFDS expects."""
    return f"{schema}-{split}.array_record-{number:05d}-of-{count:05d}"


def index_name(split: str) -> str:
    """The file that lists a split's items and how many records each has, in the order of the records."""
    return f"index-{split}.json"


def _shards(source: Source, items_per_shard: int) -> list[tuple[str, int, int, range]]:
    """Split, number, number of shards and items of every shard."""
    found = []
    for split, items in source.splits.items():
        count = -(-items // items_per_shard)
        for number in range(count):
            # Shares differ by one item at most, so no shard is a small remainder.
            found.append((split, number, count, range(number * items // count, (number + 1) * items // count)))
    return found


def _begin(folder: Folder, source: Source, items_per_shard: int) -> None:
    """Makes the folder, or makes sure that the one that stands belongs to the same preparation."""
    plan = {
        "schema": source.schema,
        "version": records.VERSION,
        "mask_threshold": source.mask_threshold,
        "items_per_shard": items_per_shard,
        "splits": dict(source.splits),
        **source.settings,
    }
    folders.begin(folder / PLAN, plan, made="prepared")


def _write_shard(
    folder: Folder, source: Source, split: str, number: int, count: int, items: Iterable[Item | Rejection]
) -> None:
    path = folder / shard_name(source.schema, split, number, count)
    schema_features = records.features(source.schema)
    contents, repaired = _Contents([], [], []), collections.Counter()
    with folders.replacing(path) as partial:
        # One record per group: what Grain reads at random must not share a compressed block.
        writer = ArrayRecordWriter(str(partial), "group_size:1")
        try:
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # PNG compression leaves Python's lock free
                for item in items:
                    if isinstance(item, Rejection):
                        contents.rejected.append(item)
                        continue
                    for encoded in pool.map(lambda record: records.encode(record, schema_features), item.records):
                        writer.write(encoded)
                    contents.items.append((item.key, len(item.records)))
                    contents.dropped.extend(item.dropped)
                    repaired.update(item.repaired)
        finally:
            writer.close()
        contents.repaired.update(sorted(repaired.items()))
        folders.replace_text(_items_file(path), json.dumps(dataclasses.asdict(contents)))


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What a shard holds (items and their numbers of records), what was left out of it, and what was repaired."""

    items: list[tuple[str, int]]
    rejected: list[Rejection]
    dropped: list[Rejection]
    repaired: dict[str, int] = dataclasses.field(default_factory=dict)


def _read_contents(shard: Folder) -> _Contents:
    """What `_write_shard` has written beside a shard; JSON has lists where there were tuples."""
    found = json.loads(_items_file(shard).read_text())
    left_out = {kind: [Rejection(*entry) for entry in found[kind]] for kind in _LEFT_OUT}
    return _Contents([(key, count) for key, count in found["items"]], **left_out, repaired=found.get("repaired", {}))


def _items_file(shard: Folder) -> Folder:
    return shard.with_name(shard.name.replace(".array_record-", ".items-") + ".json")


def _is_whole(folder: Folder, source: Source, split: str, number: int, count: int) -> bool:
    path = folder / shard_name(source.schema, split, number, count)
    return path.exists() and _items_file(path).exists()


def _finish(folder: Folder, source: Source, shards: list[tuple[str, int, int, range]]) -> None:
    """Writes the index, what was left out, and TFDS's metadata; `dataset_info.json` last."""
    template = tfds.core.ShardedFileTemplate(
        data_dir=tfds.core.Path(folder), dataset_name=source.schema, filetype_suffix="array_record"
    )
    splits, reports = [], []
    for split, count in source.splits.items():
        paths = [folder / shard_name(source.schema, *shard[:3]) for shard in shards if shard[0] == split]
        if not paths:
            continue
        listed = [_read_contents(path) for path in paths]
        items = [item for contents in listed for item in contents.items]
        folders.replace_text(folder / index_name(split), json.dumps(items))
        left_out = [[entry for part in listed for entry in getattr(part, kind)] for kind in _LEFT_OUT]
        repaired = sum((collections.Counter(contents.repaired) for contents in listed), collections.Counter())
        reports.append(rejections.Report(split, count, items, *left_out, repaired=dict(repaired)))
        splits.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[sum(records_ for _, records_ in contents.items) for contents in listed],
                num_bytes=sum(path.stat().st_size for path in paths),
                filename_template=template,
            )
        )
    folders.replace_text(folder / rejections.LIST, rejections.lines(reports))
    folders.replace_text(folder / rejections.SUMMARY, json.dumps(rejections.summary(reports), indent=2))
    rejections.check_any_kept(reports, folder)
    identity = dataset_info.DatasetIdentity(
        name=source.schema, version=tfds.core.Version(records.VERSION), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        features=records.features(source.schema),
        metadata=tfds.core.MetadataDict(mask_threshold=source.mask_threshold, settings=dict(source.settings)),
    )
    info.set_file_format("array_record")
    info.set_splits(SplitDict(splits))
    for leftover in folder.glob(f"{_TEMPORARY}*"):  # of a kill
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_TEMPORARY) as temporary:
        info.write_to_directory(temporary)
        names = sorted(os.listdir(temporary), key=lambda name: name == METADATA)
        for name in names:
            os.replace(os.path.join(temporary, name), folder / name)


def _counted(items: Iterable[Item | Rejection], bar: tqdm) -> Iterator[Item | Rejection]:
    rejected = 0
    for item in items:
        yield item
        if isinstance(item, Rejection):
            rejected += 1
            bar.set_postfix_str(f"{rejected} rejected in this shard", refresh=False)
        bar.update()
