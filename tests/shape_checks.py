"""What checks the annotations of all functions of the package while tests run; pyproject.toml names it to jaxtyping."""

import functools
import types
from typing import Any, get_args

import jaxtyping
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


def _names_shapes(annotation):
    """Whether jaxtyping has a say in an annotation: it names an array's shape or a tree, or is not evaluated yet."""
    if isinstance(annotation, str) or str(getattr(annotation, "__module__", "")).startswith("jaxtyping"):
        return True
    return any(_names_shapes(part) for part in get_args(annotation))


def _late(jaxtyped):
    """jaxtyping's decorator, applied to a function when it is first called.

    Every worker imports all of the package and calls a part: to make the checks of all functions was a seventh of that
    import. Functions that name no shapes are checked by beartype alone; jaxtyping binds the arguments of every function
    at every call, which was a sixth of the time of all tests.
    """

    def decorator(*, typechecker):
        def decorate(function):
            if not isinstance(function, types.FunctionType):
                return jaxtyped(function, typechecker=typechecker)
            annotations = getattr(function, "__annotations__", {}).values()
            if all(annotation is Any for annotation in annotations):
                return function

            @functools.cache
            def checked():
                if any(map(_names_shapes, annotations)):
                    return jaxtyped(function, typechecker=typechecker)
                return typechecker(function)

            @functools.wraps(function)
            def called(*args, **kwargs):
                return (function if jaxtyping.config.jaxtyping_disable else checked())(*args, **kwargs)

            return called

        return decorate

    return decorator


jaxtyping.jaxtyped = _late(jaxtyping.jaxtyped)  # which the import hook asks for by this name
