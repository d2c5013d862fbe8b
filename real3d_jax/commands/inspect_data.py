"""Shows what is in a folder of records, and whether its cameras are right.

    python launch/inspect_data.py --data data/mine --out page.html
    python launch/inspect_data.py --data data/mine --out page.html --json page.json --objects 0 --workers 4

The page needs no network. It has pictures with their masks, the cameras in 3D, statistics, and the pose check: the
visual hull of an object's masks must fill them again. docs/own_data.md says how to read it.
"""

import argparse
import json
import os
import pathlib

import numpy as np

from real3d_jax.data.inspection.dump import dump
from real3d_jax.data.inspection.examine import examine_all
from real3d_jax.data.inspection.page import page
from real3d_jax.data.inspection.statistics import statistics
from real3d_jax.data.inspection.verdict import judge_all
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli


def main() -> None:
    """Reads the command line, examines the data set, writes the page and says the verdict."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder of records")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="HTML page to write")
    parser.add_argument("--json", type=pathlib.Path, default=None, help="write the same for programs")
    parser.add_argument("--objects", type=int, default=100, help="items to look at, evenly chosen; 0 takes all")
    parser.add_argument("--split", default="train", help="train or test")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 uses this one")
    options = parser.parse_args()

    data = RecordSet(options.data, options.split)
    if not len(data):
        raise UserError(f"'{options.data}' has no items in the split '{options.split}': choose another with --split.")
    if options.objects < 0:
        raise UserError(f"--objects must be at least 0, not {options.objects}.")
    for file in filter(None, (options.out, options.json)):
        _check_writable(file)
    count = min(options.objects or len(data), len(data))
    items = examine_all(data, _evenly(len(data), count), workers=options.workers)
    overall = judge_all([item.check for item in items if item.check], [item.verdict for item in items])
    title = f"{options.data} · {options.split}"
    options.out.write_text(page(title, len(data), items, statistics(items), overall), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(dump(items, len(data), overall), allow_nan=False), encoding="utf-8")
    print(f"{count} of {len(data)} items: {overall.sentence}")
    print(f"written: {options.out}" + (f", {options.json}" if options.json else ""))


def _evenly(total: int, count: int) -> list[int]:
    return np.linspace(0, total - 1, count).round().astype(int).tolist()


def _check_writable(file: pathlib.Path) -> None:
    """Before the work, so that none is lost."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"'{file}' cannot be written ({error.strerror}): name another file.") from error
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f"'{file}' cannot be written: name another file.")
