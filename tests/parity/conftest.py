"""The parity files as fixtures, each read once."""

import parity_data
import pytest


@pytest.fixture(scope="session")
def tsr_tiny():
    return parity_data.load("tsr_tiny")


@pytest.fixture(scope="session")
def losses_tiny():
    return parity_data.load("losses_tiny")


@pytest.fixture(scope="session")
def cameras_npz():
    return parity_data.load("cameras")


@pytest.fixture(scope="session")
def tsr_full():
    return parity_data.load("tsr_full")


@pytest.fixture(scope="session")
def torch_mirror():
    return pytest.importorskip("torch_mirror", reason="needs the torch extra")
