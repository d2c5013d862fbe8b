"""What was repaired or left away in objects that were rendered: kept with each, and counted for all."""

import collections
import json
import pathlib
from collections.abc import Sequence

from real3d_jax.data import rejections

ORIGIN = pathlib.Path("mesh") / "origin.json"
KEY = "notes"
_OF_MISSING_FILES = ("is missing", "the texture", "no image", "no texture coordinates")
PLAIN = "it has no colours: all of it has one grey"


def counts(folder: pathlib.Path, names: Sequence[str]) -> dict[str, int]:
    """How many of some objects have each note."""
    found: collections.Counter[str] = collections.Counter()
    for name in names:
        path = folder / name / ORIGIN
        if path.is_file():
            found.update(json.loads(path.read_text()).get(KEY, []))
    return dict(sorted(found.items()))


def described(folder: pathlib.Path) -> str:
    """What a folder's summary says about them, and what to do, in lines for people; empty if nothing."""
    summary = json.loads((folder / rejections.SUMMARY).read_text())
    lines = []
    if any(word in reason for reason in summary["reasons"] for word in _OF_MISSING_FILES):
        lines.append(
            "--allow_missing_files takes objects without the textures and materials that are missing or damaged."
        )
    if summary.get(KEY):
        lines.append(f"rendered, with remarks (each in OBJECT/{ORIGIN}):")
        ordered = sorted(summary[KEY].items(), key=lambda pair: -pair[1])
        lines += [f"  {count} x {note}" for note, count in ordered]
    return "".join(f"{line}\n" for line in lines)
