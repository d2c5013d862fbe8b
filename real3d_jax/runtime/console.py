"""What programs tell on the terminal."""

import contextlib
import sys
import time
from collections.abc import Iterator

import jax
from tqdm import tqdm


def say(text: str) -> None:
    """Prints a line, above the progress bar if there is one; on the first host only."""
    if jax.process_index() == 0:
        tqdm.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def timed(what: str) -> Iterator[list[str]]:
    """Says that something begins and, once it is over, how long it took: 'compiling the training step ... 12.3 s'.

    What is put into the list meanwhile is said with it.
    """
    say(f"{what} ...")
    started, notes = time.monotonic(), list[str]()
    yield notes
    say(f"{what}: {', '.join([f'{time.monotonic() - started:.1f} s', *notes])}")
