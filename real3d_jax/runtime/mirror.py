"""A run's small files, where its folder lies in an object store: written on this machine, and copied there.

Files that grow line by line, such as metrics.jsonl, cannot be appended to in a store. So they lie in a folder of this
machine, and every minute those that have changed are written to the store, each as a whole.
"""

import shutil
import tempfile
import threading
from pathlib import Path

from real3d_jax.errors import UserError
from real3d_jax.runtime import folders, stores
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stores import Folder

_EVERY = 60.0  # seconds between two copies


class Mirror:
    """A context in which a folder in a store has one on this machine.

    Args:
      address: of the folder in the store.
      shared: subfolders that other processes write to, too: their files are fetched, here and at every copy.

    Attributes:
      folder: on this machine. At the beginning it has the files that lie right in the store's folder, and `shared`.
    """

    def __init__(self, address: Folder, *, shared: tuple[str, ...] = ()):
        self.address, self._shared = address, shared
        self.folder = Path(tempfile.mkdtemp(prefix="real3d-"))
        self._copied: dict[str, tuple[int, int]] = {}
        self._busy, self._wake, self._left = threading.Lock(), threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._go, name="mirror", daemon=True)

    def __enter__(self) -> "Mirror":
        for path in [*self.address.glob("*"), *self._shared_files()]:
            if not path.name.startswith(stores.PROBE) and not path.is_dir():
                self._fetch(path.relative_to(self.address).as_posix())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._wake.set()
        self._thread.join()
        self.copy()
        if self._failure is not None:
            raise UserError(
                f"'{self.address}' could not be written ({_reason(self._failure)}): the run's files, but for its "
                f"checkpoints, are in '{self.folder}'; copy them there, and run the same command again."
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def soon(self) -> None:
        """Has the files copied in the background now."""
        self._wake.set()

    def copy(self) -> None:
        """Copies what has changed; a store that takes nothing is told once, and tried again the next time."""
        with self._busy:
            try:
                for name in stores.files_below(self.folder):
                    self._copy(name)
                for path in self._shared_files():
                    name = path.relative_to(self.address).as_posix()
                    if name not in self._copied:
                        self._fetch(name)
                self._failure = None
            except Exception as error:  # of whatever library
                if self._failure is None:
                    say(f"warning: '{self.address}' cannot be written ({_reason(error)}); it is tried again.")
                self._failure = error

    def shown(self, path: Path) -> Folder:
        """The address of a file, for messages."""
        return self.address / path.relative_to(self.folder).as_posix()

    def _go(self) -> None:
        while not self._left.is_set():
            self._wake.wait(_EVERY)
            self._wake.clear()
            if not self._left.is_set():
                self.copy()

    def _shared_files(self) -> list[Folder]:
        return [path for name in self._shared for path in (self.address / name).glob("*")]

    def _fetch(self, name: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((self.address / name).read_bytes())
        self._copied[name] = _version(path)

    def _copy(self, name: str) -> None:
        path = self.folder / name
        if folders.is_leftover(path) or not path.exists():
            return
        version = _version(path)  # before it is read: what is added meanwhile goes with the next copy
        if self._copied.get(name) != version:
            stores.upload(path, self.address / name)
            self._copied[name] = version


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
