"""Unpacks Sweet Home 3D's furniture libraries into meshes that launch/render_objects.py reads.

    apt-get download sweethome3d-furniture && dpkg -x sweethome3d-furniture_*.deb downloads
    python launch/unpack_furniture.py --source downloads/usr/share/sweethome3d/furniture --out meshes/furniture

Doors, windows, flat and thin things and models of the same shape as another are left out: `left_out.tsv` says which.
`test.txt` has the names for `prepare_data.py --test_list`, and `credits.md` the authors, whom most licences want named.
Needs the extra: pip install -e '.[render]'
"""

import argparse
import pathlib

from real3d_jax.errors import UserError
from real3d_jax.runtime import cli


def main() -> None:
    """Reads the command line, unpacks, and says what was kept."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--source", required=True, type=pathlib.Path, help="folder of .sh3f files")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make")
    parser.add_argument("--held_out", type=int, default=100, help="about so many models are for the test (default 100)")
    options = parser.parse_args()
    try:
        from real3d_jax.data.object_rendering import sweet_home
    except ModuleNotFoundError as error:
        raise UserError(
            f"Reading meshes needs the package '{error.name}': install the extra with pip install -e '.[render]'."
        ) from error
    kept, left_out = sweet_home.unpack(options.source, options.out)
    held_out = sweet_home.held_out(kept, options.held_out)
    (options.out / "test.txt").write_text("".join(f"{name}\n" for name in held_out))
    (options.out / "left_out.tsv").write_text("".join(f"{key}\t{reason}\n" for key, reason in left_out))
    (options.out / "credits.md").write_text(sweet_home.credits(kept))
    print(f"{options.out}: {len(kept)} models ({len(held_out)} for the test), {len(left_out)} left out")
