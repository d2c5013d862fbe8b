"""What was repaired or left away in objects that were rendered: kept with each, and counted for all."""

import collections
import json
import pathlib
from collections.abc import Sequence

from real3d_jax.data import rejections

ORIGIN = pathlib.Path("mesh") / "origin.json"
KEY = "notes"
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
    """The counts in a folder's summary, in lines for people; nothing if there are none."""
    found = json.loads((folder / rejections.SUMMARY).read_text()).get(KEY, {})
    if not found:
        return ""
    lines = [f"  {count} x {note}" for note, count in sorted(found.items(), key=lambda pair: -pair[1])]
    return "\n".join([f"rendered, with remarks (each in OBJECT/{ORIGIN}):", *lines, ""])
