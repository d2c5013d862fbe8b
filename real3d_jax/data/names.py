"""Choices that depend on an item's name alone, so that they are the same on every machine and in every order."""

import hashlib

import numpy as np


def place(name: str, *, purpose: str) -> float:
    """A number in [0, 1) that the name decides, spread evenly over names.

    The items whose number is below a share are that share of them, and those of a smaller share are among those of a
    greater one.

    Args:
      name: of the item.
      purpose: choices for different purposes are independent of one another.
    """
    return int.from_bytes(_digest(name, purpose)[:6], "big") / 2**48


def generator(name: str, *, purpose: str) -> np.random.Generator:
    """Random numbers that the name decides; arguments as of `place`."""
    return np.random.default_rng(list(_digest(name, purpose)))


def _digest(name: str, purpose: str) -> bytes:
    return hashlib.sha256(f"{purpose}/{name}".encode()).digest()
