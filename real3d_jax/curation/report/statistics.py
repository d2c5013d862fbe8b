"""Counts and distributions of a curation, collected part by part in memory that does not grow with the photographs."""

import collections
import dataclasses
import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from real3d_jax.curation.parts import Result
from real3d_jax.curation.report.examples import SHOWN
from real3d_jax.data import rejections

KEPT = "kept"


@dataclasses.dataclass
class Histogram:
    """Kept and rejected instances by a number from 0 on; what lies outside counts in the first or last bin.

    Attributes:
      title: what the number is.
      width: of a bin.
      kept: instances in each bin.
      rejected: instances in each bin.
      threshold: where the rule cuts.
    """

    title: str
    width: float
    kept: list[int]
    rejected: list[int]
    threshold: float

    def add(self, value: float, kept: bool) -> None:
        """Counts an instance."""
        counts = self.kept if kept else self.rejected
        place = int(value / self.width + 1e-9)
        counts[min(max(place, 0), len(counts) - 1)] += 1


class Statistics:
    """Everything that the report and the summary say.

    Attributes:
      settings: what made the results.
      photographs: how many there are.
      empty: of these, how many have no instance.
      reasons: instances by reason.
      categories: kept and all instances of each category.
      histograms: by the path of the number in a decision line.
      rejected: photographs and annotations that could not be used, by kind of reason.
      repaired: annotations that were read as meant, by what was odd about them.
    """

    def __init__(self, settings: Mapping[str, Any]):
        self.settings = settings
        self.photographs = self.empty = 0
        self.reasons: collections.Counter[str] = collections.Counter()
        self.categories: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
        self.rejected: collections.Counter[str] = collections.Counter()
        self.repaired: collections.Counter[str] = collections.Counter()
        self.histograms = _histograms(settings["rules"])
        self._examples: dict[str, list[tuple[str, Mapping[str, Any]]]] = collections.defaultdict(list)

    def add(self, result: Result) -> None:
        """Counts a part."""
        self.photographs += result.photographs
        self.empty += result.empty
        self._count_rejected(result.rejected)
        for line in result.decisions:
            self.reasons[line["reason"]] += 1
            counts = self.categories[line["category"]]
            counts[0] += line["kept"]
            counts[1] += 1
            for path, histogram in self.histograms.items():
                if (value := _number(line, path)) is not None:
                    histogram.add(value, line["kept"])
        for example in result.examples:
            self._examples[example["reason"]].append((example["rank"], example))
        for reason, examples in self._examples.items():
            self._examples[reason] = heapq.nsmallest(SHOWN, examples, key=lambda pair: pair[0])

    def add_unmatched(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Counts what belongs to no photograph."""
        self._count_rejected(lines)

    def examples(self, reason: str) -> Sequence[Mapping[str, Any]]:
        """The drawings of a reason that are shown."""
        return [example for _, example in self._examples[reason]]

    def summary(self) -> dict[str, Any]:
        """Counts, as JSON."""
        return {
            "photographs": {"all": self.photographs, "without_instances": self.empty},
            "instances": {"all": self.reasons.total(), "kept": self.reasons[KEPT]},
            "reasons": dict(sorted(self.reasons.items())),
            "rejected": dict(sorted(self.rejected.items())),
            "repaired": dict(sorted(self.repaired.items())),
            "categories": {name: {"kept": kept, "all": all_} for name, (kept, all_) in sorted(self.categories.items())},
            "settings": dict(self.settings),
        }

    def _count_rejected(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self.rejected.update(rejections.kind(line["reason"]) for line in lines)


def _histograms(rules: Mapping[str, Any]) -> dict[tuple[str, ...], Histogram]:
    """What is plotted: by the path of the number in a line of decisions."""
    filters, occlusion = rules["filters"], rules["occlusion"]
    common = {
        ("score",): _histogram("confidence", 1.0, 20, filters["min_score"]),
        ("details", "side"): _histogram("shorter side of the box, pixels", 1000.0, 40, filters["min_side"]),
        ("details", "border_distance"): _histogram("distance to the border, pixels", 200.0, 40, filters["border"]),
    }
    if occlusion["rule"] == "paper":
        constants = occlusion
        own = {"occluded_share": _histogram("share of points that say occluded", 1.0, 20, constants["votes"])}
    else:
        constants = occlusion["contour"]
        own = {"hidden_share": _histogram("share of the object that is hidden", 0.2, 40, constants["hidden"])}
    own["median_ratio"] = _histogram("median of inner / outer disparity", 2.0, 40, constants["ratio"])
    return common | {("details", "occlusion", name): histogram for name, histogram in own.items()}


def _histogram(title: str, high: float, bins: int, threshold: float | int) -> Histogram:
    return Histogram(title, high / bins, [0] * bins, [0] * bins, float(threshold))


def _number(line: Mapping[str, Any], path: Sequence[str]) -> float | None:
    value: Any = line
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
