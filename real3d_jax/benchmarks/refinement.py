"""What gradient steps at test time buy, on drawn objects that the model has never seen.

    python -m real3d_jax.benchmarks.refinement
    python -m real3d_jax.benchmarks.refinement --given 2,4 --steps 50 --objects 24 --json refinement.json

`Model.from_views` is called with the first one or several views of each object; with one it does what
`Reconstruction.refine` does. Scored are the given views and others that are never given, at the resolution of
`config.refine`; intervals are over objects. Times are processor seconds of all cores, of the steps alone; their median
leaves out compiling.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras
from real3d_jax.data import frames
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.transforms import WHITE, composite, object_mask, premultiply
from real3d_jax.errors import UserError
from real3d_jax.inference.checks import canonical
from real3d_jax.inference.loading import load
from real3d_jax.inference.model import Model
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.metrics.bootstrap import confidence_interval, paired_difference
from real3d_jax.metrics.images import psnr, silhouette_iou
from real3d_jax.rendering.sparse import occupied_cells, render_views_sparse
from real3d_jax.runtime import cli
from real3d_jax.weights.boxed import MINI

_FAMILY, _SEED = "named", 9  # the held-out objects of configs/eval/mini.py
_SIZE = 128  # pixels of their pictures


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
      given: views.
      steps: of gradients.
      given_psnr: of the given views.
      psnr: of the others, with its interval.
      gain: over the model's own field of the first view, object by object, with its interval.
      iou: of silhouettes, of the others.
      seconds: of the processor, the median of an object.
    """

    given: int
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
        found.append(
            DrawnObject(
                np.asarray(drawn), Cameras(jnp.asarray(c2w), jnp.tile(jnp.asarray(source.intrinsics()), (views, 1)))
            )
        )
    return found


class Judge:
    """Scores fields against an object's pictures, as users get to see them: without what is thinner than fog."""

    def __init__(self, model: Model):
        config = model.config
        render = canonical(config.render, "This measure is")
        self._size, self._precision = config.refine.resolution, config.compute.matmul_precision

        def score(field, rgb, mask, cameras):
            occupied = occupied_cells(field, render, config.orbit.least_density)
            shown, opacity = render_views_sparse(field, occupied, cameras, render, resolution=self._size)
            return psnr(shown, as_float(rgb)), silhouette_iou(opacity, as_float(mask))

        self._program = jax.jit(score)

    def __call__(self, result: Reconstruction, shown: DrawnObject) -> Float[np.ndarray, "2 V"]:
        """PSNR and IoU of each view."""
        rgb = [composite(premultiply(rgba), size=self._size, background=WHITE) for rgba in shown.rgba]
        masks = [object_mask(rgba, threshold=127, size=self._size) for rgba in shown.rgba]
        with jax.default_matmul_precision(self._precision):
            return np.stack(self._program(result.field, np.stack(rgb), np.stack(masks), shown.cameras))


def measure(
    model: Model,
    objects: Sequence[DrawnObject],
    *,
    given: int,
    steps: Sequence[int],
    novel: int,
    hold: float | None,
    judge: Callable[[Reconstruction, DrawnObject], Float[np.ndarray, "2 V"]],
) -> list[Row]:
    """A row for each number of steps.

    Args:
      model: whose fields are refined.
      objects: whose first views are given.
      given: how many.
      steps: how many gradients.
      novel: how many of the last views are scored.
      hold: as of `Reconstruction.refine`.
      judge: gives PSNR and IoU of each view, as `Judge` does.
    """
    before, after, seconds = [], [], []
    for shown in objects:
        start = _start(model, shown, given)
        results, took = zip(*(_refined(start, count, hold) for count in steps), strict=True)
        before.append(judge(start, shown))
        after.append([judge(result, shown) for result in results])
        seconds.append(took)
    unrefined, scores = np.stack(before)[:, 0, -novel:].mean(-1), np.stack(after)  # objects, steps, scores, views
    rows = []
    for place, count in enumerate(steps):
        found = scores[:, place, 0, -novel:].mean(-1)
        gain = paired_difference(found, unrefined)
        row = Row(
            given=given,
            steps=count,
            given_psnr=float(scores[:, place, 0, :given].mean()),
            psnr=(float(found.mean()), *confidence_interval(found)),
            gain=(gain.mean, gain.low, gain.high),
            iou=float(scores[:, place, 1, -novel:].mean()),
            seconds=float(np.median([took[place] for took in seconds])),
        )
        rows.append(row)
    return rows


def _start(model: Model, shown: DrawnObject, given: int) -> Reconstruction:
    """The model's own field of the first view, to be refined towards the given ones."""
    cameras = Cameras(shown.cameras.c2w[:given], shown.cameras.intrinsics[:given])
    return model.from_views([Image.fromarray(rgba) for rgba in shown.rgba[:given]], cameras, steps=0)


def _refined(start: Reconstruction, steps: int, hold: float | None) -> tuple[Reconstruction, float]:
    """The field after `steps`, and the processor seconds that they took."""
    began = time.process_time()
    result = start.refine(steps, hold=hold)
    jax.block_until_ready(result.field.planes)
    return result, time.process_time() - began


def line(row: Row) -> str:
    """A row of the table, in Markdown."""
    psnr, gain = (
        f"{x[0]:{sign}.2f} [{x[1]:{sign}.2f}, {x[2]:{sign}.2f}]" for x, sign in ((row.psnr, ""), (row.gain, "+"))
    )
    return f"| {row.given} | {row.steps} | {row.given_psnr:.2f} | {psnr} | {gain} | {row.iou:.3f} | {row.seconds:.1f} |"


def main() -> None:
    """Reads the command line, measures, and prints a table."""
    parser = cli.module_parser("real3d_jax.benchmarks.refinement", __doc__)
    parser.add_argument("--checkpoint", default=MINI, help=f"as of launch/reconstruct.py (default: {MINI})")
    parser.add_argument("--objects", type=int, default=16, help="one of a family each (default: 16)")
    parser.add_argument("--given", default="1,2,4", help="numbers of given views (default: 1,2,4)")
    parser.add_argument("--steps", default="0,5,10,20,50", help="numbers of steps (default: 0,5,10,20,50)")
    parser.add_argument("--views", type=int, default=8, help="of an object; the first are given (default: 8)")
    parser.add_argument("--novel", type=int, default=4, help="the last of these, which are scored (default: 4)")
    parser.add_argument("--hold", type=float, help="weight of the planes' distance from the start (default: config's)")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    given, steps = (read_numbers(f"--{name}", getattr(options, name)) for name in ("given", "steps"))
    if given[0] < 1 or options.novel < 1 or given[-1] + options.novel > options.views:
        raise UserError("--given and --novel must be at least 1, and --views at least their sum.")
    model = load(options.checkpoint)
    judge, distance = Judge(model), model.config.refine.distance
    objects = drawn_objects(options.objects, views=options.views, distance=distance)
    print("| given views | steps | their PSNR | PSNR of novel views | gain | IoU | processor s |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for count in given:
        found = measure(model, objects, given=count, steps=steps, novel=options.novel, hold=options.hold, judge=judge)
        rows += found
        print(*map(line, found), sep="\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


def read_numbers(option: str, text: str) -> list[int]:
    """Growing whole numbers with commas between.

    Raises:
      UserError: it holds others.
    """
    words = text.split(",")
    if not all(word.isdigit() for word in words) or sorted(set(map(int, words))) != list(map(int, words)):
        raise UserError(f"{option} is '{text}': give growing whole numbers, with commas between.")
    return list(map(int, words))


if __name__ == "__main__":
    cli.run(main)
