"""Converts other programs' weights, or those of a training run, to ours, and ours back to TripoSR's.

    python launch/convert_weights.py --input model.ckpt --output weights/triposr
    python launch/convert_weights.py --input runs/mini --output weights/mini --precision int8 --ema
    python launch/convert_weights.py --input runs/real3d --to tsr --output model.ckpt

The input is TripoSR's `model.ckpt`, a checkpoint of Real3D, OpenLRM's `model.safetensors`, a folder of transformers'
DINO ViT, DINOv2 or CLIP, torchvision's or timm's VGG16, torchvision's AlexNet, pytorch-fid's InceptionV3, weights
converted before, a training workdir, or a repository of the hub, such as facebook/dinov2-with-registers-base; which of
these, is found from the content. Weights of a training run carry their model and what their field means to a renderer,
so that no config need say it.
"""

import argparse
import pathlib
from typing import TYPE_CHECKING

from real3d_jax.errors import UserError
from real3d_jax.runtime import cli
from real3d_jax.weights.convert import convert_checkpoint, weights_from_params, write_openlrm, write_tsr
from real3d_jax.weights.converted import Weights, is_converted, load_unused, load_weights, save_weights
from real3d_jax.weights.files import PARAMS
from real3d_jax.weights.loading import TOKENIZERS
from real3d_jax.weights.mapping import flatten
from real3d_jax.weights.precision import PRECISIONS
from real3d_jax.weights.trained import INPUT, of_run, with_training

if TYPE_CHECKING:
    from real3d_jax.checkpoints.trained_model import TrainedModel


def main() -> None:
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, type=pathlib.Path, help="file or folder to read")
    parser.add_argument(
        "--output", required=True, type=pathlib.Path, help="folder to write (a file with --to tsr or openlrm)"
    )
    parser.add_argument("--to", choices=["real3d_jax", "tsr", "openlrm"], default="real3d_jax", help="format to write")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of what is stored; it is read as float32. int8 takes a quarter of the space (default: float32)",
    )
    parser.add_argument("--ema", action="store_true", help="the averaged parameters of a training run")
    for name in INPUT:
        parser.add_argument(f"--{name}", type=float, help="of a training run's inputs (default: what its data say)")
    parser.add_argument(
        "--allow-other-depth",
        action="store_true",
        help="accept fewer layers than TripoSR's in a file of its widths (normally a file cut short)",
    )
    args = parser.parse_args()

    weights, source, notes = _read(args)
    output = args.output
    if args.to == "tsr":
        if weights.kind != "lrm":
            raise UserError(f"'{args.input}' is of kind '{weights.kind}', but a TripoSR file holds a whole model.")
        if args.precision != "float32":
            raise UserError(f"A TripoSR file has float32 numbers: leave out --precision {args.precision}.")
        output = write_tsr(output, weights.params, weights.unused)
    elif args.to == "openlrm":
        if weights.kind != "conditioned":
            raise UserError(f"'{args.input}' is of kind '{weights.kind}', but OpenLRM's are camera-conditioned models.")
        if args.precision != "float32":
            raise UserError(f"An OpenLRM file has float32 numbers: leave out --precision {args.precision}.")
        output = write_openlrm(output, weights.params)
    else:
        error = save_weights(output, weights, precision=args.precision)
        if error:
            notes.append(f"{args.precision} has changed the parameters by {100 * error:.3f} % (root mean square)")
        notes.append(f"{PARAMS} has {(output / PARAMS).stat().st_size:,} bytes")

    tensors = flatten(weights.params).values()
    print(f"read     {args.input} ({source})")
    print(f"kind     {weights.kind}: {len(tensors)} tensors, {sum(x.size for x in tensors):,} parameters")
    if weights.unused:
        count = sum(x.size for x in weights.unused.values())
        print(f"unused   {len(weights.unused)} tensors, {count:,} numbers, kept for the way back")
    if weights.trained:
        said = ", ".join(f"{name} {value:g}" for name, value in weights.trained["input"].items())
        print(f"trained  {weights.trained['step']} steps; input camera: {said or 'not known'}")
    for note in notes:
        print(f"note     {note}")
    print(f"written  {output}")


def _read(args: argparse.Namespace) -> tuple[Weights, str, list[str]]:
    """The weights that the command line names, what was found there, and remarks for the user."""
    from real3d_jax.checkpoints.trained_model import find_model

    model = find_model(args.input)
    if model.step is not None:
        return _read_run(model, args), "training workdir", []
    run_options = ["ema"] * args.ema + [name for name in INPUT if getattr(args, name) is not None]
    if run_options:
        raise UserError(f"'{args.input}' is no training workdir: leave out --{run_options[0]}.")
    if is_converted(model.folder):
        return load_weights(model.folder), "converted weights", []
    conversion = convert_checkpoint(model.folder, allow_other_depth=args.allow_other_depth)
    notes = []
    if conversion.upcast:
        notes.append(f"{conversion.upcast} tensors of half precision became float32, exactly")
    if conversion.weights.kind in TOKENIZERS and "heads" not in conversion.weights.architecture:
        notes.append(
            "how many attention heads it has is not known: no shape tells, and no config.json lies beside it; "
            "put it there, or check the number in the config of what begins with these weights"
        )
    return conversion.weights, conversion.source, notes


def _read_run(model: "TrainedModel", args: argparse.Namespace) -> Weights:
    from real3d_jax.checkpoints.run_folder import read_params

    params, file = read_params(model.folder, ema=args.ema), model.unused
    weights = weights_from_params(params, load_unused(file.parent) if file else {}, where=f"'{args.input}'")
    if args.to == "tsr" or model.step is None or not model.config:
        return weights
    inputs = {name: getattr(args, name) for name in INPUT}
    return with_training(weights, model.config, of_run(model.config, step=model.step, inputs=inputs))
