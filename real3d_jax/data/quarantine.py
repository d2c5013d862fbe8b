"""Records that a run goes on without, since they cannot be read.

Each has a small file in the run's folder `quarantine/`, so that reader processes of all hosts can add to it, and a
resumed run leaves the same ones out. Numbers of items and records stay as they are: another record takes the place of
one that is left out, always the same, so examples follow from the seed, the step, the data and this list alone.
"""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

from real3d_jax.data.record_reader import BadRecordError, RecordSet
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders


@dataclasses.dataclass(frozen=True)
class Quarantine:
    """The list of one run.

    Attributes:
      folder: of the list; made when there is something to put in.
      limit: how many records may be in it.
      names: of the files that were there when the run began.
      shown: where the list is, for messages.
    """

    folder: pathlib.Path
    limit: int
    names: frozenset[str]
    shown: str

    @classmethod
    def of(cls, folder: pathlib.Path, *, limit: int, shown: str = "") -> "Quarantine":
        """The list in a folder, as it is now; `shown` is the folder's other name for messages."""
        return cls(folder, limit, frozenset(path.name for path in folder.glob("*.json")), shown or str(folder))

    def holds(self, data: RecordSet, item: int, record: int) -> bool:
        """Whether a record was in the list when the run began."""
        return bool(self.names) and _file_name(data, item, record) in self.names

    def add(self, data: RecordSet, item: int, record: int, error: BadRecordError) -> None:
        """Puts a record in the list.

        Raises:
          UserError: the list is full, or cannot be written.
        """
        path = self.folder / _file_name(data, item, record)
        if path.exists():
            return
        count = sum(1 for _ in self.folder.glob("*.json"))
        if count >= self.limit:
            more = f" ({count} others are listed in '{self.shown}')" if count else ""
            raise UserError(f"{error} Or raise config.data.max_quarantined to go on without it{more}.") from error
        entry = {"data": str(data.folder), "split": data.split, "item": data.keys[item], "record": record}
        try:
            folders.replace_text(path, json.dumps(entry | {"reason": str(error)}))
        except OSError as failure:
            raise UserError(f"'{path}' cannot be written ({failure.strerror}). {error}") from failure

    def entries(self, known: set[str]) -> list[dict[str, Any]]:
        """What the list has beside the files in `known`, to which these are added."""
        new = sorted(path for path in self.folder.glob("*.json") if path.name not in known)
        known.update(path.name for path in new)
        return [json.loads(path.read_text()) for path in new]


def _file_name(data: RecordSet, item: int, record: int) -> str:
    text = json.dumps([data.folder.name, data.split, data.keys[item], record])
    return f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
