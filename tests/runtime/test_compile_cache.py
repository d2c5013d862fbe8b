"""Compiled programs are kept, and a folder that cannot keep them stops nobody."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from real3d_jax.runtime import compile_cache, hosts
from real3d_jax.runtime.compile_cache import counting_found, keep_programs
from real3d_jax.runtime.console import timed

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_enable_compilation_cache",
    *compile_cache._SETTINGS,
    *compile_cache._NO_LOCATIONS,
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder, in a process that JAX was given none; small programs are kept, too."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    monkeypatch.setenv("REAL3D_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    compilation_cache.reset_cache()
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def compile_and_run():
    """A program compiled as a new process would; how many were found, and the result."""
    jax.clear_caches()
    program = jax.jit(lambda x: jnp.cumsum(3 * x)).lower(np.arange(4.0))
    with counting_found() as found:
        result = program.compile()(np.arange(4.0))
    return found.count, np.asarray(result).tolist()


def test_a_program_is_compiled_once(cache, capsys):
    keep_programs()
    assert "programs   0 compiled before" in capsys.readouterr().out
    assert compile_and_run() == (0, [0.0, 3.0, 9.0, 18.0])
    assert compile_and_run() == (1, [0.0, 3.0, 9.0, 18.0])
    (folder,) = (cache / "compiled").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.glob("*-cache"))) == len(list(folder.glob("*-atime"))) >= 1
    assert jax.config.jax_compilation_cache_max_size == 2 * 2**30

    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    keep_programs()
    assert "programs   1 compiled before (0.0 MiB), in " in capsys.readouterr().out
    assert compile_and_run()[0] == 1


def test_what_a_killed_process_left_half_is_deleted(cache):
    """JAX would store nothing beside it any more."""
    folder = cache / "compiled" / compile_cache._processor()
    folder.mkdir(parents=True, mode=0o700)
    for name in ("half-cache", "whole-cache", "whole-atime"):
        (folder / name).write_bytes(bytes(8))
    keep_programs()
    assert {path.name for path in folder.iterdir()} == {"whole-cache", "whole-atime", ".lockfile"}
    assert compile_and_run()[0] == 0
    assert compile_and_run()[0] == 1


def unusable(how, cache):
    if how == "a file":
        cache.write_text("")
        return "Not a directory"
    if how == "open to all":
        folder = cache / "compiled" / compile_cache._processor()
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        return "can be written by others"
    raise ValueError(how)


@pytest.mark.parametrize("how", ["a file", "open to all"])
def test_a_folder_that_cannot_be_used_is_a_note(how, cache, capsys):
    reason = unusable(how, cache)
    keep_programs()
    said = capsys.readouterr().out
    assert said.startswith("note       compiled programs are not kept (") and reason in said
    assert "set REAL3D_JAX_CACHE to another folder" in said and said.count("\n") == 1
    assert jax.config.jax_compilation_cache_dir is None
    assert compile_and_run() == (0, [0.0, 3.0, 9.0, 18.0])


def test_a_file_system_without_locks_is_a_note(cache, capsys, monkeypatch):
    def no_locks(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(compile_cache.filelock, "FileLock", no_locks)
    keep_programs()
    assert "does not appear to support flock): set" in capsys.readouterr().out
    assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.parametrize("seen", [True, False])
def test_several_processes_have_one_folder_or_none(seen, cache, capsys, monkeypatch):
    """The other process is played: it finds the first one's token, or does not."""
    monkeypatch.setattr(hosts, "is_alone", lambda: False)
    monkeypatch.setattr(hosts, "is_first", lambda: True)
    monkeypatch.setattr(hosts, "from_process", lambda number, tree: tree)
    monkeypatch.setattr(hosts, "gather", lambda tree: [tree, None if tree is None else seen])
    keep_programs()
    assert ("in common): set" in capsys.readouterr().out) == (not seen)
    assert (jax.config.jax_compilation_cache_dir is not None) == seen
    assert not list(cache.rglob(".seen-*"))


def test_a_folder_that_jax_was_given_stays(cache, tmp_path, capsys):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")
    assert not cache.exists() and capsys.readouterr().out == ""


def test_jax_own_switch_turns_it_off(cache, capsys):
    jax.config.update("jax_enable_compilation_cache", False)
    keep_programs()
    assert not cache.exists() and capsys.readouterr().out == ""


def test_settings_of_the_environment_stay(cache, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", "1000")
    jax.config.update("jax_compilation_cache_max_size", 1000)
    keep_programs(tell=False)
    assert jax.config.jax_compilation_cache_max_size == 1000


def test_programs_do_not_tell_where_they_were_called_from(cache):
    """Kernels' texts hold it, and programs are found by them."""

    def from_here(function):
        return jax.jit(function).lower(1.0).as_text(debug_info=True)

    def from_there(function):
        return from_here(function)

    def texts():
        return [call(lambda x: x + 1) for call in (from_here, from_there)]

    jax.config.update("jax_traceback_in_locations_limit", 10)  # JAX's own, which a test before may have changed
    assert len(set(texts())) == 2
    keep_programs(tell=False)
    assert len(set(texts())) == 1


def test_other_processors_have_other_folders(cache, monkeypatch):
    """Which are deleted once they were not used for a month."""
    keep_programs(tell=False)
    before = jax.config.jax_compilation_cache_dir
    others = [cache / "compiled" / name for name in ("x86_64-0", "x86_64-1")]
    for other, days in zip(others, (20, 40), strict=True):
        other.mkdir()
        (other / "a-cache").write_text("")
        os.utime(other, (time.time() - days * 86400,) * 2)
    monkeypatch.setattr(compile_cache.Path, "read_text", lambda path: "processor: 0\nflags\t: sse avx9\n\nprocessor: 1")
    jax.config.update("jax_compilation_cache_dir", None)
    keep_programs(tell=False)
    assert jax.config.jax_compilation_cache_dir != before
    assert [other.exists() for other in others] == [True, False]


@pytest.mark.usefixtures("cache")
def test_programs_that_another_thread_finds_are_its_own():
    keep_programs(tell=False)
    assert compile_and_run()[0] == 0
    with ThreadPoolExecutor(1) as other, counting_found() as here:
        assert other.submit(compile_and_run).result()[0] == 1
    assert here.count == 0


def test_notes_are_said_with_the_time(capsys):
    with timed("compiling") as notes:
        notes.append("compiled before")
    first, last = capsys.readouterr().out.splitlines()
    assert first == "compiling ..." and last.startswith("compiling: 0.") and last.endswith(" s, compiled before")
