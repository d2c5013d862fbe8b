"""Installs the package; every setting is in pyproject.toml."""

from setuptools import setup

setup()
