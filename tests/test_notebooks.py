"""What notebooks must be in the repository; `.ci/run` runs their cells."""

import builtins
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import types

import pytest
from nbformat.validator import iter_validate

from real3d_jax.errors import UserError
from real3d_jax.weights import boxed

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ADDRESS = "https://example.org/real3d-jax.git"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _cells(path, kind):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.fixture
def done(monkeypatch):
    """The commands and changes of folder that a cell asks for, which are not carried out."""
    done = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: done.append(list(map(str, command))))
    monkeypatch.setattr(os, "chdir", lambda folder: done.append(["cd", folder]))
    monkeypatch.setattr(builtins, "input", lambda prompt: ADDRESS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return done


def test_all_are_there():
    assert {path.stem for path in NOTEBOOKS} >= {"quickstart", "curation", "evaluate"}


@each_notebook
def test_is_valid(path):
    content = json.loads(path.read_text())
    assert [error.message for error in iter_validate(content)] == []
    names = [cell["id"] for cell in content["cells"]]
    assert len(set(names)) == len(names)
    assert content["cells"][0]["cell_type"] == "markdown"
    assert content["cells"][0]["source"][0].startswith("# ")


@each_notebook
def test_outputs_are_stripped(path):
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        assert cell["metadata"] == {}
        assert "attachments" not in cell


@each_notebook
def test_first_cell_does_nothing_at_home(path, monkeypatch, done):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    exec(_cells(path, "code")[0], {})
    assert done == []


@each_notebook
def test_first_cell_installs_on_colab(path, monkeypatch, done):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(_cells(path, "code")[0], {})
    assert done[:2] == [["git", "clone", ADDRESS, "real3d-jax"], ["cd", "real3d-jax"]]
    install, *programs = done[2:]
    assert install[:6] == [sys.executable, "-m", "pip", "install", "-q", "-e"]
    extras = re.fullmatch(r"\.(?:\[([\w,-]+)\])?", install[6])
    assert extras, install
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set((extras[1] or "").split(",")) - {""} <= set(known)
    for program in programs:
        assert program[0] == sys.executable
        assert (ROOT / program[1]).is_file()


@pytest.mark.parametrize("path", [*NOTEBOOKS, ROOT / "README.md"], ids=lambda path: path.stem)
def test_names_files_that_exist(path):
    text = "\n".join(_cells(path, "markdown")) if path.suffix == ".ipynb" else path.read_text()
    named = re.findall(r"\b(?:docs|launch|notebooks)/[\w/]+\.(?:md|py|ipynb)", text)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with the configs and no run in it."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)


def test_quickstart_says_that_the_weights_are_missing(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(boxed.resources, "files", lambda package: tmp_path)
    first, second, *_ = _cells(ROOT / "notebooks/quickstart.ipynb", "code")
    namespace = {}
    exec(first, namespace)
    with pytest.raises(UserError, match=r"weights 'mini' are missing from .*: install the package again"):
        exec(second, namespace)


def test_evaluate_says_what_to_run_before_two_checkpoints_are_compared(elsewhere):
    first, second, *_, last = _cells(ROOT / "notebooks/evaluate.ipynb", "code")
    namespace = {}
    exec(first, namespace)
    exec(second, namespace)
    with pytest.raises(UserError, match=r"python launch/train.py --config configs/smoke.py"):
        exec(last, namespace)
