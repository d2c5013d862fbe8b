"""Converts other programs' weights to ours, and ours back to TripoSR's.

    python launch/convert_weights.py --input model.ckpt --output weights/triposr
    python launch/convert_weights.py --input runs/real3d --to tsr --output model.ckpt

The input is TripoSR's `model.ckpt`, a checkpoint of Real3D, a folder of transformers' DINO ViT or CLIP, torchvision's
or timm's VGG16, torchvision's AlexNet, pytorch-fid's InceptionV3, weights converted before, or a training workdir;
which of these, is found from the content.
"""

import argparse
import pathlib

from real3d_jax.cli import run
from real3d_jax.errors import UserError
from real3d_jax.weights.convert import convert_checkpoint, weights_from_params, write_tsr
from real3d_jax.weights.converted import Weights, is_converted, load_unused, load_weights, save_weights
from real3d_jax.weights.files import find_file
from real3d_jax.weights.mapping import flatten


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", required=True, type=pathlib.Path, help="file or folder to read")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder to write (a file with --to tsr)")
    parser.add_argument("--to", choices=["real3d_jax", "tsr"], default="real3d_jax", help="format to write")
    parser.add_argument(
        "--allow-other-depth",
        action="store_true",
        help="accept fewer layers than TripoSR's in a file of its widths (normally a file cut short)",
    )
    args = parser.parse_args()

    weights, source, notes = read(args.input, allow_other_depth=args.allow_other_depth)
    output = args.output
    if args.to == "tsr":
        if weights.kind != "lrm":
            raise UserError(f"'{args.input}' is of kind '{weights.kind}', but a TripoSR file holds a whole model.")
        output = write_tsr(output, weights.params, weights.unused)
    else:
        save_weights(output, weights)

    tensors = flatten(weights.params).values()
    print(f"read     {args.input} ({source})")
    print(f"kind     {weights.kind}: {len(tensors)} tensors, {sum(x.size for x in tensors):,} parameters")
    if weights.unused:
        count = sum(x.size for x in weights.unused.values())
        print(f"unused   {len(weights.unused)} tensors, {count:,} numbers, kept for the way back")
    for note in notes:
        print(f"note     {note}")
    print(f"written  {output}")


def read(path: pathlib.Path, *, allow_other_depth: bool) -> tuple[Weights, str, list[str]]:
    """The weights at `path`, what was found there, and remarks for the user."""
    if is_converted(path):
        return load_weights(path), "converted weights", []
    if find_file(path) is not None:
        conversion = convert_checkpoint(path, allow_other_depth=allow_other_depth)
        upcast = f"{conversion.upcast} tensors of half precision became float32, exactly"
        return conversion.weights, conversion.source, [upcast] if conversion.upcast else []

    from real3d_jax.training.checkpoints import load_params  # imports Orbax: seconds

    params = load_params(path)
    folder = next((folder for folder in (path, *path.parents[:2]) if load_unused(folder)), path)
    return weights_from_params(params, load_unused(folder), where=f"'{path}'"), "training workdir", []


if __name__ == "__main__":
    run(main)
