"""Finds photographs by what annotation tools and detectors call them.

Tools write more than a path below the input: folders of the machine that annotated (`/datasets/set/cats/1.jpg`,
`C:\\photos\\1.jpg`), addresses (`data/local-files/?d=cats/1.jpg`), percent signs, another Unicode form, and, in Label
Studio, eight digits before the name (`cb0618f6-1.jpg`).
"""

import collections
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from real3d_jax.data.photograph_files import PhotographFile

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # Label Studio's
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+://[^/]*", re.IGNORECASE)


class Found(NamedTuple):
    """A photograph.

    Attributes:
      key: the photograph's.
      exact: whether the name is its path, so that no other can be meant.
      how: what had to be done to the name; '' if nothing.
    """

    key: str
    exact: bool
    how: str = ""


class PhotographFinder:
    """The photographs of an input by their names."""

    def __init__(self, photographs: Sequence[PhotographFile]):
        self._names = {photograph.file: photograph.key for photograph in photographs}
        self._names |= {name: photograph.key for photograph in photographs for name in photograph.names}
        self._files = {photograph.file for photograph in photographs}
        self._endings = _endings((photograph.file, photograph.key) for photograph in photographs)
        self._folded = _endings((_fold(photograph.file), photograph.key) for photograph in photographs)
        numbers = [(int(name), p.key) for p in photographs for name in p.names[-1:] if name.isdecimal()]
        once = collections.Counter(number for number, _ in numbers)
        self._numbers = {number: key for number, key in numbers if once[number] == 1}

    def by_file_name(self, name: str) -> Found | None:
        """By a path, of which the longest ending counts that is one of a photograph's; None if it is one of several."""
        for spelling, how in _spellings(name):
            if spelling in self._names:
                return Found(self._names[spelling], spelling in self._files, how)
            if key := _by_ending(spelling, self._endings):
                return Found(key, False, how)
        for spelling, _ in _spellings(name):
            if key := _by_ending(_fold(spelling), self._folded):
                return Found(key, False, "file names in another case or Unicode form")
        for spelling, _ in _spellings(name):
            folder, slash, last = spelling.rpartition("/")
            if (bare := _UPLOADED.sub("", last)) != last and (key := _by_ending(folder + slash + bare, self._endings)):
                return Found(key, False, "file names with Label Studio's digits")
        return None

    def by_id(self, identity: Any) -> Found | None:
        """By the stem or the path, or by the number that the stem is (397133 for 000000397133)."""
        if (found := self.by_file_name(str(identity))) is not None:
            return found
        text = str(identity)
        number = int(text) if not isinstance(identity, bool) and text.isdecimal() and len(text) < 20 else None
        return Found(self._numbers[number], True) if number in self._numbers else None


def _spellings(name: str) -> list[tuple[str, str]]:
    """What a name may mean, the plainest first, and what was done to it."""
    found = [(name, "")]
    if "\\" in name:
        found.append((name.replace("\\", "/"), "file names with backslashes"))
    plain = _ADDRESS.sub("", found[-1][0])
    address = urllib.parse.urlsplit(plain) if "?" in plain else None
    if address is not None and (below := urllib.parse.parse_qs(address.query).get("d")):
        plain = below[0].replace("\\", "/")
    elif "%" in plain:
        plain = urllib.parse.unquote(plain).replace("\\", "/")
    if plain != found[-1][0]:
        found.append((plain, "file names that are addresses"))
    return found


def _endings(files: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The keys of the photographs whose path ends so, by every ending of a path."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for file, key in files:
        parts = file.split("/")
        for first in range(len(parts)):
            found["/".join(parts[first:])].add(key)
    return found


def _by_ending(name: str, endings: dict[str, set[str]]) -> str | None:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    for first in range(len(parts)):
        if keys := endings.get("/".join(parts[first:])):
            return next(iter(keys)) if len(keys) == 1 else None
    return None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
