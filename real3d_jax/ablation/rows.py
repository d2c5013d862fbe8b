"""The rows of Tables 5 and 7 and the points of Figure 5, by name: what each turns on."""

import dataclasses

from real3d_jax.errors import UserError, did_you_mean

START = "start"  # stage 0, where every row begins
BASE = "base"  # what every row is compared with
FULL = "full"
SIZES = ("tiny", "small", "paper")


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
      label: of the row in Table 5, or the share of photographs in Figure 5.
      input_view: whether photographs take part, with the rendering loss on their own view (L_in).
      clean: whether they are curated.
      semantic: guidance by CLIP: '' for none, 'naive' on all novel views, 'L_sem' on the least similar one (Eq. 9).
      cycle: cycle consistency: '' for none, 's.g.' with the gradient stopped (Eq. 3), 'e2e' without.
      curriculum: whether the cycle's poses go from near to far (Eq. 6).
      fraction: share of the photographs that is used.
    """

    label: str
    input_view: bool = True
    clean: bool = True
    semantic: str = "L_sem"
    cycle: str = "s.g."
    curriculum: bool = True
    fraction: float = 1.0


TABLE_5 = {
    BASE: Row("(0)", input_view=False, clean=False, semantic="", cycle="", curriculum=False),
    "input_raw": Row("(1)", clean=False, semantic="", cycle="", curriculum=False),
    "input": Row("(1)", semantic="", cycle="", curriculum=False),
    "naive_clip": Row("(2)", semantic="naive", cycle="", curriculum=False),
    "clip": Row("(2)", cycle="", curriculum=False),
    "cycle_no_curriculum": Row("(3)", curriculum=False),
    "cycle_end_to_end": Row("(3)", cycle="e2e"),
    "full_raw": Row("(3)", clean=False),
    FULL: Row("(3)"),
}
# The text that goes with Figure 5 names no shares; these are ours. Its last point is the row 'full'.
FIGURE_5 = {f"fraction_{percent}": Row(f"{percent} %", fraction=percent / 100) for percent in (10, 25, 50)}
ROWS = {**TABLE_5, **FIGURE_5}

# Of Tables 6 and 7, with what they are called there. Table 7's Real3D learns of one view of each capture, Table 6's of
# photographs in the wild.
GAIN_ROWS = {
    "lrm": "LRM",
    "lrm_real": "LRM*",
    BASE: "TripoSR",
    "real3d": "Real3D",
    "real3d_wild": "Real3D, in the wild",
}
GAIN_STARTS = {"start_lrm": "LRM, stage 0", "start_real3d": "Real3D, stage 0"}
GAIN_TABLES = {"table_6": ("lrm", "lrm_real", BASE, "real3d_wild"), "table_7": ("lrm", "lrm_real", BASE, "real3d")}


def run_name(row: str, seed: int | None) -> str:
    """The name of a row's run, which is its folder's: with a seed of its own, such as 'full/seed_1', or 'full'."""
    return row if seed is None else f"{row}/seed_{seed}"


def row_of(run: str) -> str:
    """The row that a run belongs to."""
    return run.partition("/")[0]


def listed(words: str) -> list[str]:
    """The words of a list with commas."""
    return [word for word in map(str.strip, words.split(",")) if word]


def read_rows(words: str) -> list[str]:
    """Names of rows from a list with commas, each once; '' is Table 5, and 'table_5' and 'figure_5' stand for theirs.

    Raises:
      UserError: there is no such row.
    """
    groups = {"table_5": list(TABLE_5), "figure_5": [BASE, *FIGURE_5, FULL]}
    names: list[str] = []
    for word in listed(words) or ["table_5"]:
        if word not in ROWS and word not in groups:
            raise UserError(f"The ablation has no row '{word}': {did_you_mean(word, (*ROWS, *groups))}")
        names += groups.get(word, [word])
    return list(dict.fromkeys(names))


def read_gain_rows(words: str) -> list[str]:
    """Rows of Tables 6 and 7 from a list with commas: the tables, or names of which one at least is no other table's.

    Raises:
      UserError: there are other names beside.
    """
    names = listed(words)
    known = (*GAIN_TABLES, *GAIN_ROWS)
    if {*names}.isdisjoint({*known} - {BASE}):
        return []
    for name in names:
        if name not in known:
            raise UserError(f"Tables 6 and 7 have no row '{name}': {did_you_mean(name, known)}")
    wanted = {row for name in names for row in GAIN_TABLES.get(name, (name,))}
    return [row for row in GAIN_ROWS if row in wanted]
