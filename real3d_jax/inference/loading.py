"""The public door to a trained model, wherever its weights are: `load`.

A name stands for weights in the box or of the hub; a path for a training run, converted weights or another program's
file. Numbers that are not given are those of `configs/reconstruct.py`, but for the camera and the crop that the
checkpoint was trained with.
"""

import dataclasses
import os

import numpy as np

from real3d_jax.checkpoints.trained_model import TrainedModel, as_trained, find_model, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.inference import checks
from real3d_jax.inference.keywords import Number, changed, given
from real3d_jax.inference.model import Model
from real3d_jax.models.presets import PRESETS
from real3d_jax.runtime.compile_cache import keep_programs
from real3d_jax.runtime.console import say
from real3d_jax.weights.boxed import MINI
from real3d_jax.weights.published import PUBLISHED


def load(
    source: str | os.PathLike = MINI,
    *,
    variant: str | None = None,
    ema: bool = False,
    cut_out: bool | str = False,
    distance: Number | None = None,
    fov_y: Number | None = None,
    crop_ratio: Number | None = None,
    background: Number | None = None,
    intrinsics: str | None = None,
) -> Model:
    """A trained model, on the first device.

    Args:
      source: a training workdir (its latest step), its `best` or one of its steps; a folder of converted weights;
        TripoSR's `model.ckpt` or a checkpoint of Real3D; 'mini', the small model that comes with the package; or a name
        of the hub. `stabilityai/TripoSR`, `hwjiang/Real3D` and OpenLRM's six are converted once into the user's cache
        (`$REAL3D_JAX_CACHE`, `$XDG_CACHE_HOME/real3d_jax` or `~/.cache/real3d_jax`).
      variant: of `configs/reconstruct.py`: 'mini', 'base' (the paper's size), 'triposr' (that with TripoSR's camera and
        crop), 'openlrm_small', 'openlrm_base' or 'openlrm_large', 'small' or 'tiny'. A run, and weights converted from
        one, tell it; a file of another program is taken for 'base', unless it is one of the hub's.
      ema: takes the averaged parameters of a run.
      cut_out: finds the object of photographs without a transparent background, with rembg's network u2net, or the one
        named (needs `pip install 'real3d-jax[cut-out]'`).
      distance: of the cameras from the object's centre. This and the next two are what the checkpoint says of its
        training, or else the variant's.
      fov_y: their vertical field of view.
      crop_ratio: side of the square that a photograph is cropped to, relative to the longer side of the object's box.
      background: grey value behind rendered objects, from 0 (black) to 1; the training's.
      intrinsics: 'exif' works out the field of view of photographs from their files, where it is known, in place of
        'training', and straightens their fields accordingly.

    Raises:
      UserError: there is no such model, it cannot be read or downloaded, it is of another size than the variant, or a
        number is out of range.
    """
    keep_programs(tell=False)
    found = find_model(os.fspath(source), ema=ema)
    name = variant or _variant(found)
    config = as_trained(found, config_files.load_as(ReconstructionConfig, f"reconstruct:{name}"))
    if isinstance(background, (int, float, np.number)) and not 0 <= background <= 1:
        raise UserError(f"background is {background:g}: set it between 0 (black) and 1 (white).")
    camera = {**found.input_camera, **given(distance=distance, fov_y=fov_y, crop_ratio=crop_ratio)}
    crop = camera.pop("crop_ratio", None)
    config = dataclasses.replace(
        config,
        input=changed(config.input, "load", crop_ratio=crop, intrinsics=intrinsics),
        orbit=changed(config.orbit, "load", **camera),
        refine=changed(config.refine, "load", **camera),
        render=changed(config.render, "load", background=background),
    )
    checks.check_input(config.input)
    checks.check_orbit(config.orbit)
    checks.check_conditioned(config)
    trained = dataclasses.replace(config, render=as_trained(found, config).render)  # of which a background is part
    if variant is None and not found.config and str(found.source) not in PUBLISHED:
        say(_camera_taken(found, config))
    return Model(config, load_checkpoint(found, trained), cut_out=cut_out, input_camera=found.input_camera)


def _variant(found: TrainedModel) -> str:
    """Which of `configs/reconstruct.py` is meant for a model."""
    if str(found.source) in PUBLISHED:
        return PUBLISHED[str(found.source)].variant
    return MINI if found.config.get("model") == config_files.to_tree(PRESETS[MINI]) else "base"


def _camera_taken(found: TrainedModel, config: ReconstructionConfig) -> str:
    """What is told of a file that does not say whose it is: TripoSR's has the same tensors as Real3D's."""
    taken = f"{config.orbit.distance:g} from the object, {config.orbit.fov_y:g} degrees"
    return (
        f"camera     {taken}, crop ratio {config.input.crop_ratio:g}: Real3D's where not given, since '{found.source}' "
        "does not tell; for TripoSR's own weights say variant='triposr'"
    )
