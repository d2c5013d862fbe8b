"""Checksums of a checkpoint's files: written before it gets its name, compared before its numbers are used.

`STEP/checksums.json` has size and CRC-32 of every file of the step. A CRC-32 notices every change of up to 32 bits in a
row and all but one in 4 billion others; it takes half a second a GiB and processor core. Checkpoints of older versions
have none and cannot be compared.
"""

import json
import os
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from real3d_jax.runtime import stores
from real3d_jax.runtime.stores import Folder

SUMS = "checksums.json"
_ALGORITHM = "crc32"
_CHUNK = 2**23  # bytes read at a time
_MOST_THREADS = 8


class ChecksumError(Exception):
    """Files that are not what was written; the message names the first of them."""


def seal(step: Folder) -> None:
    """Writes the checksums of all files of a step's folder.

    Raises:
      OSError: something cannot be read or written.
    """
    names = [name for name in stores.files_below(step) if name != SUMS]
    text = json.dumps({"algorithm": _ALGORITHM, "files": _sums(step, names)}, separators=(",", ":"))
    stores.write_bytes(step / SUMS, text.encode())


def is_sealed(step: Folder) -> bool:
    """Whether a step has checksums."""
    return (step / SUMS).exists()


def verify(step: Folder, items: Iterable[str] | None = None, *, share: tuple[int, int] = (0, 1)) -> None:
    """Compares files with their checksums; does nothing where there are none.

    Args:
      step: the folder of a step.
      items: of which items the files are read; None reads all.
      share: `(number, count)`: one of so many parts of the files, for as many processes.

    Raises:
      ChecksumError: a file is missing, is not what was written, or the checksums themselves are damaged.
      OSError: a file cannot be read.
    """
    if not is_sealed(step):
        return
    expected = _read(step)
    if items is not None:
        chosen = set(items)
        expected = {name: value for name, value in expected.items() if name.split("/")[0] in chosen}
    # Big and small files in turn, so that the parts are of about the same size.
    names = sorted(expected, key=lambda name: (-expected[name][0], name))[share[0] :: share[1]]
    for name in names:
        if not (step / name).exists():
            raise ChecksumError(f"{name} is missing")
        if stores.size(step / name) != expected[name][0]:
            raise ChecksumError(f"{name} has not the size it was written with")
    found = _sums(step, names)
    for name in names:
        if found[name] != expected[name]:
            raise ChecksumError(f"{name} is not what was written: its checksum differs")


def _read(step: Folder) -> dict[str, list[int]]:
    try:
        tree = json.loads((step / SUMS).read_bytes())
        if set(tree) != {"algorithm", "files"} or tree["algorithm"] != _ALGORITHM:
            raise ValueError("other keys")
        return {name: [int(size), int(value)] for name, (size, value) in tree["files"].items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ChecksumError(f"{SUMS} is damaged") from error


def _sums(step: Folder, names: list[str]) -> dict[str, list[int]]:
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(lambda name: _size_and_sum(step / name), names), strict=True))


def _size_and_sum(path: Folder) -> list[int]:
    size = value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size, value = size + len(chunk), zlib.crc32(chunk, value)
    return [size, value]
