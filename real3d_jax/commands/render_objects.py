"""Renders a folder of meshes into the `views` layout of docs/own_data.md. Killed, it goes on when it is run again.

    python launch/render_objects.py --input meshes --out renders --views 24 --workers 8
    python launch/render_objects.py --input chair.glb --out renders --cameras ring --views 40 --image_size 512
    python launch/prepare_data.py --dataset views --source renders --out data/mine

GLB, glTF, OBJ, PLY and STL files are read. Meshes that cannot be used are listed in `rejected.jsonl` in the folder of
the renders. Needs the extra: pip install -e '.[render]'
"""

import argparse
import pathlib

from real3d_jax.data import preparation, rejections
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli

_FOV_Y = {"random": 49.1, "ring": 39.6}  # as the published renders


def main() -> None:
    """Reads the command line, renders, and says what became of the meshes."""
    options = _parser().parse_args()
    try:
        from real3d_jax.data.object_rendering import object_notes
        from real3d_jax.data.object_rendering.rendering_run import render_folder
        from real3d_jax.data.object_rendering.settings import CAMERA_PATHS, RenderSettings
    except ModuleNotFoundError as error:
        raise UserError(
            f"Rendering needs the package '{error.name}': install the extra with pip install -e '.[render]'."
        ) from error
    given = {name: tuple(getattr(options, name)) for name in ("distance", "elevation") if getattr(options, name)}
    settings = RenderSettings(
        cameras=CAMERA_PATHS[options.cameras](**given),
        views=options.views,
        image_size=options.image_size,
        fov_y=options.fov_y if options.fov_y is not None else _FOV_Y[options.cameras],
        seed=options.seed,
        up_axis=options.up_axis,
        fit=options.fit,
        renderer=options.renderer,
        supersample=options.supersample,
        lit=not options.unlit,
        samples=options.samples,
        allow_missing_files=options.allow_missing_files,
        require_colour=options.require_colour,
        stretched=options.stretched,
        stretch=tuple(options.stretch),
        uneven=options.uneven,
        recoloured=options.recoloured,
    )
    render_folder(
        options.input,
        options.out,
        settings,
        include=options.include,
        exclude=options.exclude,
        but=preparation.read_test_list(options.leave_out, option="--leave_out") if options.leave_out else (),
        limit=options.limit,
        workers=options.workers,
        time_limit=options.time_limit,
    )
    print(rejections.described(options.out))
    print(object_notes.described(options.out), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--input", required=True, type=pathlib.Path, help="a mesh, or a folder, searched with the folders in it")
    add("--out", required=True, type=pathlib.Path, help="folder to make")
    add("--include", default="*", metavar="PATTERN", help="only paths below --input that match, as '*/visual/*.obj'")
    add("--exclude", metavar="PATTERN", help="no paths that match, as '*_collision.obj'")
    add("--leave_out", type=pathlib.Path, metavar="LIST", help="file of names of objects, one a line, to leave out")
    add("--limit", type=int, help="take only so many meshes, the first")
    add("--workers", type=int, default=1, help="processes that render (default 1)")
    add("--time_limit", type=float, default=600, help="seconds for one object; then it is rejected (default 600)")
    add("--up_axis", choices=("y", "z"), default="y", help="what is up in the files (default y, as glTF has it)")
    add("--fit", choices=("box", "sphere"), default="box", help="its largest side is 1, or its diameter (default box)")
    add("--allow_missing_files", action="store_true", help="render objects without the textures that are missing")
    add("--require_colour", action="store_true", help="leave out objects that are all of one grey")
    add("--cameras", choices=tuple(_FOV_Y), default="random", help="random directions, or a ring (default random)")
    add("--views", type=int, default=24, help="of each object (default 24)")
    add("--image_size", type=int, default=512, help="pixels per side (default 512)")
    add("--fov_y", type=float, help="degrees (default 49.1, for a ring 39.6)")
    add("--distance", type=float, nargs=2, metavar=("FROM", "TO"), help="of cameras (default 1.5 2.2, ring 1.9547)")
    add("--elevation", type=float, nargs=2, metavar=("FROM", "TO"), help="degrees (default -90 90, ring 5 30)")
    add("--seed", type=int, default=0, help="of the cameras and of stretching (default 0)")
    add("--stretched", type=int, default=0, help="so many objects of each mesh in its place, of other proportions")
    add("--stretch", type=float, nargs=2, default=(0.65, 1.5), metavar=("FROM", "TO"), help="factors of their axes")
    add("--uneven", type=float, default=1.0, help="how much more a quarter of an axis may be stretched (default 1)")
    add("--recoloured", type=float, default=0.0, help="share of them whose colour channels change places (default 0)")
    add("--renderer", choices=("rasterizer", "path_tracer"), default="rasterizer", help="OpenGL, or Blender's Cycles")
    add("--supersample", type=int, default=3, help="rasterizer: samples per side of a pixel (default 3)")
    add("--unlit", action="store_true", help="rasterizer: the materials' own colours, without light")
    add("--samples", type=int, default=32, help="path tracer: samples of a pixel (default 32)")
    return parser
