"""Installs the package, and the config files with it; every other setting is in pyproject.toml.

`configs/` becomes `real3d_jax/shipped/configs`, where `real3d_jax.config.places` finds it.
"""

from setuptools import find_packages, setup

CONFIGS = {"real3d_jax.shipped.configs": "configs", "real3d_jax.shipped.configs.eval": "configs/eval"}

setup(packages=[*find_packages(include=["real3d_jax*"]), *CONFIGS], package_dir=CONFIGS)
