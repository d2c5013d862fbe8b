"""A compiled training step is kept and found again, and never taken for another one."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from tiny_run import make_tiny_config

from real3d_jax.checkpoints.run_folder import load_params
from real3d_jax.config.training import MeshConfig
from real3d_jax.runtime import compile_cache
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training import compiled_step, kept_step
from real3d_jax.training.kept_step import KeptStep, describe
from real3d_jax.training.loop import train
from real3d_jax.training.state import apply_gradients


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """The folder of steps, in a process that keeps them and has imported what lies on the disk now."""
    monkeypatch.setattr(compile_cache, "_steps", tmp_path / "steps")
    monkeypatch.setattr(kept_step, "seconds_of_process", lambda: 1e-3)
    return tmp_path / "steps"


@pytest.fixture(scope="module")
def mesh():
    return make_mesh(MeshConfig(fsdp=1), 1)


@pytest.fixture(autouse=True)
def _compiled_anew():
    """JAX's own cache has nothing."""
    config: Any = jax.config
    before = config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    yield
    jax.config.update("jax_enable_compilation_cache", before)
    compilation_cache.reset_cache()


def pairs(count, dtype=jnp.float32):
    return {"x": jnp.arange(count, dtype=dtype)}, np.float32(3)


ARGUMENTS = pairs(5)


def lower(scale=1.0):
    """A step that multiplies by `scale`."""
    return jax.jit(lambda pair, factor: {"y": jnp.sin(pair["x"]) * factor * scale}).lower(*ARGUMENTS)


@pytest.fixture
def keep(tmp_path, mesh):
    """Of the step of given sources, as each start does anew."""
    return lambda sources="a": KeptStep(tmp_path / "steps", traced_from=sources, compiled_with="", mesh=mesh)


def write(kept, lowered, *, from_cache=False):
    kept.write(lowered.compile(), lowered, describe(ARGUMENTS), from_cache=from_cache)


def files(folder, ending):
    return sorted((folder / "steps").glob(f"*{ending}"))


def test_a_step_that_was_kept_computes_the_same(tmp_path, keep):
    written = keep()
    assert not written.is_there and written.take(describe(ARGUMENTS)) is None
    write(written, lower())
    found = keep()
    assert found.is_there
    again = found.take(describe(jax.eval_shape(lambda: ARGUMENTS)))  # shapes do, too
    np.testing.assert_array_equal(again(*ARGUMENTS)["y"], lower().compile()(*ARGUMENTS)["y"])
    assert not found.is_there and found.take(describe(ARGUMENTS)) is None  # it is given once
    assert (tmp_path / "steps").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("others", [pairs(6), pairs(5, jnp.int32), ({"z": jnp.arange(5.0)}, np.float32(3))])
def test_other_arguments_do_not_get_it(keep, others):
    write(keep(), lower())
    assert keep().is_there and keep().take(describe(others)) is None


def test_other_sources_do_not_get_it_until_they_have_made_the_same_text(tmp_path, keep):
    write(keep("a"), lower())
    assert not keep("b").is_there
    write(keep("b"), lower(2.0), from_cache=True)
    assert not keep("b").is_there  # a program from JAX's cache cannot be written
    write(keep("b"), lower(), from_cache=True)
    assert keep("b").is_there and len(files(tmp_path, ".step")) == 1 and len(files(tmp_path, ".link")) == 2
    write(keep("b"), lower(2.0))
    np.testing.assert_array_equal(
        keep("b").take(describe(ARGUMENTS))(*ARGUMENTS)["y"], 2 * keep("a").take(describe(ARGUMENTS))(*ARGUMENTS)["y"]
    )


def test_a_broken_file_is_told_and_deleted(tmp_path, keep, capsys):
    write(keep(), lower())
    (path,) = files(tmp_path, ".step")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert keep().take(describe(ARGUMENTS)) is None
    assert "compiled anew: it cannot be read (ValueError: its checksum is wrong)" in capsys.readouterr().out
    assert not path.exists() and not keep().is_there


def test_what_cannot_be_written_is_told(tmp_path, keep, capsys):
    (tmp_path / "steps").write_text("a file")
    write(keep(), lower())
    assert "note       the compiled training step is not kept (FileExistsError: " in capsys.readouterr().out


def test_the_latest_steps_are_kept(tmp_path, keep, monkeypatch):
    monkeypatch.setattr(kept_step, "_MOST", 2)
    paths = []
    for number in range(3):
        write(keep(), lower(number))
        (path,) = set(files(tmp_path, ".step")) - set(paths)
        os.utime(path, (number, number))
        paths.append(path)
    write(keep(), lower(2.0))
    assert set(files(tmp_path, ".step")) == set(paths[1:])


def _name(found: KeptStep | None) -> Path:
    assert found is not None
    return found._link


def test_whatever_the_program_is_made_from_is_in_its_name(tmp_path, mesh, steps, monkeypatch):
    config = make_tiny_config(tmp_path)
    name = _name(kept_step.find(config, mesh))
    assert name.parent == steps and name == _name(kept_step.find(make_tiny_config(tmp_path), mesh))
    others = [_name(kept_step.find(dataclasses.replace(config, seed=config.seed + 1), mesh))]
    with jax.default_matmul_precision("float32"):
        others.append(_name(kept_step.find(config, mesh)))
    with monkeypatch.context() as patch:
        patch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", "") + " --xla_cpu_enable_fast_math=true")
        others.append(_name(kept_step.find(config, mesh)))
    with monkeypatch.context() as patch:
        patch.setattr(kept_step, "_device", lambda device: [str(device), "another kind", "its runtime"])
        others.append(_name(kept_step.find(config, mesh)))
    with monkeypatch.context() as patch:
        patch.setattr(kept_step.importlib.metadata, "distributions", list)
        others.append(_name(kept_step.find(config, mesh)))
    assert len({name, *others}) == 6


@pytest.mark.parametrize("package", ["real3d_jax", "jax"])
def test_a_change_of_the_sources_gives_another_name(tmp_path, mesh, steps, monkeypatch, package):
    source, real = tmp_path / "source.py", kept_step._sources
    monkeypatch.setattr(
        kept_step, "_sources", lambda name: real(name) | ({"source.py": source} if name == package else {})
    )
    names = []
    for text in ("a = 1\n", "a = 2\n"):
        source.write_text(text)
        os.utime(source, (1e9, 1e9 + len(names)))
        names.append(_name(kept_step.find(make_tiny_config(tmp_path), mesh)))
    assert names[0] != names[1] and steps in names[0].parents

    os.utime(source, (time.time() + 60, time.time() + 60))  # the process may have imported what it was before
    assert kept_step.find(make_tiny_config(tmp_path), mesh) is None


def test_nothing_is_kept_unless_the_program_says_so(tmp_path, mesh):
    assert compile_cache.steps_folder() is None
    assert kept_step.find(make_tiny_config(tmp_path), mesh) is None


@pytest.mark.usefixtures("steps")
def test_a_later_start_traces_no_step_and_trains_the_same(tmp_path, monkeypatch, capsys):
    traced = []

    def step(state, batch, frozen, key, *, optimizer, **_):
        traced.append(None)
        seen = jnp.mean(batch.synthetic.rgb / 255.0) + jnp.mean(batch.real.image / 255.0)
        gradients = jax.tree.map(lambda leaf: jnp.full_like(leaf, seen - 1.0), state.params)
        state = apply_gradients(state, gradients, seen, optimizer, 0.5)
        return state, {"loss": seen, "skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}

    monkeypatch.setattr(compiled_step, "train_step", step)
    config = make_tiny_config(tmp_path / "data", schedule__validation_objects=0, schedule__steps=3)
    for name in ("first", "second"):
        assert train(config, tmp_path / name) == 0
    assert len(traced) == 1
    assert capsys.readouterr().out.count("reading the compiled training step: ") == 1
    jax.tree.map(np.testing.assert_array_equal, load_params(tmp_path / "first"), load_params(tmp_path / "second"))
