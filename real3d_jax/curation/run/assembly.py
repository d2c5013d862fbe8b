"""Puts the results of all parts together: decisions, rejections, counts, records, report.

What it writes depends on the results alone, in the order of the parts.
"""

import bisect
import functools
import itertools
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from real3d_jax.curation.parts import Parts, Result, replacing
from real3d_jax.curation.report.page import write_page
from real3d_jax.curation.report.statistics import Statistics
from real3d_jax.data import preparation, record_writer
from real3d_jax.data.records import SINGLE_VIEW, Item, Rejection, Source
from real3d_jax.data.sources.layout import PHOTOGRAPHS

DECISIONS, REJECTED, SUMMARY, REPORT, RECORDS = (
    "decisions.jsonl",
    "rejected.jsonl",
    "summary.json",
    "report.html",
    "records",
)


def assemble(
    folder: pathlib.Path,
    parts: Parts,
    count: int,
    *,
    unmatched: Sequence[Mapping[str, Any]],
    repaired: Mapping[str, int],
    settings: Mapping[str, Any],
    held_out: int,
    progress: bool = True,
) -> None:
    """Writes the curation's results into its folder; `summary.json` last.

    Args:
      folder: of the results.
      parts: all done.
      count: how many there are.
      unmatched: lines of `rejected.jsonl` about what belongs to no part.
      repaired: how much of the instances file was not written as COCO has it, by kind.
      settings: what made the results, as JSON.
      held_out: records of the test split.
      progress: shows bars on stderr.

    Raises:
      UserError: the folder of the records holds something else, or `held_out` is more than there are.
    """
    statistics = Statistics(settings)
    keys: list[str] = []
    starts = [0]  # of each part's records
    with replacing(folder / DECISIONS) as decisions, replacing(folder / REJECTED) as rejected:
        for result in _results(parts, count):
            decisions.writelines(_line(line) for line in result.decisions)
            rejected.writelines(_line(line) for line in result.rejected)
            statistics.add(result)
            keys.extend(result.keys)
            starts.append(len(keys))
        rejected.writelines(_line(line) for line in unmatched)
        statistics.add_unmatched(unmatched)
        statistics.repaired.update(repaired)
    if keys:
        source = _source(parts, keys, starts, settings=settings, held_out=held_out)
        record_writer.write(folder / RECORDS, source, progress=progress)
    write_page(folder / REPORT, statistics)
    with replacing(folder / SUMMARY) as file:
        json.dump(statistics.summary(), file, indent=2)


def is_complete(folder: pathlib.Path) -> bool:
    """Whether the results stand, all of them."""
    if not all((folder / name).exists() for name in (SUMMARY, DECISIONS, REJECTED, REPORT)):
        return False
    kept = json.loads((folder / SUMMARY).read_text())["instances"]["kept"]
    return not kept or record_writer.is_complete(folder / RECORDS)


def _results(parts: Parts, count: int) -> Iterator[Result]:
    return (parts.read_result(number) for number in range(count))


def _line(line: Mapping[str, Any]) -> str:
    return json.dumps(line) + "\n"


def _source(
    parts: Parts, keys: Sequence[str], starts: Sequence[int], *, settings: Mapping[str, Any], held_out: int
) -> Source:
    """The records of all parts, as `record_writer` wants them."""
    splits = preparation.split(keys, held_out=held_out)
    places = {key: place for place, key in enumerate(keys)}
    read = functools.lru_cache(maxsize=1)(parts.read_records)

    def items(split: str, chosen: range) -> Iterable[Item | Rejection]:
        for key in itertools.islice(splits[split], chosen.start, chosen.stop):
            place = places[key]
            part = bisect.bisect_right(starts, place) - 1
            yield Item(key, (read(part)[place - starts[part]],))

    counts = {name: len(chosen) for name, chosen in splits.items()}
    return Source(SINGLE_VIEW, PHOTOGRAPHS, {"dataset": "curated", **settings}, counts, items, unit="instance")
