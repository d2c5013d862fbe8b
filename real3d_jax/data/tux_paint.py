"""Photographs among the stamps of the drawing program Tux Paint: which are taken, of what licence, and by whom.

The collection as a whole is under the GPL, version 2. `tux_paint.tsv` has what its own CHANGES.txt and CONTRIBUTORS.txt
tell of single stamps, for those that show one whole object and whose longer side has 120 pixels or more.
"""

import csv
import importlib.resources
import pathlib
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from real3d_jax.errors import UserError

TRAINED, MEASURED = "trained", "measured"
_MEANING = {
    TRAINED: "In the public domain or under CC BY by their own statement: what is trained on them may be shipped.",
    MEASURED: "Given to Tux Paint under the GPL: for measuring only, nothing is trained on them.",
}
_ORIGIN = """# Authors of the photographs
The photographs are stamps of [Tux Paint](https://tuxpaint.org/), as Debian's package `tuxpaint-stamps-default` has
them; `launch/unpack_photographs.py` takes those that are named here."""


class Stamp(NamedTuple):
    """A photograph of the collection.

    Attributes:
      use: TRAINED or MEASURED.
      stamp: its path in the collection, without `.png`.
      licence: by its own statement.
      author: who took the photograph, and who cut it out if another did.
      source: address that the statement names; empty if none.
    """

    use: str
    stamp: str
    licence: str
    author: str
    source: str

    @property
    def name(self) -> str:
        """The key of its record."""
        return self.stamp.replace("/", "__")


def stamps() -> list[Stamp]:
    """Those that are taken, in the list's order."""
    text = (importlib.resources.files("real3d_jax.data") / "tux_paint.tsv").read_text()
    return [Stamp(**row) for row in csv.DictReader(text.splitlines(), delimiter="\t")]


def unpack(source: pathlib.Path, folder: pathlib.Path) -> list[Stamp]:
    """Copies the photographs to `folder/trained` and `folder/measured`, and writes `folder/credits.md`.

    Args:
      source: the collection's folder `stamps`.
      folder: to make.

    Raises:
      UserError: a photograph is not in the collection, or the folder is there already.
    """
    taken = stamps()
    for stamp in taken:
        if not (source / f"{stamp.stamp}.png").is_file():
            raise UserError(
                f"'{source}' has no '{stamp.stamp}.png': name the folder 'stamps' of Tux Paint Stamps 2022.06.04."
            )
    if folder.exists():
        raise UserError(f"'{folder}' is there already: name a new folder, or delete it.")
    for stamp in taken:
        (folder / stamp.use).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / f"{stamp.stamp}.png", folder / stamp.use / f"{stamp.name}.png")
    (folder / "credits.md").write_text(credits(taken))
    return taken


def credits(taken: Sequence[Stamp]) -> str:
    """A page in Markdown: every photograph with its licence and author."""
    lines = [_ORIGIN]
    for use, meaning in _MEANING.items():
        chosen = [stamp for stamp in taken if stamp.use == use]
        lines += ["", f"## {use.capitalize()}", f"{meaning} {len(chosen)} photographs.", ""]
        lines += ["| photograph | licence | author | from |", "|---|---|---|---|"]
        lines += [f"| `{s.stamp}` | {s.licence} | {s.author} | {s.source and f'<{s.source}>'} |" for s in chosen]
    return "\n".join(lines) + "\n"
