"""What the readers of all formats share: files beside a mesh, and the record of what they could not use."""

import pathlib
from collections.abc import Callable, Hashable

import numpy as np
from jaxtyping import UInt8

from real3d_jax.data.object_rendering.formats.pictures import decoded


class Malformed(ValueError):
    """A file breaks its format's rules. The message goes on from 'it cannot be read:'."""


class Reading:
    """The reading of one file.

    Attributes:
      path: of the mesh.
      faults: materials and textures that are missing or damaged, a sentence each. A run refuses the object for them,
        or takes it without.
      notes: what was repaired or passed over, a sentence each, without names and numbers of the case.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.faults: list[str] = []
        self.notes: list[str] = []
        self._pictures: dict[str, UInt8[np.ndarray, "H W 4"] | None] = {}
        self._made: dict[Hashable, UInt8[np.ndarray, "H W 4"]] = {}

    def note(self, sentence: str) -> None:
        """Adds to the notes, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def fault(self, sentence: str) -> None:
        """Adds to the faults, once."""
        if sentence not in self.faults:
            self.faults.append(sentence)

    def find(self, name: str) -> pathlib.Path | None:
        """A file that the mesh names.

        It is looked for where the name says, and by its last part beside the mesh, as names often come from another
        machine. The case of letters counts only where two files differ in it.
        """
        name = name.strip().strip('"').replace("\\", "/")
        folder = self.path.parent
        for candidate in (name, name.lstrip("/"), name.rsplit("/", 1)[-1]):
            if not candidate or "\0" in candidate:
                continue
            found = _in_any_case(folder, candidate)
            if found is not None:
                return found
        return None

    def contents(self, name: str) -> bytes | None:
        """The bytes of a file that the mesh names; None, and a fault, if it is missing."""
        found = self.find(name)
        try:
            if found is not None:
                return found.read_bytes()
        except OSError:
            pass
        self.fault(f"'{name.strip()}', which it names, is missing")
        return None

    def picture(self, name: str, read: Callable[[], bytes | None]) -> UInt8[np.ndarray, "H W 4"] | None:
        """The pixels of a texture, one array however often it is asked for; None, and a fault, if it is damaged.

        Args:
          name: of the texture, for messages; unique in the file.
          read: gives its bytes, or None after a fault of its own.
        """
        if name not in self._pictures:
            self._pictures[name] = None
            data = read()
            if data is not None:
                try:
                    self._pictures[name] = decoded(data)
                except ValueError as error:
                    self.fault(f"the texture '{name}' cannot be decoded, so it cannot be used ({error})")
        return self._pictures[name]

    def shared(self, key: Hashable, pixels: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 4"]:
        """The first array that came under a key: renderers hold the pixels of one array once."""
        return self._made.setdefault(key, pixels)


def _in_any_case(folder: pathlib.Path, name: str) -> pathlib.Path | None:
    path = folder / name
    try:
        if path.is_file():
            return path
        if not path.parent.is_dir():
            return None
        alike = [other for other in path.parent.iterdir() if other.name.lower() == path.name.lower()]
    except OSError:  # a name that is too long, a folder that may not be read
        return None
    return alike[0] if len(alike) == 1 and alike[0].is_file() else None
