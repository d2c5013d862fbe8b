"""One worker that has the model, and a bounded queue of what waits for it."""

import contextlib
import dataclasses
import importlib.util
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.data.records import Unusable
from real3d_jax.inference.demo import pictures
from real3d_jax.inference.demo.limits import STEP, Limits, Settings
from real3d_jax.inference.model import Model
from real3d_jax.inference.preprocess import CutOut, Prepared
from real3d_jax.inference.reconstruction import Reconstruction

MESH, ANIMATION, VIDEO = "mesh", "orbit.gif", "orbit.mp4"
_FIRST_GUESS = 5.0  # seconds of a job, before there was one


class Busy(Exception):
    """As many wait as may; `seconds` says when to come again."""

    def __init__(self, seconds: int):
        super().__init__(f"The demo is busy: try again in {seconds} seconds.")
        self.seconds = seconds


@dataclasses.dataclass
class Made:
    """What was made of one picture.

    Attributes:
      image: what the model saw.
      notes: what was decided on the way (`Reconstruction.notes`).
      files: by their names.
      seconds: of each step, in their order.
      elevation: of the camera, for which the mesh stands upright, degrees.
    """

    image: UInt8[np.ndarray, "S S 3"]
    notes: tuple[str, ...]
    files: dict[str, Path]
    seconds: dict[str, float]
    elevation: float


class Service:
    """Gives a model one request at a time.

    Args:
      model: it.
      limits: of each request.
      find_object: cuts objects out of pictures whose background is not transparent.
    """

    def __init__(self, model: Model, limits: Limits, find_object: CutOut | None = None):
        self.model = model
        self.limits = limits
        self.finished = 0
        self._find_object = find_object
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._lock = threading.Lock()
        self._taken = 0
        self._usual = _FIRST_GUESS

    @property
    def defaults(self) -> Settings:
        """Of the model's configuration, brought within the limits."""
        surface, seen = self.model.config.surface, self.model.config.input
        resolution = min(max(surface.resolution // STEP * STEP, STEP), self.limits.resolution)
        return Settings(resolution, surface.threshold, seen.crop_ratio, elevation=seen.elevation)

    @property
    def films(self) -> bool:
        """Whether the extra is installed that videos need."""
        return importlib.util.find_spec("av") is not None

    @property
    def taken(self) -> int:
        """Requests at work or waiting."""
        return self._taken

    def check_room(self) -> None:
        """Raises Busy if a request would be sent away now."""
        if self._taken > self.limits.waiting:
            raise Busy(self._until_free())

    def submit(self, job: Callable[..., Any], *arguments: Any, **options: Any) -> Future:
        """Lets the worker call `job`, after those that came before.

        Raises:
          Busy: as many wait as may.
        """
        with self._lock:
            self.check_room()
            self._taken += 1
        try:
            future = self._pool.submit(self._timed, job, *arguments, **options)
        except RuntimeError:  # it is closed
            self._leave()
            raise
        future.add_done_callback(lambda _: self._leave())
        return future

    def close(self) -> None:
        """Lets nobody in any more; what waits is forgotten."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(
        self, path: Path, crop_ratio: float, *, remedy: str, strokes: UInt8[np.ndarray, "h w 4"] | None = None
    ) -> tuple[Prepared | None, Image.Image, str]:
        """What the model would see of a picture, without asking it; a job with arguments as of `make`.

        Returns:
          What it would see, or None if it cannot be used; the picture to correct; and why it cannot be used, or ''.

        Raises:
          Unusable: the file cannot be read.
        """
        image = pictures.opened(path, self.limits)
        try:
            image = self._cut(image, strokes, remedy)
            return self.model.cropped(crop_ratio).prepare(image), pictures.to_correct(image), ""
        except Unusable as error:
            return None, pictures.to_correct(image), f"The picture cannot be used yet: {error}."

    def make(
        self,
        path: Path,
        settings: Settings,
        folder: Path,
        *,
        formats: tuple[str, ...] = ("glb",),
        animation: bool = False,
        video: bool = False,
        remedy: str,
        strokes: UInt8[np.ndarray, "h w 4"] | None = None,
    ) -> Made:
        """Reconstructs a picture; a job.

        Args:
          path: of the picture.
          settings: checked ones.
          folder: where files are written.
          formats: of the mesh.
          animation: whether to write one, too,
          video: and whether as MP4 beside GIF (needs the video extra).
          remedy: and
          strokes: as of `pictures.cut`.

        Raises:
          Unusable: the picture cannot be read, or shows no object, or no background.
          UserError: there is no surface at this threshold, or a video is asked for without the extra.
        """
        seconds: dict[str, float] = {}
        with _clock(seconds, "picture"):
            image = self._cut(pictures.opened(path, self.limits), strokes, remedy)
        with _clock(seconds, "model"):
            model = self.model.cropped(settings.crop_ratio)
            result: Reconstruction = model.reconstruct(image, elevation=settings.elevation)
            np.asarray(result.field.planes)  # so that the clock waits for it
        with _clock(seconds, "mesh"):
            mesh = result.mesh(settings.resolution, threshold=settings.threshold, texture=settings.texture)
            for suffix in formats:
                mesh.save(folder / f"{MESH}.{suffix}")
            files = sorted(folder.glob(f"{MESH}.*"))  # OBJ with a texture is three files
        if animation:
            with _clock(seconds, "animation"):
                views = result.orbit()
                files += [views.save(folder / name) for name in (ANIMATION, VIDEO)[: 1 + video]]
        return Made(result.image, result.notes, {file.name: file for file in files}, seconds, result.elevation)

    def _cut(self, image: Image.Image, strokes: UInt8[np.ndarray, "h w 4"] | None, remedy: str) -> Image.Image:
        threshold = self.model.config.input.mask_threshold
        return pictures.cut(image, self._find_object, threshold=threshold, remedy=remedy, strokes=strokes)

    def _timed(self, job: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        started = time.monotonic()
        result = job(*arguments, **options)
        self._usual += 0.2 * (time.monotonic() - started - self._usual)
        self.finished += 1
        return result

    def _leave(self) -> None:
        with self._lock:
            self._taken -= 1

    def _until_free(self) -> int:
        return max(1, math.ceil(self._usual))


@contextlib.contextmanager
def _clock(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[step] = time.monotonic() - started
