"""Draws a contact sheet of families: a row of objects for each, with its name.

python -m real3d_jax.data.procedural.contact_sheet --out docs/images/families.png
python -m real3d_jax.data.procedural.contact_sheet --out docs/images/families_house.png --families home
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.data.procedural.families import DRAWN, sample
from real3d_jax.data.procedural.numbering import ALL_HOME, ALL_NAMED, members
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.procedural.render import render_views
from real3d_jax.runtime import cli

_AZIMUTHS = (35.0, -40.0, 62.0, -20.0)  # degrees, of successive objects: from the front, left and right in turn
_ELEVATION = 18.0  # degrees
_DISTANCE, _FOV_Y = 1.645, 39.6
_TITLE = 14  # pixels above a row
_LEVELS = 24  # of each channel in the file, which halves its size


def family_pictures(family: str, *, count: int, size: int, seed: int) -> np.ndarray:
    """The first `count` objects of a family on white, (count, size, size, 3) uint8."""
    azimuth = np.radians([_AZIMUTHS[i % len(_AZIMUTHS)] for i in range(count)])
    cameras = Cameras(
        c2w=spherical_c2w(azimuth, np.radians(_ELEVATION), _DISTANCE),
        intrinsics=jnp.tile(intrinsics_from_fov(np.radians(_FOV_Y)), (count, 1)),
    )
    objects = jax.tree.map(jnp.asarray, stack([sample(family, seed, i) for i in range(count)]))
    rgba = np.asarray(render_views(objects, cameras, size=size, supersample=2), np.float32) / 255
    rgb = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    return np.round(255 * rgb).astype(np.uint8)


def contact_sheet(families: Sequence[str], *, count: int, size: int, columns: int, seed: int) -> Image.Image:
    """Rows of `count` objects, `columns` families side by side, each under its name."""
    rows = -(-len(families) // columns)
    sheet = Image.new("RGB", (columns * count * size, rows * (size + _TITLE)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, family in enumerate(families):
        x, y = (i // rows) * count * size, (i % rows) * (size + _TITLE)
        draw.text((x + 4, y + 1), family.replace("_", " "), fill="black")
        for j, picture in enumerate(family_pictures(family, count=count, size=size, seed=seed)):
            sheet.paste(Image.fromarray(picture), (x + j * size, y + _TITLE))
    return sheet


def main() -> None:
    """Parses the arguments, draws and writes the sheet."""
    parser = cli.module_parser("real3d_jax.data.procedural.contact_sheet", __doc__)
    parser.add_argument("--out", required=True, help="the picture's file")
    known = [*DRAWN, ALL_NAMED, ALL_HOME]
    parser.add_argument(
        "--families", nargs="+", default=[ALL_NAMED], choices=known, metavar="NAME", help="(%(default)s)"
    )
    parser.add_argument("--count", type=int, default=6, help="objects of a family (%(default)s)")
    parser.add_argument("--size", type=int, default=96, help="pixels of a picture, a multiple of 4 (%(default)s)")
    parser.add_argument("--columns", type=int, default=3, help="families side by side (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    arguments = parser.parse_args()
    sheet = contact_sheet(
        [family for name in arguments.families for family in members(name)],
        count=arguments.count,
        size=arguments.size,
        columns=arguments.columns,
        seed=arguments.seed,
    )
    levels = np.round(np.asarray(sheet, np.float32) / 255 * (_LEVELS - 1))
    reduced = np.round(255 * levels / (_LEVELS - 1)).astype(np.uint8)
    Image.fromarray(reduced).save(arguments.out, optimize=True)


if __name__ == "__main__":
    cli.run(main)
