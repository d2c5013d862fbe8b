"""Takes photographs of single objects out of Tux Paint's stamps, and names their authors.

    apt-get download tuxpaint-stamps-default && dpkg -x tuxpaint-stamps-default_*.deb downloads
    python launch/unpack_photographs.py --source downloads/usr/share/tuxpaint/stamps --out cutouts
    python launch/prepare_data.py --dataset wild_images --source cutouts/trained --image_size 128 --held_out 2 \\
        --out data/photographs

`cutouts/trained` holds those in the public domain or under CC BY, `cutouts/measured` those under the GPL, and
`cutouts/credits.md` the licence and the author of each.
"""

import argparse
import pathlib

from real3d_jax.data import tux_paint
from real3d_jax.runtime import cli


def main() -> None:
    """Reads the command line, unpacks, and says what was taken."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--source", required=True, type=pathlib.Path, help="the collection's folder 'stamps'")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make")
    options = parser.parse_args()
    taken = tux_paint.unpack(options.source, options.out)
    trained = sum(stamp.use == tux_paint.TRAINED for stamp in taken)
    print(f"{options.out}: {trained} photographs to train on, {len(taken) - trained} for measuring only")
