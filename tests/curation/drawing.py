"""Masks and depth drawn by hand."""

from collections.abc import Sequence

import numpy as np

from real3d_jax.curation.instances import Instance

HEIGHT, WIDTH = 240, 320
FAR = 0.05


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def ellipse(x: float, y: float, a: float, b: float | None = None) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns - x) / a) ** 2 + ((rows - y) / (b or a)) ** 2 <= 1


def scene(*layers: tuple[np.ndarray, float | np.ndarray]) -> tuple[list[Instance], np.ndarray]:
    """Silhouettes with their disparities, painted from the farthest to the nearest as given."""
    labels, disparity = np.zeros((HEIGHT, WIDTH), int), np.full((HEIGHT, WIDTH), FAR, np.float32)
    for number, (mask, value) in enumerate(layers, 1):
        labels[mask] = number
        disparity[mask] = value if np.isscalar(value) else np.asarray(value)[mask]
    return [Instance(number, labels == number, "thing") for number in range(1, len(layers) + 1)], disparity


def reasons(decisions: Sequence) -> list[str]:
    return [str(decision.reason) for decision in decisions]
