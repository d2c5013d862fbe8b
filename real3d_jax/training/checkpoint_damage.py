"""Tells a damaged checkpoint from a storage that does not answer: only the former may be set aside."""

import re

from real3d_jax.checkpoints.checksums import ChecksumError
from real3d_jax.runtime import stores
from real3d_jax.runtime.stores import Folder

# Of the codes that TensorStore's messages begin with, those that say what the files hold: broken bytes, a file that is
# not there, one that is too short, contents that do not fit each other. Others are of the storage or the machine.
_DAMAGE = ("DATA_LOSS", "NOT_FOUND", "OUT_OF_RANGE", "INVALID_ARGUMENT", "FAILED_PRECONDITION")
_CODE = re.compile(r"([A-Z]+(?:_[A-Z]+)*): ")
_COLLECTIVES = re.compile(r"\b(Gloo|NCCL)\b")  # what processes exchange by
_SMALL = 2**20  # bytes; of larger files only the beginning is read


def is_of_storage(error: Exception) -> bool:
    """Whether an error of reading tells of files or storage at all, rather than of this program."""
    links = list(_chain(error))
    if any(_COLLECTIVES.search(str(link)) for link in links):  # another process has left while this one read
        return False
    return any(isinstance(link, OSError) or _code(link) or stores.is_of_store(link) for link in links) or (
        _tells_contents(error)
    )


def proves_damage(error: Exception, folder: Folder) -> bool:
    """Whether an error that came of reading a checkpoint proves that its files are damaged.

    What is missing may be out of reach, since libraries ask whether a file exists and take an error for a no. So every
    file must be there to be opened, too.

    Args:
      error: with its causes.
      folder: of the checkpoint's step.
    """
    links = list(_chain(error))
    if any(isinstance(link, OSError) and not isinstance(link, FileNotFoundError) for link in links):
        return False
    if any(map(stores.is_of_store, links)):
        return False
    if any(code and code not in _DAMAGE for code in map(_code, links)):
        return False
    missing = any(isinstance(link, FileNotFoundError) for link in links)
    told = missing or _tells_contents(error) or any(map(_code, links))
    return told and _can_be_opened(folder)


def _tells_contents(error: Exception) -> bool:
    """Other bytes than were written, JSON that breaks off, or a part of the checkpoint that Orbax does not find."""
    return isinstance(error, ChecksumError | KeyError | UnicodeDecodeError) or type(error).__name__ == "JSONDecodeError"


def _can_be_opened(folder: Folder) -> bool:
    try:
        if stores.is_address(folder):
            paths = [folder / name for name in stores.files_below(folder)]
        else:
            paths = [path for path in folder.rglob("*") if path.lstat() and not path.is_dir()]
        for path in paths:
            with path.open("rb") as file:
                file.read(_SMALL)
    except Exception as error:
        if not isinstance(error, OSError) and not stores.is_of_store(error):
            raise
        return False
    return True


def _code(error: BaseException) -> str:
    match = _CODE.match(str(error)) if isinstance(error, ValueError | RuntimeError) else None
    return match[1] if match else ""


def _chain(error: BaseException | None):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
