"""What tests of several parts share."""

import pytest


@pytest.fixture(scope="session")
def smoke_config():
    """`configs/smoke.py`, parsed."""
    from configs.smoke import get_config
    from real3d_jax.config_files import parse

    return parse(get_config())


@pytest.fixture(scope="session")
def lpips_params():
    """LPIPS on a random VGG16."""
    from real3d_jax.perceptual.loading import load_lpips

    return load_lpips("random")
