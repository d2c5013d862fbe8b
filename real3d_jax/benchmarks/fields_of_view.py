"""What it brings to know, or to fit, the field of view of the input: novel views of drawn objects, by the boxed model.

    python -m real3d_jax.benchmarks.fields_of_view --objects 16

Held-out objects of the named families are drawn by cameras of several fields of view, all of which see the middle of
the object at one size. The model is given the first view; the others are compared with what it renders by the
training's camera, by the true one after the field was straightened (`rendering.lens`), and by the one that fits the
input view best.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from real3d_jax.cameras import Cameras, canonical_c2w, intrinsics_from_fov, spherical_c2w, to_input_frame
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.procedural.render import render_views
from real3d_jax.data.transforms import GREY, composite, premultiply
from real3d_jax.inference.reconstructor import Reconstructor, load
from real3d_jax.metrics.images import psnr
from real3d_jax.rendering import TriplaneField
from real3d_jax.rendering.lens import make_lens
from real3d_jax.runtime import cli
from real3d_jax.weights.boxed import MINI

_FOVS = (20.0, 30.0, 55.0)
_CANDIDATES = (20.0, 25.0, 30.0, 35.0, 39.6, 47.0, 55.0)
_NEARER = (0.85, 0.925, 1.0, 1.075, 1.15)  # distances that are tried, as parts of that of one size
_AROUND = (0, 50, 130, 230, 310)  # azimuths of the views from the input's, degrees
_FAMILY, _SEED, _FIRST, _FAMILIES = "named", 9, 585, 65
_RESOLUTION = 48


@dataclasses.dataclass(frozen=True)
class Row:
    """PSNR of the novel views of one object by each of the three cameras, and the fitted one."""

    training: float
    straightened: float
    fitted: float
    fitted_fov: float
    fitted_nearer: float


class Bench:
    """The boxed model, and what it renders of its fields."""

    def __init__(self):
        changes = [f"--config.orbit.resolution={_RESOLUTION}", f"--config.orbit.frames_at_once={len(_AROUND)}"]
        self.config, checkpoint = load(MINI, config_files.load_as(ReconstructionConfig, "reconstruct", changes))
        self.reconstructor = Reconstructor(self.config, checkpoint.params)

    def distance(self, fov: float) -> float:
        """From which a camera sees the middle as large as the training's does."""
        orbit = self.config.orbit
        return same_size(orbit.distance, orbit.fov_y, fov)

    def row(self, number: int, fov: float, rng: np.random.Generator) -> Row:
        """One object, its views drawn with a field of view in degrees."""
        orbit, background = self.config.orbit, self.config.render.background
        azimuths = np.radians(rng.uniform(0, 360) + np.array(_AROUND))
        elevations = np.radians(rng.uniform(*source.ELEVATION, len(_AROUND)))
        far = same_size(float(np.mean(source.DISTANCE)), source.FOV_Y, fov)
        c2w = spherical_c2w(azimuths, elevations, far)
        rgba = drawn(number, _cameras(c2w, fov), self.config.model.image_size)
        image = composite(premultiply(rgba[0]), size=self.config.model.image_size, background=GREY)
        true = np.stack([composite(premultiply(x), size=_RESOLUTION, background=background) for x in rgba]) / 255
        field = self.reconstructor.field(image)

        def score(field: TriplaneField, fov: float, distance: float) -> float:
            poses = to_input_frame(c2w[0], c2w, distance)
            return float(psnr(self._views(field, poses[1:], fov), true[1:]).mean())

        grid = {
            (candidate, nearer): float(value)
            for candidate in _CANDIDATES
            for nearer, value in zip(
                _NEARER,
                psnr(
                    self._views(field, canonical_c2w(self.distance(candidate) * jnp.array(_NEARER)), candidate), true[0]
                ),
                strict=True,
            )
        }
        fitted, nearer = max(grid, key=lambda camera: grid[camera])
        lens = make_lens(distance=orbit.distance, fov_y=orbit.fov_y, true_fov_y=fov)
        straightened = dataclasses.replace(field, lens=lens)
        return Row(
            training=score(field, orbit.fov_y, orbit.distance),
            straightened=score(straightened, fov, self.distance(fov)),
            fitted=score(field, fitted, self.distance(fitted) * nearer),
            fitted_fov=fitted,
            fitted_nearer=nearer,
        )

    def _views(self, field: TriplaneField, c2w: Float[Array, "V 4 4"], fov: float) -> Float[np.ndarray, "V h w 3"]:
        return self.reconstructor.views(field, _cameras(c2w, fov)) / np.float32(255)


def same_size(distance: float, fov: float, other: float) -> float:
    """From which a camera of another field of view, in degrees, sees the origin's plane as large."""
    return distance * float(np.tan(np.radians(fov) / 2) / np.tan(np.radians(other) / 2))


def drawn(number: int, cameras: Cameras, size: int) -> UInt8[np.ndarray, "V S S 4"]:
    """Views of an object, straight alpha."""
    objects = jax.tree.map(jnp.asarray, stack([numbering.sample(_FAMILY, _SEED, number)] * len(cameras.c2w)))
    how = source.how_to_draw(jax.default_backend())
    return np.asarray(render_views(objects, cameras, size=size, supersample=source.SUPERSAMPLE, **how))


def gain(rows: Sequence[Row], name: str) -> str:
    """How much a camera gains over the training's, as the mean over objects with its 95 % interval, and the median."""
    gains = np.array([getattr(row, name) - row.training for row in rows])
    spread = 1.96 * gains.std(ddof=1) / len(gains) ** 0.5
    return f"{gains.mean():+.2f} dB ± {spread:.2f}, median {np.median(gains):+.2f}, {(gains > 0).sum()} of {len(gains)}"


def main() -> None:
    """Parses the arguments, measures, and prints a line for each field of view."""
    parser = cli.module_parser("real3d_jax.benchmarks.fields_of_view", __doc__)
    parser.add_argument("--objects", type=int, default=16, help="of different families, at least 2 (%(default)s)")
    count = max(2, parser.parse_args().objects)
    bench, rng = Bench(), np.random.default_rng(0)
    numbers = [_FIRST + i * _FAMILIES // count for i in range(count)]
    for fov in _FOVS:
        rows = [bench.row(number, fov, rng) for number in numbers]
        print(f"{fov:g} degrees: straightened {gain(rows, 'straightened')}; fitted {gain(rows, 'fitted')}")
        print(
            f"  fitted fields of view {[row.fitted_fov for row in rows]}, nearer {[row.fitted_nearer for row in rows]}"
        )


def _cameras(c2w: Float[Array, "V 4 4"], fov: float) -> Cameras:
    return Cameras(c2w, jnp.tile(intrinsics_from_fov(np.radians(fov)), (len(c2w), 1)))


if __name__ == "__main__":
    cli.run(main)
