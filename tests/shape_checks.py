"""What checks the annotations of all functions of the package while tests run; pyproject.toml names it to jaxtyping."""

from typing import Any

from beartype import BeartypeConf, beartype

# Where a float is wanted an int will do, as for Python itself (PEP 484).
_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function):
    """The function with its annotations checked, or itself if nothing is annotated.

    beartype keeps what it has seen for good, and with it the defaults of functions made within functions: arrays.
    """
    if all(annotation is Any for annotation in getattr(function, "__annotations__", {}).values()):
        return function
    return _checked(function)
