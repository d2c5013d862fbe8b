"""Draws that the families share."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option")


def maybe(rng: np.random.Generator, chance: float) -> bool:
    """True with this probability."""
    return rng.random() < chance


def pick(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    """One of the options, all equally likely; much faster than `rng.choice`."""
    return options[int(rng.random() * len(options))]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from low to high, all equally likely."""
    return low + (high - low) * rng.random()


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))
