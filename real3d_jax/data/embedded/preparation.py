"""The data sets that the package makes itself, so that a first run needs no download."""

import contextlib
import os

from real3d_jax.config.data import DataConfig, EmbeddedSourceConfig
from real3d_jax.data import record_writer
from real3d_jax.data.embedded.photographs import photographs
from real3d_jax.data.embedded.raw_views import with_raw_share
from real3d_jax.data.pipeline import dataset_path
from real3d_jax.data.procedural.source import procedural_captures, procedural_single, procedural_views
from real3d_jax.data.records import Source
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.runtime import folders, stores

KINDS = ("procedural_views", "procedural_captures", "procedural_single", "photographs")


def embedded_source(
    kind: str, *, family: str, objects: int, held_out: int, views: int, image_size: int, seed: int, raw: float
) -> Source:
    """The source of an embedded data set; the arguments are the fields of `config.data.EmbeddedSourceConfig`.

    Raises:
      UserError: there is no such kind, or an argument is out of range.
    """
    if raw and kind != "procedural_single":
        raise UserError(f"Only 'procedural_single' can have raw views: set raw to 0 for '{kind}', not {raw}.")
    if kind in ("procedural_views", "procedural_captures"):
        made = procedural_views if kind == "procedural_views" else procedural_captures
        return made(family=family, objects=objects, held_out=held_out, views=views, image_size=image_size, seed=seed)
    if kind == "procedural_single":
        clean = procedural_single(family=family, objects=objects, held_out=held_out, image_size=image_size, seed=seed)
        return with_raw_share(clean, raw) if raw else clean
    if kind == "photographs":
        return photographs(image_size=image_size)
    raise UserError(f"There is no embedded data set '{kind}': {did_you_mean(kind, KINDS)}")


def prepare(folder: str | os.PathLike[str], config: EmbeddedSourceConfig, *, progress: bool = True) -> None:
    """Makes one embedded data set, or what is missing of it.

    Raises:
      UserError: the settings are out of range, or the folder holds other data or cannot be written.
    """
    source = embedded_source(
        config.kind,
        family=config.family,
        objects=config.objects,
        held_out=config.held_out,
        views=config.views,
        image_size=config.image_size,
        seed=config.seed,
        raw=config.raw,
    )
    # Of runs side by side one makes it, and the others find it.
    with contextlib.nullcontext() if stores.is_address(folder) else folders.one_at_a_time(folder):
        record_writer.write(folder, source, progress=progress)


def prepare_embedded(config: DataConfig, *, progress: bool = True) -> None:
    """Makes every set of `config.embedded` whose folder is missing or unfinished.

    Raises:
      UserError: a folder holds data made with other settings, or cannot be written.
    """
    for source in config.embedded.values():
        folder = dataset_path(config.root, source.path)
        if stores.is_address(folder) and not record_writer.is_complete(folder):
            raise UserError(
                f"There is no data set at '{folder}', and embedded data are made on a disk: set config.data.root to a "
                "folder, or make them there and copy it to the bucket (`gcloud storage cp -r`)."
            )
        prepare(folder, source, progress=progress)
