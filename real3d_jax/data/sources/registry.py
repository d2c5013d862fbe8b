"""The layouts that `launch/prepare_data.py` knows, by name."""

import importlib
from typing import Any

from real3d_jax.errors import UserError, did_you_mean

_CLASSES = {
    "co3d": "CO3D",
    "gobjaverse": "GObjaverse",
    "mvimgnet": "MVImgNet",
    "nerf": "Nerf",
    "omniobject3d": "OmniObject3D",
    "openlrm": "OpenLRM",
    "views": "Views",
    "wild_images": "WildImages",
    "zero123": "Zero123",
}
NAMES = tuple(_CLASSES)


def layout_class(name: str) -> type[Any]:
    """The `Layout` of a data set, a dataclass; its module is imported only now.

    Raises:
      UserError: there is no such data set.
    """
    if name not in _CLASSES:
        raise UserError(f"There is no data set '{name}': {did_you_mean(name, NAMES)}")
    return getattr(importlib.import_module(f"real3d_jax.data.sources.{name}"), _CLASSES[name])
