"""Skips these tests where meshes cannot be rendered; `.ci/run` installs what they need."""

import pytest

pytest.importorskip("trimesh", reason="needs the render extra")
pytest.importorskip("pebble", reason="needs the render extra")
moderngl = pytest.importorskip("moderngl", reason="needs the render extra")


@pytest.fixture(scope="session")
def unlit():
    """A rasterizer that shows the materials' own colours, 128 pixels."""
    return _rasterizer(lit=False)


@pytest.fixture(scope="session")
def lit():
    """A rasterizer with light, 128 pixels."""
    return _rasterizer(lit=True)


def _rasterizer(*, lit: bool):
    from real3d_jax.data.object_rendering.rasterizer import Rasterizer
    from real3d_jax.errors import UserError

    try:
        return Rasterizer(size=128, supersample=3, lit=lit)
    except UserError as error:
        pytest.skip(str(error))
