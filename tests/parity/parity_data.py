"""The oracle of the parity tests: outputs of the published PyTorch modules on seeded weights.

`REAL3D_PARITY_DIR` names another folder with files of the same names and keys, made from other seeds.
"""

import math
import os
import pathlib
import zlib
from collections.abc import Mapping

import numpy as np

OUTPUT_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4


def parity_dir() -> pathlib.Path:
    """The folder of the data."""
    return pathlib.Path(os.environ.get("REAL3D_PARITY_DIR") or pathlib.Path(__file__).parent / "data")


def load(name: str) -> dict[str, np.ndarray]:
    """All arrays of a file, by key."""
    with np.load(parity_dir() / f"{name}.npz") as file:
        return dict(file)


def with_prefix(data: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The entries under a prefix, which is taken off their keys."""
    return {key.removeprefix(prefix): value for key, value in data.items() if key.startswith(prefix)}


def relative_error(actual, expected) -> float:
    """||actual - expected|| / ||expected||, in float64; infinite if the shapes differ or a value is not finite."""
    actual, expected = (np.asarray(x, np.float64) for x in (actual, expected))
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return float("inf")
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def seeded_tensor(key: str, shape: tuple[int, ...], seed_prefix: str) -> np.ndarray:
    """A tensor of the seeded model, from its published name alone; `seed_prefix` is stored in each file."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32((seed_prefix + key).encode())))
    a = generator.standard_normal(shape, dtype=np.float32)
    return _spread(key, shape, a)


def _spread(key: str, shape: tuple[int, ...], a: np.ndarray) -> np.ndarray:
    kind = key.rsplit(".", 1)[-1]
    if key.startswith("vgg."):
        return a * math.sqrt(2 / (9 * shape[1])) if kind == "weight" else 0.05 * a
    if kind == "weight" and (len(shape) == 1 or "norm" in key):
        return 1 + 0.1 * a
    if kind == "bias":
        return 0.1 * a
    if key.endswith("tokenizer.embeddings"):
        return 0.5 * a
    if "position_embeddings" in key or "cls_token" in key:
        return 0.3 * a
    if "post_processor" in key and kind == "weight":
        return 2 * a / math.sqrt(shape[0])
    if "decoder" in key and kind == "weight":
        return 1.12 * (a * math.sqrt(2 / shape[1]))  # in this order the weights are the stored ones bit for bit
    if len(shape) == 4:
        return a / math.sqrt(shape[1] * shape[2] * shape[3])
    return a / math.sqrt(shape[-1])
