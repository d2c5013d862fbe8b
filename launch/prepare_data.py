"""Prepares a data set of records. Killed, it goes on where it stopped when it is run again.

    python launch/prepare_data.py --dataset procedural_views --family a --objects 512 --held_out 32 --views 12 \\
        --image_size 512 --seed 0 --out data/procedural_a
    python launch/prepare_data.py --dataset photographs --image_size 512 --out data/photographs
"""

import argparse

from real3d_jax.cli import run
from real3d_jax.config import EmbeddedSourceConfig
from real3d_jax.data.embedded import KINDS, prepare
from real3d_jax.data.record_reader import RecordSet


def main() -> None:
    """Reads the command line, prepares the data set and says what it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--dataset", required=True, choices=KINDS)
    parser.add_argument("--out", required=True, help="folder to make")
    parser.add_argument("--family", default="a", help="of procedural objects: a or b")
    parser.add_argument("--objects", type=int, default=512, help="training objects")
    parser.add_argument("--held_out", type=int, default=32, help="test objects, after the training ones")
    parser.add_argument("--views", type=int, default=12, help="views of each object")
    parser.add_argument("--image_size", type=int, default=512, help="pixels per side")
    parser.add_argument("--seed", type=int, default=0, help="of objects and cameras")
    options = vars(parser.parse_args())
    folder, kind = options.pop("out"), options.pop("dataset")
    prepare(folder, EmbeddedSourceConfig(path=folder, kind=kind, **options))
    for split in ("train", "test"):
        data = RecordSet(folder, split)
        print(f"{folder} {split}: {len(data)} items, {data.records} records")


if __name__ == "__main__":
    run(main)
