"""Imported first by the tests here: skips them without the `render` extra."""

import pytest

for package in ("trimesh", "moderngl", "pebble", "plyfile", "mapbox_earcut"):
    pytest.importorskip(package, reason=f"needs {package}, of the render extra")
