"""Embedded data sets, and the command line that makes them."""

import dataclasses
import fcntl
import os
import pathlib
import runpy
import sys

import pytest

from real3d_jax.config.data import EmbeddedSourceConfig
from real3d_jax.data.embedded import preparation
from real3d_jax.data.embedded.preparation import prepare_embedded
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError

SCRIPT = pathlib.Path(__file__).parents[3] / "launch" / "prepare_data.py"


def embedded(config, **changes):
    small = {
        "path": "b",
        "kind": "procedural_views",
        "family": "b",
        "objects": 2,
        "held_out": 1,
        "views": 2,
        "image_size": 32,
        "seed": 0,
        "raw": 0.0,
    }
    source = EmbeddedSourceConfig(**{**small, **changes})
    return dataclasses.replace(config.data, embedded={"b": source})


def test_makes_what_is_missing_once(config, tmp_path):
    data = dataclasses.replace(embedded(config), root=str(tmp_path))
    prepare_embedded(data, progress=False)
    folder = tmp_path / "b"
    assert (len(RecordSet(folder, "train")), len(RecordSet(folder, "test"))) == (2, 1)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    prepare_embedded(data, progress=False)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_changed_settings_are_refused(config, tmp_path):
    prepare_embedded(dataclasses.replace(embedded(config, kind="photographs"), root=str(tmp_path)), progress=False)
    with pytest.raises(UserError, match="delete the folder"):
        prepare_embedded(dataclasses.replace(embedded(config), root=str(tmp_path)), progress=False)


def test_mistyped_kind(config, tmp_path):
    data = dataclasses.replace(embedded(config, kind="photograph"), root=str(tmp_path))
    with pytest.raises(UserError, match="did you mean 'photographs'"):
        prepare_embedded(data)


def command_line(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["prepare_data.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return exit_.value.code


def test_command_line(monkeypatch, capsys, tmp_path):
    code = command_line(monkeypatch, "--dataset", "photographs", "--image_size", 32, "--out", tmp_path / "p")
    assert code == 0
    output = capsys.readouterr()
    assert "train: 7 items, 7 kept, 0 rejected, 7 records, 0 dropped_views\n" in output.out
    assert "photograph/s" in output.err


def test_command_line_errors(monkeypatch, capsys, tmp_path):
    code = command_line(monkeypatch, "--dataset", "procedural_views", "--family", "c", "--out", tmp_path / "p")
    assert code == 2
    assert capsys.readouterr().err == "error: There is no family 'c' of procedural objects: did you mean 'cow'?\n"


def test_runs_side_by_side_wait_for_the_one_that_makes_a_set(config, tmp_path, monkeypatch):
    """While one writes, nobody else can hold the folder."""
    held = []

    def write(folder, source, *, progress):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(folder)
        finally:
            os.close(handle)

    monkeypatch.setattr(preparation.record_writer, "write", write)
    prepare_embedded(dataclasses.replace(embedded(config), root=str(tmp_path)))
    assert len(held) == 1
