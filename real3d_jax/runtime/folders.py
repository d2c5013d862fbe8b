"""What folders that are made over several runs share: settings that stay the same, and files that are never half."""

import contextlib
import fcntl
import json
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from real3d_jax.config.files import changes, differences
from real3d_jax.errors import UserError
from real3d_jax.runtime.stores import Folder

_PARTIAL = ".partial"
_LITTER = ("__MACOSX", "@eaDir")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or one that macOS (`._1.png`, `__MACOSX`) or a NAS (`@eaDir`) puts beside."""
    return name.startswith(".") or name in _LITTER


def check_local(path: str | os.PathLike[str]) -> None:
    """Refuses the address of an object store, of which `Path` makes a folder called 'gs:'.

    Raises:
      UserError: it is one, such as 'gs://bucket/run'.
    """
    if _ADDRESS.match(str(path)):
        raise UserError(
            f"'{path}' is the address of an object store, and files are read and written here: mount the bucket (gs:// "
            "by gcsfuse, docs/pods.md) and give the folder where it is mounted."
        )


@contextlib.contextmanager
def replacing(path: Folder, *, several_writers: bool = False) -> Iterator[Path]:
    """Where to write a file that gets its name when it is whole, in place of one that stood there.

    Args:
      path: the file; its folder is made.
      several_writers: at once, each of a file of its own; what they leave when they are killed adds up.

    Raises:
      UserError: it is an address of an object store.
    """
    check_local(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + f".{uuid.uuid4().hex}" * several_writers + _PARTIAL)
    partial.unlink(missing_ok=True)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_all(path: Path) -> Iterator[Path]:
    """`replacing` for writers that look at a file's ending, or put others beside it (OBJ's material and picture).

    Args:
      path: the file; its folder is made.

    Yields:
      A path of the same name, in a hidden folder beside it. What is written there is moved beside `path` in the end,
      the file itself last.

    Raises:
      UserError: it is an address of an object store.
    """
    check_local(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent, ignore_cleanup_errors=True) as folder:
        made = Path(folder) / path.name
        yield made
        for file in sorted(Path(folder).iterdir(), key=lambda file: file == made):
            os.replace(file, path.parent / file.name)


@contextlib.contextmanager
def one_at_a_time(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Waits until no other process of this machine holds the folder, and holds it, where the file system can.

    Args:
      folder: made if missing; whoever writes into it says why that is impossible.
    """
    handle = None
    with contextlib.suppress(OSError):  # not every network file system has locks
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def replace_text(path: Folder, text: str, *, several_writers: bool = False) -> None:
    """Writes a file that appears whole or not at all; `several_writers` as of `replacing`."""
    with replacing(path, several_writers=several_writers) as partial:
        partial.write_text(text)


def write_result(path: Path, text: str, *, several_writers: bool = False) -> None:
    """`replace_text` below a folder that was chosen by --out.

    Raises:
      UserError: it cannot be written.
    """
    try:
        replace_text(path, text, several_writers=several_writers)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}): choose another --out.") from error


def is_leftover(path: Folder) -> bool:
    """Whether a file is what `replacing` leaves when it is killed."""
    return path.suffix == _PARTIAL


def is_unbegun(folder: Folder) -> bool:
    """Whether a folder is missing, or empty but for files that were cut short."""
    return not folder.exists() or all(is_leftover(path) for path in folder.iterdir())


def begin(plan_file: Folder, plan: Mapping[str, Any], *, made: str, foreign: str = "") -> None:
    """Makes the plan's folder, or makes sure that the one that stands was begun with the same plan.

    Args:
      plan_file: in the folder.
      plan: what the folder's contents depend on, as JSON.
      made: what was done with the folder, as 'prepared'.
      foreign: the beginning of the message where the folder holds something else; a general one if it is empty.

    Raises:
      UserError: the folder was begun with another plan, or holds something else.
    """
    folder = plan_file.parent
    plan = json.loads(json.dumps(plan))
    if plan_file.exists():
        for name, before, now in changes(json.loads(plan_file.read_text()), plan):
            raise UserError(
                f"'{folder}' was {made} with {name} = {before}, not {now}: delete the folder, or choose another one."
            )
    elif not is_unbegun(folder):
        foreign = foreign or f"'{folder}' is not empty and was not {made} by this program"
        raise UserError(f"{foreign}: choose a new folder.")
    else:
        replace_text(plan_file, json.dumps(plan, indent=2))


def check_same(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    refusal: Callable[[str], str],
    *,
    where: str = "",
    may_differ: tuple[str, ...] = (),
) -> None:
    """Refuses to go on in a folder that was begun with other settings.

    Args:
      before: settings as a JSON tree.
      now: likewise.
      refusal: the message that tells of a change, given the first one as `differences` has it.
      where: stands before each key.
      may_differ: beginnings of keys, `where` included, that do not count.

    Raises:
      UserError: something else has changed.
    """
    changed = differences(before, now, where, ignored=may_differ)
    if changed:
        raise UserError(refusal(changed[0]))


def read_json(path: Folder, *, remedy: str) -> Any:
    """The JSON tree in a file. Raises UserError, with the remedy, if it is damaged."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"'{path}' is not valid JSON any more: {remedy}.") from error
