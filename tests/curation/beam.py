"""Skips a test file where Apache Beam is not installed, without importing it: all workers collect the file."""

import importlib.util

import pytest

if importlib.util.find_spec("apache_beam") is None:
    pytest.skip("needs apache_beam, of the curation extra", allow_module_level=True)
