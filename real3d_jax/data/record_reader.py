"""Reads data sets of records at random, one view or photograph at a time."""

import functools
import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from real3d_jax.data import frames, records
from real3d_jax.data.names import place
from real3d_jax.data.record_writer import METADATA, PLAN, index_name, shard_name
from real3d_jax.data.records import Photograph, View
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.runtime import stores
from real3d_jax.runtime.folders import check_local
from real3d_jax.runtime.stores import Folder

# Of the messages of array_record, those that tell of the storage rather than of what a file holds.
_STORAGE = re.compile(r"\b\w+\(\) failed|^(Permanent error|Retry policy exhausted|Retry loop cancelled)\b")
_WAITS = (0.5, 2.0)  # seconds before a storage that did not answer is asked again


class BadRecordError(UserError):
    """A record whose bytes or contents are of no use; its storage has given them."""


class RecordSet:
    """One split of a data set. Opens no shard before the first read, and can be sent to reader processes.

    Attributes:
      folder: the data set's folder.
      split: 'train' or 'test'.
      schema: records.MULTIVIEW or records.SINGLE_VIEW.
      mask_threshold: the object is where alpha is greater.
      settings: what made the data.
      keys: names of the items (objects or photographs).
      counts: records of each item.
    """

    def __init__(self, folder: str | os.PathLike[str], split: str, *, fraction: float = 1.0):
        """Reads the metadata and the index.

        Args:
          folder: the data set's folder.
          split: 'train' or 'test'.
          fraction: share of the items that is taken, chosen by their names.

        Raises:
          MissingDataError: the folder is missing.
          UserError: it is unfinished or of another version, or its metadata are broken, or it is an address but of
            gs://.
        """
        if not stores.is_address(folder):
            check_local(folder)
        self.folder, self.split = stores.place(folder), split
        if not (self.folder / METADATA).exists():
            raise _absent(self.folder)
        try:
            info = tfds.builder_from_directory(self.folder).info
            metadata: dict[str, Any] = dict(info.metadata or {})
            self.mask_threshold = int(metadata["mask_threshold"])
            self.settings: dict[str, Any] = metadata["settings"]
            index = self.folder / index_name(split)
            items = json.loads(index.read_text()) if split in info.splits else []
            self._shard_lengths = list(info.splits[split].shard_lengths) if split in info.splits else []
            self._bytes = int(info.splits[split].num_bytes) if split in info.splits else 0
        except Exception as error:
            raise UserError(
                f"The metadata of '{self.folder}' cannot be read ({_reason(error)}): prepare the data set again."
            ) from error
        self.schema = info.name
        if info.version.major != int(records.VERSION.split(".")[0]):
            raise UserError(
                f"'{self.folder}' has version {info.version}, this package reads {records.VERSION}: prepare it again."
            )
        self.keys: list[str] = [key for key, _ in items]
        self.counts = np.array([count for _, count in items], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.counts)])
        if self._starts[-1] != sum(self._shard_lengths):
            raise UserError(
                f"'{self.folder / index_name(split)}' does not fit the shards beside it: delete the folder and "
                "prepare the data set again."
            )
        if fraction < 1:
            self._keep([i for i, key in enumerate(self.keys) if place(key, purpose="fraction") < fraction])

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.keys)

    @property
    def records(self) -> int:
        """How many records there are."""
        return int(self.counts.sum())

    @property
    def identity(self) -> str:
        """A hash of the index: names and numbers of records of all items that are taken, and the sizes of the files."""
        index = [self.schema, self.mask_threshold, self.keys, self.counts.tolist(), self._shard_lengths, self._bytes]
        return hashlib.blake2b(json.dumps(index).encode(), digest_size=8).hexdigest()

    def read(self, item: int, record: int = 0) -> View | Photograph:
        """Reads and decodes record number `record` of item number `item`.

        Raises:
          BadRecordError: the record is damaged; names its file.
          UserError: its file cannot be read, also when tried again.
        """
        position = int(self._starts[item]) + record
        if not 0 <= record < self.counts[item]:
            raise IndexError(f"'{self.keys[item]}' has {self.counts[item]} records, there is no number {record}")
        for wait in (*_WAITS, None):
            try:
                found = records.decode(self._data[position])
                name = found.object_id if isinstance(found, View) else found.key
                if name != self.keys[item]:
                    raise ValueError(f"it belongs to '{name}'")
                return found
            except Exception as error:
                of_storage = isinstance(error, OSError) and error.errno is not None  # Pillow's have none
                of_storage |= isinstance(error, RuntimeError) and bool(_STORAGE.search(str(error)))
                if of_storage and wait is not None:
                    self.__dict__.pop("_data", None)  # with the files that it has open
                    time.sleep(wait)
                    continue
                told = UserError if of_storage else BadRecordError
                raise told(
                    f"Record {record} of '{self.keys[item]}' in '{self._shard(position)}' cannot be read "
                    f"({_reason(error)}): delete that file and prepare the data set again."
                ) from error
        raise AssertionError("the last try returns or raises")

    def read_view(self, item: int, view: int) -> View:
        """Reads a view of a multi-view data set.

        Raises:
          BadRecordError: the record is damaged, or its camera is none.
          UserError: its file cannot be read.
        """
        shot = self.read(item, view)
        assert isinstance(shot, View)
        where = f"View '{shot.view}' of '{shot.object_id}' in '{self.folder}'"
        if not frames.is_pose(shot.c2w):
            raise BadRecordError(f"{where} has a camera that is no rotation and position: prepare it again without it.")
        if not np.isfinite(shot.intrinsics).all() or (shot.intrinsics[:2] <= 0).any():
            raise BadRecordError(f"{where} has intrinsics {shot.intrinsics.tolist()}: prepare it again without it.")
        return shot

    def _keep(self, items: Sequence[int]) -> None:
        self.keys = [self.keys[item] for item in items]
        self.counts, self._starts = self.counts[items], self._starts[items]

    def _shard(self, position: int) -> Folder:
        number = int(np.searchsorted(np.cumsum(self._shard_lengths), position, side="right"))
        return self.folder / shard_name(self.schema, self.split, number, len(self._shard_lengths))

    @functools.cached_property
    def _data(self) -> Sequence[Any]:
        decoders = {"image": tfds.decode.SkipDecoding()}  # records.decode does it
        builder: Any = tfds.builder_from_directory(self.folder)
        return builder.as_data_source(self.split, decoders=decoders)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_data"}


def _absent(folder: Folder) -> UserError:
    command = f"python launch/prepare_data.py --dataset NAME --out {folder}"
    if (folder / PLAN).exists():
        return UserError(
            f"The data set in '{folder}' is unfinished: run the command that prepares it again, and it goes on."
        )
    if folder.exists():
        return UserError(f"'{folder}' holds no data set (it has no {METADATA}): prepare one with `{command}`.")
    return MissingDataError(
        f"There is no data set at '{folder}': prepare it with `{command}`, or correct the path in the config."
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
