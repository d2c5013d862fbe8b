"""Prepares a data set of records. Killed, it goes on where it stopped when it is run again.

    python launch/prepare_data.py --dataset gobjaverse --source downloads/gobjaverse --out data/gobjaverse --workers 8
    python launch/prepare_data.py --dataset views --source renders --out data/mine --held_out 10
    python launch/prepare_data.py --dataset procedural_views --family a --objects 512 --held_out 32 --views 12 \\
        --image_size 512 --seed 0 --out data/procedural_a

Each data set has options of its own: `--dataset NAME --help` lists them. Items that cannot be used are listed in
`rejected.jsonl` in the data set's folder.
"""

import argparse
import pathlib

import simple_parsing

from real3d_jax.data import preparation, record_writer, rejections
from real3d_jax.data.sources import registry
from real3d_jax.runtime import cli

_EMBEDDED = ("procedural_views", "procedural_single", "photographs")


def main() -> None:
    """Reads the command line, prepares the data set and says what it holds."""
    first = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    first.add_argument("--dataset", choices=(*registry.NAMES, *_EMBEDDED))
    first.add_argument("-h", "--help", action="store_true", help="show this; with --dataset NAME, the options of NAME")
    options = first.parse_known_args()[0]
    dataset = options.dataset
    if dataset is None and options.help:
        first.print_help()
    elif dataset is None:
        first.error("name the data set: --dataset NAME")
    elif dataset in _EMBEDDED:
        _embedded()
    else:
        _from_files(dataset)


def _from_files(dataset: str) -> None:
    parser = simple_parsing.ArgumentParser(description=f"Prepares '{dataset}'.", allow_abbrev=False)
    parser.add_argument("--dataset")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make")
    parser.add_argument("--workers", type=int, default=0, help="processes that read and encode; 0 uses this one")
    parser.add_argument("--limit", type=int, default=None, help="take only so many training items, the first")
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument("--held_out", type=int, default=0, help="items of the test split, chosen by their names")
    held_out.add_argument("--test_list", type=pathlib.Path, default=None, help="file that names the test split's items")
    parser.add_arguments(registry.layout_class(dataset), dest="layout")
    options = parser.parse_args()
    test_keys = preparation.read_test_list(options.test_list) if options.test_list else None
    with preparation.file_source(
        options.layout,
        held_out=options.held_out,
        test_keys=test_keys,
        limit=options.limit,
        workers=options.workers,
    ) as source:
        record_writer.write(options.out, source)
    print(rejections.described(options.out))


def _embedded() -> None:
    from real3d_jax.config.data import EmbeddedSourceConfig
    from real3d_jax.data.embedded.preparation import prepare

    parser = argparse.ArgumentParser(description="Makes an embedded data set.", allow_abbrev=False)
    parser.add_argument("--dataset")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make")
    parser.add_argument(
        "--family",
        default="a",
        help="of procedural objects: a, b, one such as chair, several joined by '+', or named for all named ones",
    )
    parser.add_argument("--objects", type=int, default=512, help="training objects")
    parser.add_argument("--held_out", type=int, default=32, help="test objects, after the training ones")
    parser.add_argument("--views", type=int, default=12, help="views of each object")
    parser.add_argument("--image_size", type=int, default=512, help="pixels per side")
    parser.add_argument("--seed", type=int, default=0, help="of objects and cameras")
    parser.add_argument("--raw", type=float, default=0.0, help="share of procedural_single that is occluded or cut")
    options = vars(parser.parse_args())
    folder, kind = options.pop("out"), options.pop("dataset")
    prepare(folder, EmbeddedSourceConfig(path=str(folder), kind=kind, **options))
    print(rejections.described(folder))
