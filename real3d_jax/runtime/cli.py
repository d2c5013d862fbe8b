"""What every command line shares: how an error of the user's reads, the exit code, and examples as it is called."""

import argparse
import re
import sys
from collections.abc import Callable

from real3d_jax.errors import UserError

USER_ERROR = 2
PROGRAM = "real3d"


def run(main: Callable[[], int | None]) -> None:
    """Calls `main` and exits with the code it returns (None is 0).

    A `UserError` is printed as one line, `error: ...`, without a traceback, and the exit code is 2. An interrupt from
    the keyboard exits with 130. Every other exception is a defect of the program and keeps its traceback.
    """
    try:
        code = main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = USER_ERROR
    except KeyboardInterrupt:
        code = 130
    sys.exit(code or 0)


def module_parser(module: str, text: str | None) -> argparse.ArgumentParser:
    """Of a program that `python -m MODULE` runs: its docstring is the help, as it stands; no option is abbreviated."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def as_called(text: str | None) -> str:
    """A text with examples such as `python launch/prepare_data.py`, which are `real3d prepare-data` where that runs.

    There a config of the package has its name alone, since its file is not at hand.
    """
    text = text or ""
    if not sys.argv[0].startswith(f"{PROGRAM} "):
        return text
    text = re.sub(r"(?:python )?launch/(\w+)\.py", lambda found: f"{PROGRAM} {found[1].replace('_', '-')}", text)
    return re.sub(r"\bconfigs/([\w/]+)\.py", r"\1", text)
