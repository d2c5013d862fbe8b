"""The compiled training step on the disk, so that a later start neither traces nor compiles it.

JAX's cache finds a program by its text, which takes Python many seconds to make. Here the step is found by everything
that its text is made from, and XLA's part of JAX's own key: the run's config, the devices, the sources of this package
and of the libraries that trace, the versions of all that is installed, JAX's settings, and the environment. Of the
arguments, shapes and types are compared before the step is used.

A hash of all this names a link to the file of the step, so that sources that make the same text have the same file. It
is written when it was compiled: a step that JAX's cache gives cannot be written again (on a CPU, it would fail to run).
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import pickle
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable
from jax.sharding import Mesh
from jaxtyping import PyTree

from real3d_jax.config.training import Config
from real3d_jax.errors import one_line
from real3d_jax.kernels import warpgroups
from real3d_jax.runtime import compile_cache
from real3d_jax.runtime.console import say, timed
from real3d_jax.runtime.folders import replace_text, replacing
from real3d_jax.runtime.threads import begun
from real3d_jax.training.first_step import seconds_of_process

_MOST = 16  # steps that are kept; what was used least recently is deleted
_MOST_LINKS = 256
_MOST_SAID = 200  # characters of an error
_STEP, _LINK = ".step", ".link"  # endings of files
_DIGEST = hashlib.sha256().digest_size
_PACKAGE = __name__.partition(".")[0]
_LIBRARIES = ("jax", "flax", "optax")  # whose Python is run while the step is traced
_VARIABLES = ("CUBLAS_", "CUDNN_", "JAX_", "LIBTPU_", "TF_", "TRITON_", "XLA_")  # beginnings of their names


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What a file holds: a step as `serialize_executable` has it, and the arguments that it was compiled for."""

    arguments: list[str]
    program: bytes
    in_tree: Any
    out_tree: Any


class KeptStep:
    """The place of a run's compiled step. If one is there, a thread reads it from the beginning.

    Args:
      folder: of steps; it need not be there.
      traced_from: what makes the step's text.
      compiled_with: what makes a program of the text.
      mesh: the devices that it runs on.
    """

    def __init__(self, folder: Path, *, traced_from: str, compiled_with: str, mesh: Mesh):
        self._folder, self._compiled_with, self._mesh = folder, compiled_with, mesh
        self._link = folder / f"{_hash(traced_from, compiled_with)}{_LINK}"
        self._reading: Future[tuple[Any, list[str]] | None] | None = None
        with contextlib.suppress(OSError):  # it is not there
            file = folder / self._link.read_text()
            if file.exists():
                self._reading = begun("reading the step", functools.partial(self._read, file))

    @property
    def is_there(self) -> bool:
        """Whether there is one that has not been taken."""
        return self._reading is not None

    def take(self, arguments: list[str]) -> Any:
        """The compiled step, once; None if there is none, it cannot be read, or it takes other `arguments`."""
        reading, self._reading = self._reading, None
        found = None if reading is None else reading.result()
        if found is None:
            return None
        step, taken = found
        return step if taken == arguments else None

    def write(self, step: Any, lowered: Any, arguments: list[str], *, from_cache: bool) -> None:
        """Keeps a compiled step; what goes wrong is told, and the program goes on without.

        Args:
          step: of `lowered`.
          lowered: has its text.
          arguments: of the step, as `describe` has them.
          from_cache: whether JAX's cache gave it; it is then linked if it was written when it was compiled.
        """
        try:
            file = self._folder / f"{_hash(lowered.as_text(), self._compiled_with)}{_STEP}"
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not from_cache:
                program, in_tree, out_tree = serialize_executable.serialize(step)
                data = pickle.dumps(_Contents(arguments, program, in_tree, out_tree))
                with replacing(file, several_writers=True) as partial:
                    partial.write_bytes(hashlib.sha256(data).digest() + data)
            if file.exists():
                replace_text(self._link, file.name, several_writers=True)
            _delete_oldest(self._folder, _STEP, _MOST)
            _delete_oldest(self._folder, _LINK, _MOST_LINKS)
        except Exception as error:  # whatever JAX cannot write, or the disk
            say(f"note       the compiled training step is not kept ({one_line(error)[:_MOST_SAID]})")

    def _read(self, file: Path) -> tuple[Any, list[str]] | None:
        try:
            with timed("reading the compiled training step"):
                data = file.read_bytes()
                if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                    raise ValueError("its checksum is wrong")
                contents: _Contents = pickle.loads(data[_DIGEST:])
                warpgroups.available()  # imports what tells the process where its kernels' runtime is
                trees, devices = (contents.in_tree, contents.out_tree), list(self._mesh.devices.flat)
                step = serialize_executable.deserialize_and_load(contents.program, *trees, execution_devices=devices)
                for used in (file, self._link):
                    os.utime(used)
        except Exception as error:  # whatever JAX or its devices cannot read
            reason = one_line(error)[:_MOST_SAID]
            say(f"note       the kept training step is compiled anew: it cannot be read ({reason})")
            with contextlib.suppress(OSError):
                file.unlink()
            return None
        return step, contents.arguments


def find(config: Config, mesh: Mesh) -> KeptStep | None:
    """The place of the step that `config` trains with on `mesh`.

    None where steps are not kept (`compile_cache.keep_programs`), or a source was changed since this process began, and
    so may not be what the process has imported.
    """
    folder = compile_cache.steps_folder()
    if folder is None:
        return None
    age = seconds_of_process()
    own, *libraries = (_sources(name) for name in (_PACKAGE, *_LIBRARIES))
    newest = max(file.stat().st_mtime for files in (own, *libraries) for file in files.values())
    if not age or newest > time.time() - age:
        return None
    traced_from = {
        "config": repr(config),
        "own": {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in own.items()},
        "libraries": [{name: _stamp(file) for name, file in files.items()} for files in libraries],
    }
    compiled_with = {
        "mesh": [repr(mesh.shape), [_device(device) for device in mesh.devices.flat]],
        "installed": sorted(f"{found.name} {found.version}" for found in importlib.metadata.distributions()),
        "python": sys.version,
        "settings": {name: repr(getattr(jax.config, name, value)) for name, value in jax.config.values.items()},
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)},
    }
    text, program = (json.dumps(told, sort_keys=True) for told in (traced_from, compiled_with))
    return KeptStep(folder, traced_from=text, compiled_with=program, mesh=mesh)


def describe(arguments: PyTree) -> list[str]:
    """The structure, shapes and types of arrays, or of their shapes; where they lie follows from config and mesh."""
    leaves, tree = jax.tree.flatten(arguments)
    return [str(tree), *(f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves)]


def _sources(package: str) -> dict[str, Path]:
    """The Python files of an installed package, by their paths in it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    roots = map(Path, spec.submodule_search_locations or ())
    return {str(file.relative_to(root)): file for root in roots for file in sorted(root.rglob("*.py"))}


def _stamp(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_size, state.st_mtime_ns


def _device(device: Any) -> list[str]:
    """Which device it is, of what kind, and the versions of its compiler and runtime."""
    return [str(device), device.device_kind, device.client.platform_version]


def _hash(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _delete_oldest(folder: Path, ending: str, most: int) -> None:
    """Of the files with an ending, leaves the `most` that were used last."""
    for old in sorted(folder.glob(f"*{ending}"), key=lambda path: path.stat().st_mtime)[:-most]:
        old.unlink(missing_ok=True)
