"""What the numbers and words of a configuration may be, beyond their types."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from real3d_jax.config import (
    adapting,
    agreement,
    conditioned,
    data,
    evaluation,
    losses,
    model,
    paper_tables,
    posed,
    protocols,
    reconstruction,
    training,
)
from real3d_jax.errors import UserError

SEEDS = 2**32  # how many there are


class Range(NamedTuple):
    """Which values are allowed.

    Attributes:
      holds: whether a value is.
      remedy: what to set, after 'set it'.
    """

    holds: Callable[[Any], bool]
    remedy: str


_POSITIVE = Range(lambda x: x > 0, "above 0")
_ANY_COUNT = Range(lambda x: x >= 0, "to 0 or more")
_COUNT = Range(lambda x: x >= 1, "to 1 or more")
_SHARE = Range(lambda x: 0 <= x <= 1, "between 0 and 1")
_PART = Range(lambda x: 0 < x <= 1, "above 0, and at most to 1")
_DECAY = Range(lambda x: 0 <= x < 1, "to 0 or more, and below 1")
_AZIMUTH = Range(lambda x: 0 <= x <= 180, "between 0 and 180 degrees")
_ELEVATION = Range(lambda x: 0 <= x <= 90, "between 0 and 90 degrees")
_FOV = Range(lambda x: 0 < x < 180, "between 0 and 180 degrees")
_FOV_OR_0 = Range(lambda x: 0 <= x < 180, "to 0, or between 0 and 180 degrees")
_SPAN = Range(lambda x: 0 < x[0] <= x[1], "to two numbers above 0, the smaller one first")
_SAMPLES = Range(lambda x: x >= 4, "to 4 or more")
_GRID = Range(lambda x: x >= 4 and x % 4 == 0, "to a multiple of 4")
_LEVEL = Range(lambda x: 0 < x < 1, "between 0 and 1")
_ALPHA = Range(lambda x: 0 <= x < 255, "between 0 and 254")
_GREYS = Range(lambda x: len(x) > 0 and all(0 <= y <= 1 for y in x), "to grey values between 0 and 1")
# JAX takes the last 32 bits of a seed: 2**32 would draw the parameters of seed 0.
_SEED = Range(lambda x: 0 <= x < SEEDS, f"from 0 to {SEEDS - 1}")
_SEEDS = Range(lambda x: all(0 <= y < SEEDS for y in x), f"to numbers from 0 to {SEEDS - 1}")
_NUMBERS = Range(lambda x: all(y >= 0 for y in x), "to numbers from 0 on")
_QUALITY = Range(lambda x: 0 <= x <= 100, "between 0 and 100")
_POSITIVES = Range(lambda x: all(y > 0 for y in x), "to numbers above 0")


def _word(*words: str) -> Range:
    return Range(lambda x: x in words, f"to one of {', '.join(map(repr, words))}")


def _is_elevation(word: str) -> bool:
    try:
        return word == "estimate" or abs(float(word)) <= 90
    except ValueError:
        return False


def _all(kind: Range, names: str) -> dict[str, Range]:
    return dict.fromkeys(names.split(), kind)


_RANGES: Mapping[type, Mapping[str, Range]] = {
    training.Config: {"seed": _SEED},
    training.OptimizerConfig: {
        "method": _word("adamw", "muon"),
        **_all(_POSITIVE, "learning_rate eps clip_norm muon_rms"),
        **_all(_ANY_COUNT, "warmup_steps end_learning_rate weight_decay skip_norm max_skipped"),
        **_all(_DECAY, "b1 b2 muon_momentum ema_decay"),
    },
    training.BatchConfig: _all(_ANY_COUNT, "synthetic real micro_batches"),
    training.MeshConfig: {"fsdp": _COUNT},
    training.ScheduleConfig: {
        **_all(_COUNT, "steps keep"),
        **_all(_ANY_COUNT, "log_every validate_every validation_objects validation_views pictures_every"),
        **_all(_ANY_COUNT, "checkpoint_every checkpoint_minutes"),
    },
    losses.ViewLossConfig: _all(_ANY_COUNT, "mse lpips mask"),
    losses.SmoothViewLossConfig: _all(_ANY_COUNT, "mse lpips mask total_variation"),
    losses.OverlapViewLossConfig: _all(_ANY_COUNT, "mse lpips mask overlap"),
    losses.CurriculumConfig: {
        "law": _word("uniform", "released"),
        **_all(_AZIMUTH, "azimuth_start azimuth_end"),
        **_all(_ELEVATION, "elevation_start elevation_end"),
    },
    losses.CycleLossConfig: {"rerender": _ANY_COUNT, "mask_threshold": _SHARE},
    losses.SemanticLossConfig: {
        **_all(_ANY_COUNT, "weight views gradient_cap"),
        "law": _word("uniform", "released"),
        "azimuth_max": _AZIMUTH,
        "elevation_max": _ELEVATION,
    },
    losses.LossConfig: {"supervised_views": _COUNT},
    data.MultiviewSourceConfig: {**_all(_ANY_COUNT, "weight input_views"), "distance": _POSITIVE},
    data.AugmentedSourceConfig: {
        **_all(_ANY_COUNT, "weight input_views"),
        "distance": _POSITIVE,
        "zoom": _PART,
        "mirrored": _SHARE,
    },
    posed.PosedSourceConfig: {
        **_all(_ANY_COUNT, "weight scale extent input_views"),
        "target_sizes": _SPAN,
        "backgrounds": _GREYS,
    },
    data.SingleViewSourceConfig: {
        "weight": _ANY_COUNT,
        "distance": _POSITIVE,
        "fov_y": _FOV,
        "crop_ratio": _SPAN,
        "fraction": _PART,
    },
    data.EmbeddedSourceConfig: {
        **_all(_ANY_COUNT, "objects held_out"),
        **_all(_COUNT, "views image_size"),
        "seed": _SEED,
        "raw": _SHARE,
    },
    data.StreamedSourceConfig: {
        "seed": _SEED,
        "weight": _ANY_COUNT,
        "distance": _POSITIVE,
        "zoom": _PART,
        "cropped": _SHARE,
        "crop_ratio": _SPAN,
    },
    data.DataConfig: {"streamed_share": _SHARE, **_all(_ANY_COUNT, "workers prefetch max_quarantined")},
    model.VitConfig: {
        **_all(_COUNT, "width layers heads mlp_width patch_size position_grid"),
        "activation": _word("gelu", "quick_gelu"),
        "layer_norm_eps": _POSITIVE,
    },
    model.ModelConfig: _all(
        _COUNT, "image_size plane_tokens token_width layers heads plane_channels decoder_width decoder_layers"
    ),
    model.ComputeConfig: {
        "dtype": _word("bfloat16", "float32"),
        "remat": _word("none", "dots", "full"),
        "attention": _word("xla", "cudnn", "auto"),
        "elementwise": _word("xla", "pallas", "auto"),
        "unroll": _ANY_COUNT,
    },
    model.RenderConfig: {
        **_all(_COUNT, "resolution samples rays_per_chunk"),
        "radius": _POSITIVE,
        "box_inset": _DECAY,
        "min_interval": _ANY_COUNT,
        "background": _SHARE,
        "implementation": _word("xla", "pallas", "pallas_march", "auto"),
    },
    reconstruction.SheetConfig: {"photographs": _ANY_COUNT, **_all(_COUNT, "views pixels columns")},
    reconstruction.RefineConfig: {
        **_all(_ANY_COUNT, "steps steps_of_views hold"),
        **_all(_COUNT, "rays resolution"),
        **_all(_POSITIVE, "learning_rate distance"),
        "fov_y": _FOV,
        "seed": _SEED,
    },
    conditioned.DinoV2Config: _all(_COUNT, "width layers heads mlp_width patch_size position_grid registers"),
    conditioned.ConditionedModelConfig: _all(
        _COUNT,
        "image_size camera_width plane_tokens token_width layers heads plane_channels decoder_width decoder_layers",
    ),
    conditioned.MetricRenderConfig: {
        **_all(_COUNT, "resolution rays_per_chunk"),
        "samples": _SAMPLES,
        "radius": _POSITIVE,
        "background": _SHARE,
        "implementation": _word("xla", "pallas", "auto"),
    },
    reconstruction.InputConfig: {
        "mask_threshold": _ALPHA,
        "intrinsics": _word("training", "exif"),
        "background": _SHARE,
        "elevation": Range(_is_elevation, "to degrees from -90 to 90, or to 'estimate'"),
    },
    evaluation.TestSetConfig: {"split": _word("test", "train"), **_all(_ANY_COUNT, "limit workers")},
    evaluation.GeometryConfig: {"resolution": _GRID, **_all(_POSITIVE, "threshold f_distance"), "points": _COUNT},
    evaluation.CalibrationConfig: {"distances": _POSITIVES, "scope": _word("instance", "set")},
    evaluation.BootstrapConfig: {"level": _LEVEL, "resamples": _COUNT},
    evaluation.EvaluationConfig: {"batch_per_device": _COUNT, "cases": _ANY_COUNT, "seed": _SEED},
    protocols.ProtocolConfig: {"every": _COUNT},
    protocols.InputViewConfig: {"crop_ratio": _ANY_COUNT, "distance": _POSITIVE, "fov_y": _FOV_OR_0},
    protocols.NovelViewConfig: {
        **_all(_COUNT, "views resolution"),
        "target_via": _ANY_COUNT,
        "ssim_window": _word("uniform", "gaussian"),
    },
    protocols.SemanticViewConfig: {
        "distance": _POSITIVE,
        "fov_y": _FOV,
        "resolution": _COUNT,
        "fid_jpeg_quality": _QUALITY,
    },
    protocols.ConsistencyConfig: {
        **_all(_ANY_COUNT, "first_scored intermediate_resolution"),
        "resolution": _COUNT,
        "mask_threshold": _SHARE,
    },
    paper_tables.TableRowConfig: {"distances": _POSITIVES},
    paper_tables.PaperTablesConfig: {"limit": _ANY_COUNT},
    adapting.AdaptingConfig: {"numbers": _NUMBERS, "seeds": _SEEDS, "shown": _ANY_COUNT},
    adapting.CuratedConfig: {**_all(_ANY_COUNT, "min_side border"), "image_size": _COUNT},
    adapting.DrawnPhotographsConfig: {
        **_all(_COUNT, "count width height"),
        "seed": _SEED,
        "drawn": _GRID,
        "cut": _SHARE,
    },
}


_SHARED_BY_HEADS = {
    model.VitConfig: "width",
    model.ModelConfig: "token_width",
    conditioned.DinoV2Config: "width",
    conditioned.ConditionedModelConfig: "token_width",
}


def check(group: Any, where: str) -> None:
    """Checks a group of a configuration, without those in it.

    Args:
      group: one of its dataclasses.
      where: stands before the names of keys: 'config.optimizer'.

    Raises:
      UserError: a value is out of its range; names the first.
    """
    allowed = _RANGES.get(type(group), {})
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if field.name not in allowed or allowed[field.name].holds(value):
            continue
        shown = f"'{value}'" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else value
        raise UserError(f"{where}.{field.name} is {shown}: set it {allowed[field.name].remedy}.")
    _check_together(group, where)


def _check_together(group: Any, where: str) -> None:
    """What several numbers of a group must be to one another."""
    wide = _SHARED_BY_HEADS.get(type(group))
    if wide is not None and getattr(group, wide) % group.heads:
        raise UserError(
            f"{where}.{wide} is {getattr(group, wide)}, which {group.heads} heads cannot share: set {where}.heads to a "
            "divisor of it."
        )
    if isinstance(group, posed.PosedSourceConfig) and (group.scale > 0) == (group.extent > 0):
        raise UserError(
            f"{where}.scale is {group.scale:g} and .extent {group.extent:g}: set one of them above 0, the other to 0."
        )
    if isinstance(group, training.Config | evaluation.EvaluationConfig | reconstruction.ReconstructionConfig):
        agreement.check_renderer(group.model, group.render, where)
    if isinstance(group, training.Config):
        agreement.check_training(group, where)
    if isinstance(group, protocols.NovelViewConfig) and 0 < group.target_via < group.resolution:
        raise UserError(
            f"{where}.target_via is {group.target_via}, below the {group.resolution} of .resolution, so that targets "
            "would be blurred: set it to 0 or to more."
        )
    if isinstance(group, training.BatchConfig) and not group.synthetic + group.real:
        raise UserError(f"{where}.synthetic and .real are both 0: set one of them to 1 or more.")
