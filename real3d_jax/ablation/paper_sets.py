"""The paper's four test sets, as the columns of Tables 6 and 7 and the panels of Figure 5."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.protocols import DATASETS
from real3d_jax.errors import UserError, did_you_mean


class TestSet(NamedTuple):
    """How the paper shows a test set.

    Attributes:
      title: its name.
      scored: beginning of the metrics' names: of novel views, or of self-consistency where there are no true ones.
    """

    __test__ = False  # not a test class

    title: str
    scored: str = ""


TEST_SETS = {
    "mvimgnet": TestSet("MVImgNet"),
    "co3d": TestSet("CO3D"),
    "omniobject3d": TestSet("OmniObject3D"),
    "wild": TestSet("WildImages", "consistency_"),
}
NOVEL_VIEWS = tuple(name for name, found in TEST_SETS.items() if not found.scored)
assert tuple(TEST_SETS) == DATASETS

Evaluations = Mapping[str, EvaluationConfig]  # by test set, in the paper's order


def read_test_sets(words: str) -> list[str]:
    """Names of test sets from a list with commas, in the paper's order.

    Raises:
      UserError: there is no such test set.
    """
    names = [word for word in map(str.strip, words.split(",")) if word]
    for name in names:
        if name not in TEST_SETS:
            raise UserError(f"There is no test set '{name}': {did_you_mean(name, TEST_SETS)}")
    return [name for name in TEST_SETS if name in names]


def load_evaluations(load: Callable[[str], EvaluationConfig], names: Sequence[str]) -> Evaluations:
    """The evaluation of each test set; `load` reads it by the set's name."""
    return {name: load(name) for name in TEST_SETS if name in names}


def results_of(out: Path, run: str, test: str = "") -> Path:
    """The folder of a run's evaluation; of a test set beside its own, if one is named."""
    return out / run / (f"evaluation_{test}" if test else "evaluation")


def folder_of(out: Path, run: str, test: str, evaluation: EvaluationConfig, main: EvaluationConfig) -> Path:
    """The folder of a test set's results, which is that of the run's own evaluation where both are the same."""
    return results_of(out, run, "" if evaluation == main else test)
