"""Reaches a bucket from a worker, by the client that the run has: `bucket.py check ADDRESS`, `copy FILE ADDRESS`.

Exit codes: 0 done, 2 the bucket does not take it (one sentence says why).
"""

import sys
from pathlib import Path

from real3d_jax.errors import UserError
from real3d_jax.runtime import stores


def main(verb: str, *words: str) -> int:
    """Does what a verb says."""
    if verb == "check":
        (address,) = words
        try:
            stores.check_writable(stores.place(address))
        except UserError as error:
            return _failed(f"error: {error}")
        return 0
    file, address = words
    try:
        stores.upload(Path(file), stores.place(address))
    except Exception as error:  # of whatever library; no `error:`, which a run's own end has in the same log
        return _failed(f"note: {file} was not copied to {address} ({type(error).__name__}: {error})")
    return 0


def _failed(sentence: str) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
