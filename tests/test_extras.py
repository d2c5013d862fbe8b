"""The extras of pyproject.toml: names that any pip finds, and none asked for that is not there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# What tells how to install: pip's argument in prose and code, and the helper that writes one.
ASKED = (
    re.compile(r"(?:real3d-jax|'\.|\s\.)\\?\[([\w,-]+)\\?\]'"),
    re.compile(r"extra=\"([\w-]+)\""),
    re.compile(r"needs the ([\w-]+) extra"),
)


@pytest.mark.parametrize("name", EXTRAS)
def test_pip_before_23_3_finds_it(name):
    """Metadata writes names normalised (PEP 685); an older pip compares them with the name as it was typed."""
    assert re.sub(r"[-_.]+", "-", name).lower() == name


def test_every_extra_that_is_asked_for_exists():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [
        ROOT / name
        for name in listed.splitlines()
        if name.endswith((".py", ".md", ".ipynb", ".toml", ".sh")) or name == ".ci/run"
    ]
    asked = {
        (extra, path.relative_to(ROOT).as_posix())
        for path in files
        if path != Path(__file__).resolve()
        for pattern in ASKED
        for found in pattern.findall(path.read_text())
        for extra in found.split(",")
    }
    assert {extra for extra, _ in asked} >= {"compressed-meshes", "cut-out", "path-tracing", "test", "dev", "data"}
    assert {(extra, where) for extra, where in asked if extra not in EXTRAS} == set()
