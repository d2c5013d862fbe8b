"""Seeded networks and images on which the reference libraries were run; `make_references.py` keeps their answers."""

import pathlib

import numpy as np
import skimage.data
from foreign_checkpoints import alex_shapes, vgg_shapes
from parity_data import seeded_tensor

REFERENCES = pathlib.Path(__file__).parent / "data" / "references.npz"
_PREFIX = "metrics/"


def backbone_tensors(network: str) -> dict[str, np.ndarray]:
    """The features of a seeded VGG16 ('vgg') or AlexNet ('alex') by torchvision's names."""
    shapes = {"alex": alex_shapes, "vgg": vgg_shapes}[network]()
    return {
        name: seeded_tensor(f"{network}.{name}", shape, _PREFIX)
        for name, shape in shapes.items()
        if name.startswith("features.")
    }


def inception_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a seeded InceptionV3 by pytorch-fid's name; activations keep their size from layer to layer."""
    tensor = seeded_tensor(f"inception.{name}", shape, _PREFIX)
    if name.endswith("running_var"):
        return np.exp(tensor)
    return tensor * np.float32(2**0.5) if len(shape) == 4 else tensor


def efficientnet_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a seeded EfficientNet-Lite0 by its PyTorch name; few activations pass the rectifier's limit, 6."""
    tensor = seeded_tensor(f"efficientnet.{name}", shape, _PREFIX)
    if name.endswith("running_var"):
        return np.exp(tensor)
    return tensor * np.float32(2**0.5) if len(shape) == 4 else tensor


def lpips_pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Image pairs in [0, 1], each (3, 128, 128, 3) float32, by name; those of 'extremes' are equal, and constant."""
    rng = np.random.default_rng(0)
    photographs = np.stack([_photograph(name, 128) for name in ("astronaut", "cat", "coffee")])
    noisy = np.clip(photographs + 0.05 * rng.standard_normal(photographs.shape), 0, 1).astype(np.float32)
    random = rng.random((2, *photographs.shape), dtype=np.float32)
    white, black = np.ones_like(photographs[0]), np.zeros_like(photographs[0])
    return {
        "random": (random[0], random[1]),
        "noise": (photographs, noisy),
        "shift": (photographs, np.roll(photographs, 5, axis=2)),
        "extremes": (np.stack([photographs[0], white, white]), np.stack([photographs[0], black, white])),
    }


def inception_images() -> dict[str, np.ndarray]:
    """Images in [0, 1], each (B, H, W, 3) float32, by name: enlarged, shrunk and of the network's own size."""
    rng = np.random.default_rng(1)
    return {
        "small": np.stack([_photograph("astronaut", 224), _photograph("cat", 224)]),
        "oblong": (skimage.data.coffee()[None] / 255).astype(np.float32),
        "random": rng.random((1, 299, 299, 3), dtype=np.float32),
    }


def efficientnet_images() -> np.ndarray:
    """Images in [0, 1] of the network's own size, (3, 224, 224, 3) float32."""
    random = np.random.default_rng(4).random((224, 224, 3), dtype=np.float32)
    return np.stack([_photograph("astronaut", 224), _photograph("cat", 224), random])


def kid_features() -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features that overlap, as rectified ones do: non-negative, most of them small."""
    rng = np.random.default_rng(2)
    return rng.gamma(0.5, 1, (150, 64)), rng.gamma(0.6, 1, (130, 64))


def fid_features() -> tuple[np.ndarray, np.ndarray]:
    """Two sets of more images than channels."""
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((48, 48)) / 7
    return rng.gamma(0.5, 1, (400, 48)) @ mixing, rng.gamma(0.6, 1, (300, 48)) @ mixing + 0.1


def _photograph(name: str, side: int) -> np.ndarray:
    image = getattr(skimage.data, name)()[:side, :side]
    return (image / 255).astype(np.float32)
