"""Draws docs/images/mini_twelve.png and mini.png: what the model in the box makes of twelve pictures.

    python -m real3d_jax.inference.gallery --furniture data/furniture --out docs/images

The twelve were chosen before looking: the first held-out object of six families, four furniture models of the test
split (launch/unpack_furniture.py), and the first two photographs of the embedded ones. Needs the `render` extra.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from real3d_jax.cameras import spherical_c2w
from real3d_jax.data.embedded import photographs
from real3d_jax.data.embedded.photograph_outlines import OUTLINES
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.families import NAMED
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import Item, Photograph
from real3d_jax.errors import check_installed
from real3d_jax.inference.loading import load
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.runtime import cli

FAMILIES = ("chair", "mug", "car", "horse", "house", "plane")
SHOWN = (0, 1, 2, 3, 9, 11)  # of the twelve, in the README's picture
_SEED = 9  # of the test set's objects
_PIXELS = 256  # of the pictures
_FRAMES, _FACED = 16, (0, 2, 5, 8, 11, 14)  # views once around, and those that are shown
_MESH_VIEWS = ((40.0, 10.0), (-60.0, 10.0))  # azimuth and elevation, degrees
_MESH_DISTANCE, _MESH_FOV = 1.6, 39.6  # of a sphere around the mesh, of radius 1/2; degrees
_GAP = 4


def pictures(furniture: Path) -> Iterator[UInt8[np.ndarray, "s s 4"]]:
    """The twelve, cut out."""
    names = list(NAMED)
    numbers = [names.index(family) for family in FAMILIES]
    objects = stack([numbering.sample("named", _SEED, number) for number in numbers])
    poses = np.stack([source.camera_poses("named", _SEED, number, 1)[0] for number in numbers])
    yield from np.asarray(source.draw(objects, poses, _PIXELS))
    records = RecordSet(furniture, "test")
    for part in range(4):
        yield records.read_view(part * len(records) // 4, 0).image
    embedded = photographs.photographs(image_size=_PIXELS)
    for item in list(embedded.items("train", range(len(OUTLINES))))[:2]:
        photograph = item.records[0] if isinstance(item, Item) else None
        assert isinstance(photograph, Photograph)
        yield photograph.image


def row(result: Reconstruction, rasterizer: Any, side: int) -> Image.Image:
    """The input, six views around, and two of the mesh, as another program reads it.

    Args:
      result: of a picture.
      rasterizer: an `object_rendering.rasterizer.Rasterizer`.
      side: pixels of each.
    """
    from real3d_jax.data.object_rendering import mesh_files  # needs the extra

    views = np.asarray(result.orbit(frames=_FRAMES, elevation=0))
    drawn = [np.asarray(result.image), *(views[number] for number in _FACED)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(result.mesh().save(Path(folder) / "mesh.glb"))
        mesh = mesh_files.load(path, up_axis="y", fit="sphere", allow_missing_files=False)
        with rasterizer.loaded(mesh):
            for azimuth, elevation in np.radians(_MESH_VIEWS):
                seen = rasterizer.colour(
                    np.asarray(spherical_c2w(azimuth, elevation, _MESH_DISTANCE)), _MESH_FOV
                ).astype(np.float32)
                alpha = seen[..., 3:] / 255
                drawn.append((seen[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8))
    made = Image.new("RGB", (len(drawn) * side + 2 * _GAP, side), "white")
    for number, image in enumerate(drawn):
        gap = _GAP * ((number > 0) + (number > len(_FACED)))
        small = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
        made.paste(small, (number * side + gap, 0))
    return made


def sheet(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows below each other."""
    made = Image.new("RGB", (rows[0].width, sum(one.height + _GAP for one in rows) - _GAP), "white")
    for number, one in enumerate(rows):
        made.paste(one, (0, number * (one.height + _GAP)))
    return made


def main() -> None:
    """Reads the command line and draws."""
    parser = cli.module_parser("real3d_jax.inference.gallery", __doc__)
    parser.add_argument("--furniture", type=Path, default=Path("data/furniture"), help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for both pictures")
    options = parser.parse_args()
    check_installed("moderngl", what="Meshes are drawn", extra="render")
    from real3d_jax.data.object_rendering.rasterizer import Rasterizer

    model, rasterizer = load(), Rasterizer(size=128, supersample=2, lit=False)
    results = model([Image.fromarray(image) for image in pictures(options.furniture)])
    for number, result in enumerate(results):
        print(f"{number}: {result.mesh().summary}; {'; '.join(result.notes)}", flush=True)
    for name, side, chosen in (("mini_twelve.png", 96, range(len(results))), ("mini.png", 112, SHOWN)):
        made = sheet([row(results[number], rasterizer, side) for number in chosen])
        made.save(options.out / name, optimize=True)


if __name__ == "__main__":
    cli.run(main)
