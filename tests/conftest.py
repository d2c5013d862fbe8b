"""What tests of several parts share."""

import os
import pathlib
import tempfile

import pytest

# What one test has compiled, the others need not, in whatever process. Read by JAX when it is imported.
_COMPILED = pathlib.Path(tempfile.gettempdir()) / f"real3d_jax_tests_{os.getuid()}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    """Frees the programs of a file's tests, of which a process would otherwise gather gigabytes."""
    yield
    import jax

    jax.clear_caches()


@pytest.fixture(scope="session")
def smoke_config():
    """`configs/smoke.py:scratch`, parsed."""
    from configs.smoke import get_config
    from real3d_jax.config.files import parse

    return parse(get_config("scratch"))


@pytest.fixture(scope="session")
def lpips_params():
    """LPIPS on a random VGG16."""
    from real3d_jax.weights.networks import load_lpips

    return load_lpips("random")


@pytest.fixture
def unchecked_annotations():
    """Lets a test give what annotations forbid, to see what the package itself says of it."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
