"""The same items as loose PNG files, read the way PyTorch data sets usually are: what reading records is compared with.

Every view is opened, composited as float32 and kept at the input's size; targets are shrunk from that.
"""

import json
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from real3d_jax.data import frames, transforms
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import View


def unpack(data: RecordSet, folder: pathlib.Path) -> None:
    """Writes a data set as `folder/ITEM/RECORD.png`, with cameras in `.json` files beside them."""
    for item, key in enumerate(data.keys):
        (folder / key).mkdir(parents=True)
        for number in range(int(data.counts[item])):
            record = data.read(item, number)
            Image.fromarray(record.image).save(folder / key / f"{number}.png")
            if isinstance(record, View):
                camera = {"c2w": record.c2w.tolist(), "intrinsics": record.intrinsics.tolist()}
                (folder / key / f"{number}.json").write_text(json.dumps(camera))


class LooseViews:
    """Objects with several views: an input view and targets at random."""

    def __init__(self, folder: pathlib.Path, *, views: int, input_size: int, target_size: int):
        self._objects = sorted(folder.iterdir())
        self._views, self._input_size, self._target_size = views, input_size, target_size

    def __len__(self) -> int:
        return len(self._objects)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        paths = sorted(self._objects[index].glob("*.png"))
        chosen = [paths[i] for i in np.random.default_rng(index).permutation(len(paths))[: self._views]]
        images = [_premultiplied(Image.open(path), self._input_size) for path in chosen]
        cameras = [json.loads(path.with_suffix(".json").read_text()) for path in chosen]
        c2w = np.array([camera["c2w"] for camera in cameras], np.float32)
        return {
            "image": _over(images[0], transforms.GREY),
            "rgb": np.stack([_shrunk(_over(image, transforms.WHITE), self._target_size) for image in images]),
            "mask": np.stack([_shrunk(image[..., 3:] > 0, self._target_size) for image in images]),
            "c2w": frames.to_input_frame(c2w[0], c2w, 2.4),
            "intrinsics": np.array([camera["intrinsics"] for camera in cameras], np.float32),
        }


class LoosePhotographs:
    """Photographs, cropped at a random ratio."""

    def __init__(self, folder: pathlib.Path, *, input_size: int, target_size: int):
        self._paths = sorted(folder.glob("*/*.png"))
        self._input_size, self._target_size = input_size, target_size

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        ratio = np.random.default_rng(index).uniform(1.45, 1.7)
        rgba = np.asarray(Image.open(self._paths[index]).convert("RGBA"))
        crop = transforms.square_crop(rgba, threshold=0, ratio=ratio)
        image = _premultiplied(Image.fromarray(crop), self._input_size)
        return {
            "image": _over(image, transforms.GREY),
            "rgb": _shrunk(_over(image, transforms.WHITE), self._target_size),
            "mask": _shrunk(image[..., 3:] > 0, self._target_size),
        }


def collate(examples: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A batch of examples."""
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def _premultiplied(image: Image.Image, size: int) -> np.ndarray:
    image = image.convert("RGBA")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    rgba = np.asarray(image, np.float32) / 255
    return np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], -1)


def _over(premultiplied: np.ndarray, background: float) -> np.ndarray:
    return premultiplied[..., :3] + background * (1 - premultiplied[..., 3:])


def _shrunk(image: np.ndarray, size: int) -> np.ndarray:
    """By averaging blocks where they fit, else by the nearest pixel."""
    image, factor = np.asarray(image, np.float32), image.shape[0] // size
    if factor * size != image.shape[0]:
        nearest = np.arange(size) * image.shape[0] // size
        return image[nearest][:, nearest]
    return image.reshape(size, factor, size, factor, -1).mean((1, 3))
