"""Photographs of drawn objects."""

import pathlib

import pytest

from tests.curation import drawn_photographs


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> pathlib.Path:
    """Twelve photographs: `images`, `depth`, `coco.json`. Not to be changed."""
    folder = tmp_path_factory.mktemp("drawn") / "photographs"
    drawn_photographs.write(folder, 12)
    return folder


@pytest.fixture
def few(tmp_path) -> pathlib.Path:
    """Four photographs of the same kind, to be damaged."""
    drawn_photographs.write(tmp_path / "few", 4)
    return tmp_path / "few"
