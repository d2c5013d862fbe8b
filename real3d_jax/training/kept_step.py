"""The compiled training step on the disk, so that a later start neither traces nor compiles it.

JAX's cache finds a program by its text, which takes Python many seconds to make. Here the step is found by everything
that its text is made from, and XLA's part of JAX's own key: the run's config, the devices, the sources of this package
and of the libraries that trace, the versions of all that is installed, JAX's settings, and the environment. Of the
arguments, shapes and types are compared before the step is used.
"""

import dataclasses
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

import real3d_jax
from real3d_jax.config.training import Config
from real3d_jax.runtime import compile_cache
from real3d_jax.runtime.console import say, timed
from real3d_jax.training.beside import begun
from real3d_jax.training.first_step import seconds_of_process

_MOST = 8  # steps that are kept; what was used least recently is deleted
_ENDING = ".step"
_DIGEST = hashlib.sha256().digest_size
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
      path: of the file.
      mesh: the devices that it runs on.
    """

    def __init__(self, path: Path, mesh: Mesh):
        self._path, self._mesh = path, mesh
        self._reading: Future[tuple[Any, list[str]] | None] | None = None
        if path.exists():
            self._reading = begun("reading the step", self._read)

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

    def write(self, step: Any, arguments: list[str]) -> None:
        """Keeps a compiled step; what goes wrong is told, and the program goes on without."""
        try:
            program, in_tree, out_tree = serialize_executable.serialize(step)
            data = pickle.dumps(_Contents(arguments, program, in_tree, out_tree))
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            part = self._path.with_suffix(f".{os.getpid()}")
            part.write_bytes(hashlib.sha256(data).digest() + data)
            part.replace(self._path)
            for old in sorted(self._path.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-_MOST]:
                old.unlink(missing_ok=True)
        except Exception as error:  # whatever JAX cannot write, or the disk
            say(f"note       the compiled training step is not kept ({_in_a_line(error)})")

    def _read(self) -> tuple[Any, list[str]] | None:
        try:
            with timed("reading the compiled training step"):
                data = self._path.read_bytes()
                if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                    raise ValueError("its checksum is wrong")
                contents: _Contents = pickle.loads(data[_DIGEST:])
                trees, devices = (contents.in_tree, contents.out_tree), list(self._mesh.devices.flat)
                step = serialize_executable.deserialize_and_load(contents.program, *trees, execution_devices=devices)
                os.utime(self._path)
        except Exception as error:  # whatever JAX or its devices cannot read
            say(f"note       the kept training step is compiled anew: it cannot be read ({_in_a_line(error)})")
            self._path.unlink(missing_ok=True)
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
    own, *libraries = (_sources(name) for name in (real3d_jax.__name__, *_LIBRARIES))
    newest = max(file.stat().st_mtime for files in (own, *libraries) for file in files.values())
    if not age or newest > time.time() - age:
        return None
    told = {
        "config": repr(config),
        "mesh": [repr(mesh.shape), [_device(device) for device in mesh.devices.flat]],
        "own": {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in own.items()},
        "libraries": [{name: _stamp(file) for name, file in files.items()} for files in libraries],
        "installed": sorted(f"{found.name} {found.version}" for found in importlib.metadata.distributions()),
        "python": sys.version,
        "settings": {name: repr(getattr(jax.config, name, value)) for name, value in jax.config.values.items()},
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)},
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return KeptStep(folder / f"{digest}{_ENDING}", mesh)


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


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
