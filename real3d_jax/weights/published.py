"""The models that others have published on the hub, downloaded and converted once into the user's cache."""

import dataclasses
from pathlib import Path

from real3d_jax.errors import UserError
from real3d_jax.runtime.console import say
from real3d_jax.runtime.user_cache import VARIABLE, cache_folder
from real3d_jax.weights import hub
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import is_converted, save_weights


@dataclasses.dataclass(frozen=True)
class Published:
    """What a repository of the hub holds.

    Attributes:
      file: the checkpoint.
      variant: of `configs/reconstruct.py`, with the camera and the crop that it was trained with.
    """

    file: str
    variant: str


PUBLISHED = {
    "stabilityai/TripoSR": Published("model.ckpt", "triposr"),
    "hwjiang/Real3D": Published("model_both_trained_v1.ckpt", "base"),
    **{
        f"zxhezexin/openlrm-{data}-{size}-1.1": Published("model.safetensors", f"openlrm_{size}")
        for data in ("obj", "mix")
        for size in ("small", "base", "large")
    },
}


def converted_folder(name: str) -> Path:
    """Where the converted weights of a model of `PUBLISHED` lie, once `fetch` was called; delete it to fetch anew."""
    return cache_folder() / name.replace("/", "--")


def fetch(name: str) -> Path:
    """The folder of converted weights of a model of `PUBLISHED`; downloads and converts them if it is not there.

    Raises:
      UserError: the hub cannot be reached, the file is damaged, or the cache cannot be written.
    """
    folder, file = converted_folder(name), PUBLISHED[name].file
    if is_converted(folder):
        return folder
    say(f"weights    {name}: asking the hub for {file}")
    try:
        found = hub.fetch(name, [(file,)]) / file
    except hub.HubError as error:
        raise UserError(
            f"'{name}' cannot be downloaded from the hub ({error}): go online, or download {file} elsewhere and give "
            "its path."
        ) from error
    weights = convert_checkpoint(found).weights
    try:
        save_weights(folder, weights)
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}: make room, or set {VARIABLE} to another folder.") from error
    say(f"weights    {name}: converted once, into {folder}")
    return folder
