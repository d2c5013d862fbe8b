"""The results of each photograph in a folder of their own, which knows what picture and settings they are of."""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from real3d_jax.config.files import differences
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import FORMATS
from real3d_jax.inference.checks import ORBIT_FORMATS
from real3d_jax.inference.views import MAPS
from real3d_jax.runtime import folders

SETTINGS, RECORD = "settings.json", "made_of.json"
INPUT, ORBIT, VIEWS, MESH = "input.png", "orbit", "views.png", "mesh"
_MESH_FILES = tuple(f"{MESH}.{suffix}" for suffix in (*FORMATS, "mtl", "png"))  # the last two belong to OBJ
OWN = (
    *(INPUT, VIEWS, RECORD, *_MESH_FILES),
    *(f"{ORBIT}.{suffix}" for suffix in ORBIT_FORMATS),
    *(f"{name}.png" for name in MAPS),
)
_VERSION = 2  # of settings.json; before it, one setting held for all results of a folder
_UNFINISHED = ".unfinished-"
_ANOTHER_HOST = 86_400  # seconds after which a folder of another host, which cannot be asked, counts as left behind
_MAY_DIFFER = ("config.orbit.frames_at_once", "config.sheet", "checkpoint.path")

# What is known of a photograph's results.
NEW, DONE, EMPTY, EDITED, FOREIGN, OTHER, ANEW = "new", "done", "empty", "edited", "foreign", "other", "anew"


@dataclasses.dataclass(frozen=True)
class State:
    """What stands in a photograph's folder.

    Attributes:
      kind: NEW: nothing, or something unfinished. DONE: what is asked for. EMPTY: all but the mesh, whose surface is
        empty. EDITED: the result of the file before it was changed. FOREIGN: the result of another file. OTHER: the
        result of this picture with other settings. ANEW: one of the last two, which is to be replaced.
      about: the sentence on the empty surface, the other file, or the first setting that differs.
    """

    kind: str
    about: str = ""


def settings_of(checkpoint: Mapping[str, Any], config: Mapping[str, Any], *, cut_out: str) -> dict[str, Any]:
    """What a result depends on beside its photograph, as JSON."""
    return json.loads(json.dumps({"checkpoint": checkpoint, "cut_out": cut_out, "config": config}))


def begin(out: Path, settings: Mapping[str, Any], *, redo: bool) -> None:
    """Makes the folder of all results, or makes sure that it is one, and clears away what was killed.

    Raises:
      UserError: it holds something else, or results of an older version with other settings.
      OSError: it cannot be written.
    """
    path = out / SETTINGS
    if path.exists():
        before = folders.read_json(path, remedy="choose another --out")
        if not redo and (not isinstance(before, Mapping) or before.get("version") != _VERSION):
            folders.check_same(
                before if isinstance(before, Mapping) else {},
                settings,
                lambda change: f"'{out}' has results of other settings ({change}): choose another --out.",
                may_differ=_MAY_DIFFER,
            )
    elif not folders.is_unbegun(out):
        raise UserError(f"'{out}' is not empty and holds no reconstructions: choose another --out.")
    for leftover in out.glob(f"{_UNFINISHED}*"):
        if not _is_at_work(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    with folders.replacing(path, several_writers=True) as partial:
        partial.write_text(json.dumps({"version": _VERSION, **settings}, indent=1) + "\n")


def holds_results(folder: Path) -> bool:
    """Whether a folder is one of all results, or of one photograph's: its pictures are no photographs."""
    for name, keys in ((SETTINGS, {"checkpoint", "cut_out", "config"}), (RECORD, {"photograph", "settings"})):
        with contextlib.suppress(OSError, ValueError):
            tree = json.loads((folder / name).read_bytes())
            if isinstance(tree, Mapping) and keys <= tree.keys():
                return True
    return False


def identity(folder: Path, photograph: PhotographFile) -> dict[str, str]:
    """Which picture a file is now: its place, and a hash of its content ('' where it cannot be read)."""
    path = folder / photograph.file
    try:
        if not path.is_file():  # a pipe, say, of which the first byte would be waited for
            raise OSError(errno.EINVAL, "no file of bytes")
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        content = ""
    return {"file": str(path.absolute()), "sha256": content}


def state(goal: Path, picture: Mapping[str, str], settings: Mapping[str, Any], *, redo: bool) -> State:
    """What stands in `goal`, where the results of a picture (`identity`) with these settings are to be.

    With `redo` what is of another picture or of other settings is to be made anew.
    """
    found = _found(goal, picture, settings)
    return State(ANEW) if redo and found.kind in (FOREIGN, OTHER) else found


def _found(goal: Path, picture: Mapping[str, str], settings: Mapping[str, Any]) -> State:
    try:
        record = json.loads((goal / RECORD).read_bytes())
        before, files = record["photograph"], record["files"]
        whole = all((goal / name).is_file() for name in files)
        if not whole or not isinstance(record["settings"], Mapping):
            return State(NEW)
        if before["sha256"] != picture["sha256"]:
            return State(EDITED) if before["file"] == picture["file"] else State(FOREIGN, str(before["file"]))
        changed = differences(record["settings"], settings, "", ignored=_MAY_DIFFER)
        if record["no_mesh"]:
            return State(NEW) if changed else State(EMPTY, str(record["no_mesh"]))
        return State(OTHER, changed[0]) if changed else State(DONE)
    except (OSError, ValueError, KeyError, TypeError):
        return State(NEW)


@contextlib.contextmanager
def making(out: Path, goal: Path) -> Iterator[Path]:
    """Where to write a photograph's results, which get their place when they are whole, in place of older ones.

    Several processes may do so at once, in one `out`.
    """
    goal.parent.mkdir(parents=True, exist_ok=True)
    prefix = f"{_UNFINISHED}{_host()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=out, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        yield made
        try:
            made.rename(goal)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            _replace(made, goal)


def write_record(
    made: Path,
    picture: Mapping[str, str],
    settings: Mapping[str, Any],
    *,
    no_mesh: str,
    notes: tuple[str, ...],
    found: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Writes what the results in `made` are of.

    `no_mesh` says why there is none, '' if there is or none was asked; `found` is what else is to be known of them.
    """
    files = sorted(path.name for path in made.iterdir())
    tree = {"photograph": picture, "files": files, "no_mesh": no_mesh, "notes": notes, **found, "settings": settings}
    (made / RECORD).write_text(json.dumps(tree, indent=1) + "\n")


def _replace(made: Path, goal: Path) -> None:
    """Files one by one, since results of other photographs may lie below the goal; the record goes first and last."""
    names = {path.name for path in made.iterdir()}
    for name in (RECORD, *(name for name in OWN if name not in names)):
        (goal / name).unlink(missing_ok=True)
    for name in sorted(names, key=lambda name: name == RECORD):
        (made / name).replace(goal / name)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", platform.node())


def _is_at_work(unfinished: Path) -> bool:
    """Whether the process that made an unfinished folder may still be writing into it."""
    host, _, rest = unfinished.name.removeprefix(_UNFINISHED).partition("-")
    process = rest.partition("-")[0]
    if not process.isdigit():
        return False
    if host != _host():
        with contextlib.suppress(OSError):
            return time.time() - unfinished.stat().st_mtime < _ANOTHER_HOST
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(process) != os.getpid()
