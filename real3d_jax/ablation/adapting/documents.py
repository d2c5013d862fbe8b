"""Puts table, curve and picture of a finished study into docs/, so that no number there is typed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real3d_jax.ablation.adapting import report
from real3d_jax.ablation.adapting.pictures import PICTURE
from real3d_jax.errors import UserError

PAGE, KEPT = Path("docs/adapt.md"), Path("docs/adapt.json")
IMAGES, CURVE, SHOWN = Path("docs/images"), "adapt_curve.svg", "adapt_before_after.png"
BEGIN, END = "<!-- made from adapt.json: begin -->", "<!-- end -->"


def write(out: Path) -> None:
    """Copies `adapting.json` to docs/, with its curve and picture, and fills the page's part between the marks.

    Raises:
      UserError: the study is not finished, or this is no checkout.
    """
    found = out / report.JSON
    if not found.exists():
        raise UserError(f"There is no '{found}': run `python -m real3d_jax.ablation.adapting --out {out}` first.")
    if not PAGE.exists():
        raise UserError(f"There is no '{PAGE}': start this from the repository's root.")
    shutil.copyfile(found, KEPT)
    tree = report.read(KEPT)
    PAGE.write_text(filled(PAGE.read_text(), part(tree)))
    (IMAGES / CURVE).write_text(report.curve(tree))
    if (out / PICTURE).exists():
        shutil.copyfile(out / PICTURE, IMAGES / SHOWN)


def part(tree: Mapping[str, Any]) -> str:
    """What stands between the marks."""
    most = tree["config"]["numbers"][-1]
    shown = (
        f"![The input; for three novel views the truth, as the model comes, and after {most} photographs]"
        f"(images/{SHOWN})"
    )
    return f"{report.table(tree)}\n![Gain over the number of photographs](images/{CURVE})\n\n{shown}\n"


def filled(page: str, table: str) -> str:
    """The page with a text between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}{END}{after}"
