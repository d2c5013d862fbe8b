"""Lays OmniObject3D's raw scans into the world of its renders, so that an evaluation can measure Chamfer distances.

    python launch/lay_scans.py --scans raw_scans --renders blender_renders --out meshes/omniobject3d
    python launch/evaluate.py --config configs/eval/omniobject3d.py --checkpoint runs/real3d \\
        --config.geometry.meshes=meshes/omniobject3d

Each scan is multiplied with the `scale` of its renders and turned to z up, and its borders are compared with the masks
of some views: one that does not fit is left out, and listed in `rejected.jsonl`. Run again, it keeps what is there.
"""

import argparse
import json
import pathlib

from real3d_jax.data.sources import omniobject3d_scans
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.runtime import cli, folders


def main() -> None:
    """Reads the command line, lays the scans, and says what came of them."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--scans", required=True, type=pathlib.Path, help="folder raw_scans")
    parser.add_argument("--renders", required=True, type=pathlib.Path, help="folder blender_renders")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make: CATEGORY/OBJECT.ply")
    parser.add_argument("--black_background", action="store_true", help="renders without alpha: see prepare_data.py")
    options = parser.parse_args()
    layout = OmniObject3D(options.renders, black_background=options.black_background)
    laid = omniobject3d_scans.lay_scans(layout, options.scans, options.out)
    lines = [json.dumps({"key": key, "reason": reason}) + "\n" for key, reason in laid.rejected]
    folders.write_result(options.out / "rejected.jsonl", "".join(lines))
    print(f"{options.out}: {len(laid.kept)} scans laid, {len(laid.rejected)} left out")
    for key, reason in laid.rejected[:5]:
        print(f"  {key}: {reason}")
