"""Folders that may lie in an object store: gs://BUCKET/FOLDER.

A store has objects, not folders: each of them appears whole, none is appended to or renamed. So a folder cannot appear
whole by getting its name, as it does on a disk; what says that it is whole is an object that is written last.
"""

import os
import re
import shutil
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from etils import epath

from real3d_jax.errors import UserError, check_installed

if TYPE_CHECKING:
    Folder = Path
else:
    Folder = Path | epath.Path  # which has the methods of Path, and is none
"""A path on a disk or in an object store."""

_ADDRESS = re.compile(r"gs:/+(?=[^/])")
PROBE = ".probe-"  # what the names of files begin with that are written as a trial: they are gone at once
_LIBRARIES = ("gcsfs", "aiohttp", "google")
_LOST = re.compile(r"\b(UNAVAILABLE|DEADLINE_EXCEEDED|PERMISSION_DENIED|UNAUTHENTICATED|RESOURCE_EXHAUSTED|ABORTED)\b")


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether it is that of a folder or an object in a store that is read and written here: gs://."""
    return bool(_ADDRESS.match(str(path)))


def place(path: str | os.PathLike[str]) -> Folder:
    """A path: `Path`, or of an address what has its methods.

    Raises:
      UserError: it is an address, and the library for it is missing.
    """
    if not is_address(path):
        return Path(path)
    check_installed("gcsfs", what=f"'{path}' is read and written", extra="gcs")
    import fsspec.config

    # What other processes and TensorStore write there must be seen.
    fsspec.config.conf.setdefault("gs", {})["use_listings_cache"] = False
    return cast(Folder, epath.Path(_ADDRESS.sub("gs://", str(path))))


def absolute(path: Folder) -> Folder:
    """`path` without links and from the root; an address as it is."""
    return place(path) if is_address(path) else path.resolve()


def files_below(folder: Folder) -> list[str]:
    """The names of all files in a folder and those below it, relative to it, in order."""
    if not is_address(folder):
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    store, root = _store(folder)
    found = (PurePosixPath(name).relative_to(root).as_posix() for name in store.find(root) if not name.endswith("/"))
    return sorted(found)


def size(path: Folder) -> int:
    """Of a file, in bytes."""
    status: Any = path.stat()
    return status.length if is_address(path) else status.st_size


def write_bytes(path: Folder, contents: bytes) -> None:
    """Writes a file whose bytes are on the disk, or an object that is in the store, when this returns."""
    with path.open("wb") as file:
        file.write(contents)
        if not is_address(path):
            file.flush()
            os.fsync(file.fileno())


def upload(path: Path, to: Folder) -> None:
    """Writes a local file to an object."""
    store, name = _store(to)
    store.put_file(str(path), name)


def remove(folder: Folder) -> None:
    """Deletes a folder and what is in it, if it is there."""
    if is_address(folder):
        store, root = _store(folder)
        for name in files_below(folder):
            store.rm_file(f"{root}/{name}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def move(folder: Folder, to: Folder, *, marker: str) -> None:
    """Moves a folder, in place of one that was there; cut short, the folder is still where it was, or in both places.

    Args:
      folder: to be moved.
      to: its new path, in the same store or on a disk like `folder`.
      marker: the name of the file that says that a folder in a store is whole: copied last and deleted first.
    """
    remove(to)
    if not is_address(folder):
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, to)
        return
    store, root = _store(folder)
    names = sorted(files_below(folder), key=lambda name: name == marker)
    for name in names:
        store.cp_file(f"{root}/{name}", f"{_store(to)[1]}/{name}")
    for name in reversed(names):
        store.rm_file(f"{root}/{name}")


def is_of_store(error: BaseException) -> bool:
    """Whether an error tells that a store, or the way to it, failed, rather than of what an object holds."""
    if isinstance(error, FileNotFoundError):
        return False
    return type(error).__module__.split(".")[0] in _LIBRARIES or bool(_LOST.search(str(error)))


def check_writable(folder: Folder) -> None:
    """Writes an object below an address and deletes it.

    Raises:
      UserError: it cannot be.
    """
    probe = folder / f"{PROBE}{uuid.uuid4().hex}"  # of this process alone
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except Exception as error:  # of whatever library
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"'{folder}' cannot be written ({reason}): see that the bucket exists and that this machine's account may "
            "write to it (`gcloud auth application-default login`), or choose another folder."
        ) from error


def _store(folder: Folder) -> tuple[Any, str]:
    """fsspec's file system, and the folder's name in it."""
    import fsspec

    return fsspec.core.url_to_fs(str(folder))
