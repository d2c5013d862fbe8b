"""Values of a glTF file's JSON, checked as they are read."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from real3d_jax.data.object_rendering.formats.reading import Malformed


class Json:
    """A JSON object and where it lies in the file, for messages.

    Each method gives the value of a key, or its default where the key is missing, and raises Malformed for a value of
    another kind.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise Malformed(f"{where or 'its JSON'} is no object")
        self._value, self.where = value, where

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def names(self) -> Sequence[str]:
        """Its keys."""
        return list(self._value)

    def name(self, key: str) -> str:
        """Where a key lies."""
        return f"{self.where}.{key}" if self.where else key

    def object(self, key: str) -> "Json":
        """An object; an empty one by default."""
        return Json(self._value.get(key, {}), self.name(key))

    def objects(self, key: str) -> list["Json"]:
        """A list of objects; an empty one by default."""
        return [Json(value, f"{self.name(key)}[{place}]") for place, value in enumerate(self._list(key))]

    def extension(self, name: str) -> "Json | None":
        """An extension of this object."""
        extensions = self.object("extensions")
        return extensions.object(name) if name in extensions else None

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 0 on; one must be there if there is no default."""
        value = self._value.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # as some programs write them
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise Malformed(f"{self.name(key)} is {_shown(value)}, no whole number")
        return value

    def index(self, key: str) -> int | None:
        """A reference to another object."""
        return self.count(key) if key in self._value else None

    def indices(self, key: str) -> list[int]:
        """A list of references."""
        values = self._list(key)
        return [Json({"": value}, self.name(key)).count("") for value in values]

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        return _number(self._value.get(key, default), self.name(key))

    def numbers(self, key: str, default: Sequence[float] | None, *, length: int | None = None) -> list[float] | None:
        """A list of finite numbers, as many as `length` or the default has."""
        if key not in self._value:
            return None if default is None else list(default)
        values = [_number(value, self.name(key)) for value in self._list(key)]
        wanted = length if default is None else len(default)
        if wanted is not None and len(values) != wanted:
            raise Malformed(f"{self.name(key)} has {len(values)} numbers, not {wanted}")
        return values

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self._value.get(key, default)
        if not isinstance(value, str):
            raise Malformed(f"{self.name(key)} is {_shown(value)}, no text")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        return [Json({"": value}, self.name(key)).text("", "") for value in self._list(key)]

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value.get(key, default)
        if not isinstance(value, bool):
            raise Malformed(f"{self.name(key)} is {_shown(value)}, neither true nor false")
        return value

    def extension_names(self) -> Iterator[str]:
        """The extensions that this object, or one in it, has."""
        waiting: list[Any] = [self._value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                extensions = value.get("extensions")
                if isinstance(extensions, dict):
                    yield from extensions
                waiting += [child for key, child in value.items() if key != "extras"]
            elif isinstance(value, list):
                waiting += value

    def _list(self, key: str) -> list[Any]:
        value = self._value.get(key, [])
        if not isinstance(value, list):
            raise Malformed(f"{self.name(key)} is {_shown(value)}, no list")
        return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:  # an int beyond all floats
            pass
    raise Malformed(f"{where} is {_shown(value)}, no number")


def _shown(value: Any) -> str:
    return repr(value)[:40] if not isinstance(value, int) or abs(value) < 1e18 else "a number beyond all use"
