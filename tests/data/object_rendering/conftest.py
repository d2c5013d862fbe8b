"""Rasterizers for the tests. They skip where OpenGL cannot be started; `.ci/run` installs what it needs."""

import pytest

from real3d_jax.errors import UserError


@pytest.fixture(scope="session")
def unlit():
    """A rasterizer that shows the materials' own colours, 128 pixels."""
    return _rasterizer(lit=False)


@pytest.fixture(scope="session")
def lit():
    """A rasterizer with light, 128 pixels."""
    return _rasterizer(lit=True)


def _rasterizer(*, lit: bool):
    from real3d_jax.data.object_rendering.rasterizer import Rasterizer  # needs the extra

    try:
        return Rasterizer(size=128, supersample=3, lit=lit)
    except UserError as error:
        pytest.skip(str(error))
