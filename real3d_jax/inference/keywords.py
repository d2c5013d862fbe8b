"""Numbers that a caller gives as keywords, in place of those of a configuration."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from real3d_jax.config import files as config_files

_T = TypeVar("_T")

if TYPE_CHECKING:
    Whole = int | np.integer
    Number = float | np.number
    Numbers = Number | Sequence[float] | np.ndarray | jax.Array
else:  # what users give is checked with a sentence, not against annotations
    Whole = Number = Numbers = Any


def given(**numbers: Any) -> dict[str, Any]:
    """Those that are not None, numpy's and JAX's scalars as numbers of Python."""
    return {
        name: value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value
        for name, value in numbers.items()
        if value is not None
    }


def changed(group: _T, where: str, **numbers: Any) -> _T:
    """A group of a configuration with the numbers that are given.

    Args:
      group: a dataclass of `config.reconstruction`.
      where: the function that was called, for the sentence.
      **numbers: by the names of the group's fields; None leaves one as it is.

    Raises:
      UserError: a number is not of the schema's type.
    """
    tree = {field.name: getattr(group, field.name) for field in dataclasses.fields(group)}  # type: ignore[arg-type]
    return config_files.build(type(group), {**tree, **given(**numbers)}, where)
