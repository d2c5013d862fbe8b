"""Damage to files, at random but repeatable: truncations, swapped types, missing keys and parts."""

import gzip
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

OTHERS: tuple[Any, ...] = (
    *(None, True, "", "x", "1", [], {}, [[]], {"a": 1}),
    *(float("nan"), float("inf"), 1e308, -1, 0, 10**40, [1, [2]], ["1"], "\0", "../../x"),
)


class Tree:
    """The files of a folder, kept in memory so that damage can be undone."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self._before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def files(self, suffixes: tuple[str, ...] = ("",)) -> list[pathlib.Path]:
        """Those whose names end so."""
        return [path for path in self._before if path.name.endswith(suffixes)]

    def restore(self) -> None:
        """Undoes everything."""
        for path, content in self._before.items():
            if path.is_dir():
                path.rmdir()
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)


def damage(tree: Tree, rng: np.random.Generator) -> str:
    """Damages one file so that what was in it is gone or of another kind, and says how; no number becomes another one.

    Archives and images notice changed bytes by themselves; files of numbers do not, so these are cut or retyped only.
    """
    path = _pick(rng, tree.files())
    ways: list[Callable[[pathlib.Path, np.random.Generator], str]] = [_cut, _empty, _remove, _folder, _other_file]
    if path.suffix in (".json", ".jgz"):
        ways = [*(4 * [_json]), *ways]
    elif path.suffix == ".npy":
        ways = [_array, _array, *ways]
    elif path.suffix in (".png",):
        ways = [_flip, *ways]
    elif path.suffix == ".txt":
        ways = [_word, _word, _word, *ways]
    return f"{path.relative_to(tree.root)}: {_pick(rng, ways)(path, rng)}"


def change(value: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """JSON with one entry taken out, put twice, or replaced by a thing of another kind."""
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        found = waiting.pop()
        entries = list(found.items()) if isinstance(found, dict) else []
        entries += list(enumerate(found)) if isinstance(found, list) else []
        places += [(found, place) for place, _ in entries]
        waiting += [entry for _, entry in entries]
    if not places or rng.random() < 0.03:
        return _pick(rng, OTHERS), "everything replaced"
    holder, place = _pick(rng, places)
    way = rng.integers(4)
    if way == 0:
        del holder[place]
        return value, f"{place!r} taken out"
    if way == 1 and isinstance(holder[place], int | float) and not isinstance(holder[place], bool):
        holder[place] = _pick(rng, [str(holder[place]), [holder[place]], {"value": holder[place]}])
        return value, f"{place!r} as {holder[place]!r}"
    if way == 2 and isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), holder[place])
        return value, f"{place!r} twice"
    other = _pick(rng, [entry for entry in OTHERS if _kind(entry) != _kind(holder[place]) or entry != entry])
    holder[place] = other
    return value, f"{place!r} replaced by {other!r}"


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def _pick(rng: np.random.Generator, entries: Any) -> Any:
    return entries[int(rng.integers(len(entries)))]


def _cut(path: pathlib.Path, rng: np.random.Generator) -> str:
    content = path.read_bytes()
    keep = int(rng.integers(len(content)))
    path.write_bytes(content[:keep])
    return f"cut to {keep} of {len(content)} bytes"


def _empty(path: pathlib.Path, rng: np.random.Generator) -> str:
    path.write_bytes(b"")
    return "emptied"


def _remove(path: pathlib.Path, rng: np.random.Generator) -> str:
    path.unlink()
    return "removed"


def _folder(path: pathlib.Path, rng: np.random.Generator) -> str:
    path.unlink()
    path.mkdir()
    return "a folder in its place"


def _other_file(path: pathlib.Path, rng: np.random.Generator) -> str:
    contents = [
        b"<?xml version='1.0'?><Error/>",
        b"{}",
        b"[]",
        b"\0" * 200,
        b"\x93NUMPY\1\0",
        b"\x89PNG\r\n\x1a\n",
        b"\x1f\x8b",
    ]
    content = _pick(rng, [*contents, rng.bytes(100)])
    path.write_bytes(content)
    return f"replaced by {content[:12]!r}"


def _flip(path: pathlib.Path, rng: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    place = int(rng.integers(len(content)))
    content[place] ^= int(rng.integers(1, 256))
    path.write_bytes(bytes(content))
    return f"byte {place} changed"


def _json(path: pathlib.Path, rng: np.random.Generator) -> str:
    packed = path.suffix == ".jgz"
    content = path.read_bytes()
    value, how = change(json.loads(gzip.decompress(content) if packed else content), rng)
    text = json.dumps(value).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    return how


def _array(path: pathlib.Path, rng: np.random.Generator) -> str:
    array = np.load(path)
    with np.errstate(over="ignore"):
        kinds = [array.astype(str), array * 1j, array > 0, array * np.nan, array * array.dtype.type(1e38) * 10]
    other = _pick(rng, [array.ravel(), array[None], array[:-1], array[:, :1], *kinds])
    np.save(path, other)
    return f"as {other.shape} of {other.dtype}"


def _word(path: pathlib.Path, rng: np.random.Generator) -> str:
    lines = path.read_text().split("\n")
    numbers = [number for number, line in enumerate(lines) if line.split() and not line.startswith("#")]
    if not numbers:
        return "nothing"
    number = _pick(rng, numbers)
    words = lines[number].split()
    place = int(rng.integers(len(words)))
    word = words.pop(place)
    if rng.random() < 0.5:
        words.insert(place, _pick(rng, ["x", "nan", "", "1e999", "-", "é"]))
    lines[number] = " ".join(words)
    path.write_text("\n".join(lines))
    return f"word {word!r} of line {number + 1} changed"
