"""The layouts that `launch/prepare_data.py` knows, by name."""

import importlib
from typing import Any

from real3d_jax.errors import UserError, did_you_mean

_CLASSES = {
    "gobjaverse": "GObjaverse",
    "omniobject3d": "OmniObject3D",
    "views": "Views",
    "wild_images": "WildImages",
    "zero123": "Zero123",
}
NAMES = tuple(_CLASSES)


def layout_class(name: str) -> type[Any]:
    """The `Layout` of a data set, a dataclass; its module is imported only now.

    Raises:
      UserError: there is no such data set, or a package that it needs is missing.
    """
    if name not in _CLASSES:
        raise UserError(f"There is no data set '{name}': {did_you_mean(name, NAMES)}")
    try:
        module = importlib.import_module(f"real3d_jax.data.sources.{name}")
    except ImportError as error:
        raise UserError(
            f"Data set '{name}' needs the package '{error.name}': pip install 'real3d-jax[data]'"
        ) from error
    return getattr(module, _CLASSES[name])
