"""Curates photographs: keeps the objects that are whole, large enough and unoccluded, as records for training.

    python launch/curate.py --input photos --instances coco.json --depth depths --out data/curated
    python launch/curate.py --input 'photos/**/*.jpg' --out data/curated --workers 4 \\
        --segmentation_model facebook/mask2former-swin-large-coco-instance \\
        --depth_model depth-anything/Depth-Anything-V2-Large-hf
    python launch/curate.py ... -- --runner=FlinkRunner --flink_master=HOST:PORT

Killed, it goes on where it stopped when it is run again. What follows `--` are Apache Beam's own flags; without a
runner among them, Beam's local one runs. In the folder `--out` are then `decisions.jsonl`, a line an instance;
`rejected.jsonl`, what could not be used; `report.html`; and `records`, which training reads.
"""

import argparse
import contextlib
import dataclasses
import logging
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import simple_parsing

from real3d_jax.curation import settings
from real3d_jax.curation.backends.interfaces import DepthBackend, Loadable, SegmentationBackend
from real3d_jax.curation.depth import DEPTH_KINDS
from real3d_jax.errors import UserError
from real3d_jax.runtime import cli


def main() -> None:
    """Reads the command line, curates, and says what came of it."""
    arguments, beam_flags = _split(sys.argv[1:])
    options = _parser().parse_args(arguments)
    for name in ("workers", "photographs_per_part", "batch_size", "image_size"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} must be at least 1, not {getattr(options, name)}.")
    with _quiet_imports():
        try:
            from real3d_jax.curation.run import beam_pipeline  # noqa: F401
            from real3d_jax.curation.run.curate import Curation
        except ModuleNotFoundError as error:
            raise UserError(f"Curation needs an extra ({error}): pip install -e '.[curation]'.") from error
    occlusion = dataclasses.replace(
        options.occlusion_settings, rule=options.occlusion or options.occlusion_settings.rule
    )
    rules = settings.CurationSettings(options.filters, occlusion, options.seed)
    curation = Curation(
        source=options.input,
        out=options.out,
        segmentation=_segmentation(options, rules.filters.min_score),
        depth=_depth(options),
        rules=rules,
        instances=options.instances,
        categories=options.categories,
        image_size=options.image_size,
        held_out=options.held_out,
        batch_size=options.batch_size,
        per_part=options.photographs_per_part,
    )
    _tell(options.out, curation.run(workers=options.workers, beam_flags=beam_flags))


def _parser() -> simple_parsing.ArgumentParser:
    parser = simple_parsing.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--input", required=True, help="folder of photographs, or a pattern in quotes")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder to make")
    found = parser.add_argument_group("instances, by one of")
    found.add_argument("--instances", type=pathlib.Path, help="COCO data set file or list of results, JSON")
    found.add_argument("--instances_as_stored", action="store_true", help="made without the files' EXIF rotation")
    found.add_argument("--segmentation_model", help="Mask2Former, OneFormer, ...: hub name or folder")
    found.add_argument("--detector", help="Grounding DINO, whose boxes --sam makes into masks: hub name or folder")
    found.add_argument("--sam", default="facebook/sam-vit-huge", help="SAM: hub name or folder")
    found.add_argument("--labels", nargs="+", default=(), help="what the detector looks for: cat 'traffic light' ...")
    found.add_argument("--categories", type=pathlib.Path, help="names of the category ids of a list of results, JSON")
    depth = parser.add_argument_group("depth, by one of")
    depth.add_argument("--depth", type=pathlib.Path, help="folder of NAME.npy or NAME.png (16 bits)")
    depth.add_argument("--depth_as_stored", action="store_true", help="made without the photographs' EXIF rotation")
    depth.add_argument("--depth_model", help="Depth Anything, DPT, ...: hub name or folder")
    depth.add_argument("--depth_kind", choices=DEPTH_KINDS, help="of the files (disparity) or the model (its own)")
    work = parser.add_argument_group("work")
    work.add_argument("--workers", type=int, default=1, help="processes of the local runner")
    work.add_argument("--device", help="for the models: cpu, cuda, ... (cuda if there is one)")
    work.add_argument("--batch_size", type=int, default=4, help="photographs that a model gets at once")
    work.add_argument("--photographs_per_part", type=int, default=32, help="what a kill loses at most, a worker")
    work.add_argument("--image_size", type=int, default=512, help="longer side of a record's image at most, pixels")
    work.add_argument("--held_out", type=int, default=0, help="records of the test split, chosen by their names")
    rules = parser.add_argument_group("rules")
    rules.add_argument("--occlusion", choices=settings.RULES, help="which rule; the same as --rule")
    rules.add_argument("--seed", type=int, default=0, help="of the sampled points")
    parser.add_arguments(settings.FilterSettings, dest="filters")
    parser.add_arguments(settings.OcclusionSettings, dest="occlusion_settings")
    return parser


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own options, with '_' for '-' in their names, and Beam's."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [_underscored(argument) for argument in arguments[:end]], list(arguments[end + 1 :])


def _underscored(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def _segmentation(options: argparse.Namespace, min_score: float) -> Loadable[SegmentationBackend]:
    _check_one(options, ("instances", "segmentation_model", "detector"))
    if options.instances:
        from real3d_jax.curation.backends.precomputed_instances import PrecomputedInstances

        return PrecomputedInstances(options.instances_as_stored)
    from real3d_jax.curation.backends import segmentation_models

    if options.segmentation_model:
        return segmentation_models.UniversalSegmentation(options.segmentation_model, min_score, options.device)
    return segmentation_models.DetectorAndSam(
        options.detector, options.sam, tuple(options.labels), min_score, options.device
    )


def _depth(options: argparse.Namespace) -> Loadable[DepthBackend]:
    _check_one(options, ("depth", "depth_model"))
    if options.depth:
        from real3d_jax.curation.backends.precomputed_depth import PrecomputedDepth

        return PrecomputedDepth(options.depth.resolve(), options.depth_kind or "disparity", options.depth_as_stored)
    from real3d_jax.curation.backends.depth_models import DepthModel

    return DepthModel(options.depth_model, options.depth_kind, options.device)


def _check_one(options: argparse.Namespace, names: Sequence[str]) -> None:
    given = [name for name in names if getattr(options, name)]
    if len(given) != 1:
        several = "all of " + ", ".join(f"--{name}" for name in given) if given else "none"
        raise UserError(f"Give one of {', '.join(f'--{name}' for name in names)}, not {several}.")


@contextlib.contextmanager
def _quiet_imports() -> Iterator[None]:
    """Beam warns of extras of its own that nobody asked for."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _tell(folder: pathlib.Path, summary: Mapping[str, Any]) -> None:
    photographs, instances = summary["photographs"], summary["instances"]
    print(f"{folder}: {photographs['all']} photographs, {instances['all']} instances, {instances['kept']} kept")
    for reason, count in sorted(summary["reasons"].items(), key=lambda pair: -pair[1]):
        print(f"  {count} x {reason}")
    if summary.get("repaired"):
        print("read as meant, of the instances file:")
        for what, count in sorted(summary["repaired"].items(), key=lambda pair: -pair[1]):
            print(f"  {count} x {what}")
    if summary["rejected"]:
        print(f"could not be used, with reasons, in {folder / 'rejected.jsonl'}:")
        for reason, count in sorted(summary["rejected"].items(), key=lambda pair: -pair[1]):
            print(f"  {count} x {reason}")
    print(f"look at {folder / 'report.html'}")
