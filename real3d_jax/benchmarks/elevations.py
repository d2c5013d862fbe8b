"""How far off the estimated elevations of cameras are, on objects that the boxed model has never seen.

    python -m real3d_jax.benchmarks.elevations
    python -m real3d_jax.benchmarks.elevations --data data/furniture --objects 100 --views 1

The model is given views of objects whose world has z up, cropped as photographs are; what `inference.uprightness` makes
of its fields, by all criteria together and by each alone, is compared with the cameras' true elevations. So are two
guesses that need no picture: the mean of the true ones, and 0, which is what views and meshes are upright for without
an elevation.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError
from real3d_jax.inference.loading import load
from real3d_jax.inference.uprightness import CRITERIA, ELEVATIONS, WEIGHTS, field_scores
from real3d_jax.runtime import cli
from real3d_jax.weights.boxed import MINI

_FAMILY, _SEED = "named", 9  # the held-out objects of configs/eval/mini.py
_SIZE = 128  # pixels of their pictures


def drawn_views(count: int, views: int) -> Iterator[tuple[UInt8[np.ndarray, "S S 4"], Float[np.ndarray, "4 4"]]]:
    """Views of held-out objects of different families, straight alpha, and their poses; z is up."""
    families = len(numbering.members(_FAMILY))
    for number in (families * place // count for place in range(count)):
        poses = source.camera_poses(_FAMILY, _SEED, number, views)
        drawn = source.draw(stack([numbering.sample(_FAMILY, _SEED, number)] * views), poses, _SIZE)
        yield from zip(np.asarray(drawn), poses, strict=True)


def recorded_views(
    folder: Path, count: int, views: int
) -> Iterator[tuple[UInt8[np.ndarray, "H W 4"], Float[np.ndarray, "4 4"]]]:
    """The first views of a data set's test objects, likewise."""
    records = RecordSet(folder, "test")
    for item in range(min(count, len(records))):
        for view in range(min(views, int(records.counts[item]))):
            shot = records.read_view(item, view)
            yield shot.image, shot.c2w


def elevation_of(c2w: Float[np.ndarray, "4 4"]) -> float:
    """Degrees of a camera above the origin."""
    return float(np.degrees(np.arcsin(c2w[2, 3] / np.linalg.norm(c2w[:3, 3]))))


def errors(true: Float[np.ndarray, "N"], scores: Float[np.ndarray, "N 3 E"]) -> dict[str, Float[np.ndarray, "N"]]:
    """Degrees by which each way of telling the elevations is off."""
    found = {"all three": np.tensordot(scores, WEIGHTS, (1, 0))}
    found |= {name: scores[:, place] for place, name in enumerate(CRITERIA)}
    told = {name: ELEVATIONS[values.argmax(1)] for name, values in found.items()}
    told |= {"the mean": np.full(len(true), true.mean()), "0": np.zeros(len(true))}
    return {name: np.abs(values - true) for name, values in told.items()}


def main() -> int:
    """Parses the arguments, measures, and prints a line for each way."""
    parser = cli.module_parser("real3d_jax.benchmarks.elevations", __doc__)
    parser.add_argument("--data", type=Path, help="multi-view records, z up (default: drawn objects)")
    parser.add_argument("--objects", type=int, default=65, help="of them, at most (default: %(default)s)")
    parser.add_argument("--views", type=int, default=1, help="of each (default: %(default)s)")
    arguments = parser.parse_args()
    if min(arguments.objects, arguments.views) < 1:
        raise UserError("--objects and --views must be above 0.")
    count = arguments.objects, arguments.views
    model, true, scores = load(MINI), [], []
    for rgba, c2w in recorded_views(arguments.data, *count) if arguments.data else drawn_views(*count):
        try:
            field = model(Image.fromarray(rgba), elevation=0).field
            scores.append(field_scores(field, model.config.render, threshold=model.config.surface.threshold))
            true.append(elevation_of(c2w))
        except UserError as error:
            print(f"left out: {error}")
    print(f"{len(true)} views; degrees off: median, 90 %, share within 10")
    for name, off in errors(np.array(true), np.array(scores)).items():
        print(f"{name:10} {np.median(off):5.1f} {np.percentile(off, 90):5.1f} {np.mean(off <= 10):5.2f}")
    return 0


if __name__ == "__main__":
    cli.run(main)
