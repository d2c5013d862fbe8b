"""The work of a curation, cut into parts of a few photographs, in files.

A part is a job (its photographs and what the instances file says of them) and, when it is done, a result and the
records of the kept instances. Files appear whole, under their names, or not at all; the result comes last. So a part is
done or not, whoever does it and however often, and two workers at the same part harm nothing.
"""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.runtime import folders

_PER_FOLDER = 1000


@dataclasses.dataclass(frozen=True)
class Job:
    """The photographs of a part, and their annotations by key."""

    photographs: Sequence[PhotographFile]
    annotations: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a part.

    Attributes:
      decisions: the lines of `decisions.jsonl`.
      rejected: the lines of `rejected.jsonl`.
      examples: for the report.
      photographs: how many the job had.
      empty: of these, how many have no instance.
      keys: of the records, in their order.
    """

    decisions: Sequence[Mapping[str, Any]]
    rejected: Sequence[Mapping[str, Any]]
    examples: Sequence[Mapping[str, Any]]
    photographs: int
    empty: int
    keys: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Parts:
    """The folder of the parts."""

    folder: pathlib.Path

    def write_job(self, number: int, job: Job) -> None:
        """Makes the job of a part."""
        photographs = [dataclasses.astuple(photograph) for photograph in job.photographs]
        with replacing(self._path(number, "job.json")) as file:
            json.dump({"photographs": photographs, "annotations": dict(job.annotations)}, file)

    def read_job(self, number: int) -> Job:
        """The job of a part."""
        content = json.loads(self._path(number, "job.json").read_bytes())
        photographs = [PhotographFile(file, tuple(names)) for file, names in content["photographs"]]
        return Job(photographs, content["annotations"])

    def write_result(self, number: int, result: Result, records: Sequence[bytes]) -> None:
        """Makes the result of a part and its records, which are as many as `result.keys`."""
        if records:
            with folders.replacing(self._path(number, "array_record"), several_writers=True) as partial:
                writer = ArrayRecordWriter(str(partial), "group_size:1")
                try:
                    for record in records:
                        writer.write(record)
                finally:
                    writer.close()
        with replacing(self._path(number, "result.json")) as file:
            json.dump(dataclasses.asdict(result), file)

    def read_result(self, number: int) -> Result:
        """The result of a part that is done."""
        return Result(**json.loads(self._path(number, "result.json").read_bytes()))

    def read_records(self, number: int) -> list[bytes]:
        """The records of a part that is done."""
        reader = ArrayRecordReader(str(self._path(number, "array_record")))
        try:
            return list(reader.read_all())
        finally:
            reader.close()

    def is_done(self, number: int) -> bool:
        """Whether the part has a result."""
        return self._path(number, "result.json").exists()

    def count_done(self) -> int:
        """How many parts have a result."""
        return sum(1 for _ in self.folder.glob("*/*.result.json"))

    def _path(self, number: int, suffix: str) -> pathlib.Path:
        folder = self.folder / f"{number // _PER_FOLDER:05d}"
        return folder / f"{number % _PER_FOLDER:03d}.{suffix}"


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[IO[str]]:
    """A text file that gets its name when it is whole; several workers may write it at once."""
    with folders.replacing(path, several_writers=True) as partial, partial.open("w") as file:
        yield file
