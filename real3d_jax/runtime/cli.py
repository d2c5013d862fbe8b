"""What every command line in `launch/` shares: how an error of the user's reads, and the exit code."""

import sys
from collections.abc import Callable

from real3d_jax.errors import UserError

USER_ERROR = 2


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
