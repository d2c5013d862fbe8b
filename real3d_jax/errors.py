"""The error whose message is meant for the person at the keyboard."""

import difflib
import importlib.util
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user can put right: one sentence that says what is wrong, where, and what to do.

    The command lines print it without a traceback and exit with code 2.
    """


class MissingDataError(UserError):
    """There is no data set where the config says."""


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """A clause naming the entry of `valid` nearest to `word`, or all of them if none is near."""
    valid = sorted(valid)
    nearest = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    return f"did you mean '{nearest[0]}'?" if nearest else f"valid names are {', '.join(valid)}."


def one_line(error: Exception) -> str:
    """An error that is not ours, for a sentence that goes on."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".")


def check_installed(package: str, *, what: str, extra: str) -> None:
    """Refuses to go on without a package of an extra.

    Args:
      package: by the name that it is imported with.
      what: is read or done with it, as the sentence's beginning.
      extra: of this package, that brings it.

    Raises:
      UserError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{what} with {package}, which is not installed: run `pip install 'real3d-jax[{extra}]'`.")
