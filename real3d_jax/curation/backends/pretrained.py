"""Loading models of transformers. Here alone PyTorch is needed: the `torch` extra."""

import functools
from collections.abc import Callable
from typing import Any

from real3d_jax.errors import UserError


def load(cls: Any, name: str, option: str) -> Any:
    """`cls.from_pretrained` of a hub name or a folder.

    Raises:
      UserError: there is no such model, or it is of another kind.
    """
    try:
        return cls.from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"--{option}: '{name}' cannot be loaded as {cls.__name__} ({reason}): name a model of the hub or a folder "
            "with its config.json, preprocessor_config.json and weights."
        ) from error


@functools.cache
def torch() -> Any:
    """The module.

    Raises:
      UserError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError("Models of transformers need PyTorch: pip install -e '.[torch]'.") from error
    return torch


def on_device(model: Any, device: str | None) -> Any:
    """The model, ready to answer, on `device` or else the first GPU, if there is one."""
    chosen = device or ("cuda" if torch().cuda.is_available() else "cpu")
    try:
        return model.to(chosen).eval()
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--device: '{chosen}' cannot be used ({reason}): name cpu or cuda.") from error


def without_gradients(function: Callable) -> Callable:
    """Runs a function under `torch.inference_mode`."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch().inference_mode():
            return function(*args, **kwargs)

    return wrapped
