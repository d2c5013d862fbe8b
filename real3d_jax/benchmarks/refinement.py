"""What gradient steps at test time buy, on drawn objects that the model has never seen.

    python -m real3d_jax.benchmarks.refinement
    python -m real3d_jax.benchmarks.refinement --checkpoint runs/mini --objects 24 --json refinement.json

`Model.from_views` is called with the first one or several views of each object; with one it does what
`Reconstruction.refine` does. Scored are the given views and others that are never given, at the resolution of
`config.refine`; intervals are over objects. Times are processor seconds of all cores for an object, encoding included;
their median leaves out compiling.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.cameras import Cameras
from real3d_jax.data import frames
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.transforms import WHITE, composite, object_mask, premultiply
from real3d_jax.errors import UserError
from real3d_jax.evaluation.programs import novel_views
from real3d_jax.inference.model import Model, load
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.metrics.bootstrap import confidence_interval, paired_difference
from real3d_jax.runtime import cli
from real3d_jax.weights.boxed import MINI

_FAMILY, _SEED = "named", 9  # the held-out objects of configs/eval/mini.py
_SIZE = 128  # pixels of their pictures
_SCORES = ("psnr", "iou")


@dataclasses.dataclass(frozen=True)
class DrawnObject:
    """Pictures of one object, the input view first, and their cameras in its frame.

    Attributes:
      rgba: straight alpha.
      cameras: of leading shape (V,).
    """

    rgba: UInt8[np.ndarray, "V S S 4"]
    cameras: Cameras


@dataclasses.dataclass(frozen=True)
class Row:
    """Means over objects for one number of given views and of steps.

    Attributes:
      views: that were given.
      steps: of gradients.
      given_psnr: of the given views.
      psnr: of the others, with its interval.
      gain: of that over the model's own field of the first view, with its interval, pair by pair.
      iou: of silhouettes, of the others.
      seconds: of the processor, for an object.
    """

    views: int
    steps: int
    given_psnr: float
    psnr: tuple[float, float, float]
    gain: tuple[float, float, float]
    iou: float
    seconds: float


def drawn_objects(count: int, *, views: int, distance: float) -> list[DrawnObject]:
    """Held-out objects, spread over the families.

    Args:
      count: how many, at most one of each family.
      views: of each.
      distance: of the input camera in its frame.
    """
    families = len(numbering.members(_FAMILY))
    if not 1 <= count <= families:
        raise UserError(f"--objects is {count}: there are {families} families, of each of which one is taken.")
    found = []
    for number in (families * place // count for place in range(count)):
        poses = source.camera_poses(_FAMILY, _SEED, number, views)
        drawn = source.draw(stack([numbering.sample(_FAMILY, _SEED, number)] * views), poses, _SIZE)
        c2w = frames.to_input_frame(poses[0], poses, distance)
        found.append(DrawnObject(np.asarray(drawn), Cameras(c2w, np.tile(source.intrinsics(), (views, 1)))))
    return found


class Judge:
    """Scores fields against an object's pictures; one compiled program for each number of views."""

    def __init__(self, model: Model):
        self._size, render = model.config.refine.resolution, model.config.render
        self._precision = model.config.compute.matmul_precision
        self._program = jax.jit(
            lambda field, rgb, mask, cameras: novel_views(
                field, None, rgb, mask, cameras, jnp.ones(1), render=render, window="uniform"
            )
        )

    def __call__(self, result: Reconstruction, shown: DrawnObject) -> Float[np.ndarray, "scores V"]:
        """PSNR and IoU of each view."""
        rgb = [composite(premultiply(rgba), size=self._size, background=WHITE) for rgba in shown.rgba]
        masks = [object_mask(rgba, threshold=127, size=self._size) for rgba in shown.rgba]
        cameras = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], shown.cameras)
        with jax.default_matmul_precision(self._precision):
            scores = self._program(result.field, np.stack(rgb)[None], np.stack(masks)[None], cameras)
        return np.stack([np.asarray(scores[name])[0, 0] for name in _SCORES])


def measure(
    model: Model, objects: Sequence[DrawnObject], *, given: Sequence[int], steps: Sequence[int], most: int
) -> list[Row]:
    """A row for each number of given views and of steps, the first of which is 0.

    Args:
      model: whose fields are refined.
      objects: with more than `most` views each.
      given: numbers of views, from 1 on.
      steps: how many gradients.
      most: views from this one on are never given, and scored.
    """
    judge, rows, before = Judge(model), [], None
    for count in given:
        for number in steps:
            scores, seconds = [], []
            for shown in objects:
                result, took = _made(model, shown, count, number)
                scores.append(judge(result, shown))
                seconds.append(took)
            found = np.stack(scores)  # objects, scores, views
            novel = found[:, 0, most:].mean(-1)
            before = novel if before is None else before
            gain = paired_difference(novel, before)
            rows.append(
                Row(
                    views=count,
                    steps=number,
                    given_psnr=float(found[:, 0, :count].mean()),
                    psnr=(float(novel.mean()), *confidence_interval(novel)),
                    gain=(gain.mean, gain.low, gain.high),
                    iou=float(found[:, 1, most:].mean()),
                    seconds=float(np.median(seconds)),
                )
            )
            print(line(rows[-1]), flush=True)
    return rows


def _made(model: Model, shown: DrawnObject, count: int, steps: int) -> tuple[Reconstruction, float]:
    """The field for the first `count` views after `steps`, and the processor seconds of the call."""
    cameras = Cameras(shown.cameras.c2w[:count], shown.cameras.intrinsics[:count])
    photographs = [Image.fromarray(rgba) for rgba in shown.rgba[:count]]
    start = time.process_time()
    result = model.from_views(photographs, cameras, steps=steps)
    jax.block_until_ready(result.field.planes)
    return result, time.process_time() - start


def line(row: Row) -> str:
    """A row of the table, in Markdown."""
    psnr, gain = (
        f"{x[0]:{sign}.2f} [{x[1]:{sign}.2f}, {x[2]:{sign}.2f}]" for x, sign in ((row.psnr, ""), (row.gain, "+"))
    )
    return f"| {row.views} | {row.steps} | {row.given_psnr:.2f} | {psnr} | {gain} | {row.iou:.3f} | {row.seconds:.1f} |"


def main() -> None:
    """Reads the command line, measures, and prints a table."""
    parser = argparse.ArgumentParser(
        prog="python -m real3d_jax.benchmarks.refinement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--checkpoint", default=MINI, help=f"as of launch/reconstruct.py (default: {MINI})")
    parser.add_argument("--objects", type=int, default=16, help="one of a family each (default: 16)")
    parser.add_argument("--given", default="1,2,4", help="numbers of given views (default: 1,2,4)")
    parser.add_argument("--steps", default="0,5,10,20,50", help="numbers of steps (default: 0,5,10,20,50)")
    parser.add_argument("--novel", type=int, default=4, help="views of an object that are scored (default: 4)")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    given, steps = (_numbers(name, getattr(options, name)) for name in ("given", "steps"))
    if given[0] < 1 or options.novel < 1:
        raise UserError("--given and --novel must be at least 1.")
    model = load(options.checkpoint)
    objects = drawn_objects(options.objects, views=given[-1] + options.novel, distance=model.config.refine.distance)
    print("| views | steps | given views, PSNR | novel views, PSNR | gain | IoU | processor s |")
    print("|---|---|---|---|---|---|---|")
    rows = measure(model, objects, given=given, steps=steps, most=given[-1])
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


def _numbers(name: str, text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isdigit() for word in words) or sorted(set(map(int, words))) != list(map(int, words)):
        raise UserError(f"--{name} is '{text}': give growing whole numbers, with commas between.")
    return list(map(int, words))


if __name__ == "__main__":
    cli.run(main)
