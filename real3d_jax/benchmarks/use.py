"""From a picture to a textured GLB: what each step takes, and what a cold start does.

    python -m real3d_jax.benchmarks.use                   # base size on an accelerator, the model in the box on a CPU
    python -m real3d_jax.benchmarks.use --size mini --resolution 64 --texture 256 --runs 2 --json use.json

At base size the weights are random, and the field has a surface put in (`shaped_field`), whose faces are counted. A
cold start is a process of its own, from its beginning to the first GLB: once with nothing compiled, once with the
programs that the first one kept. Times are wall-clock seconds, medians over runs after a warm-up.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from real3d_jax.errors import UserError
from real3d_jax.export.texture import check_xatlas
from real3d_jax.runtime import cli
from real3d_jax.runtime.user_cache import VARIABLE

SIZES = ("mini", "base")
PICTURE = Path("docs/images/cup.png")
_CHILD = """
import json, sys, time
began, size, weights, resolution, texture, picture, out = sys.argv[1:]
from real3d_jax.benchmarks import use
from real3d_jax.inference import loading
imported = time.time()
model = use.opened(size, weights)
seconds = {"import": imported - float(began), "load": time.time() - imported}
for name in ("first GLB", "second GLB"):
    sizes = {"resolution": int(resolution), "texture": int(texture), "skip_empty": False}
    seconds[name] = sum(use.seconds_of(model, size, picture, out, **sizes).values())
print(json.dumps(seconds))
"""
_SIZE = "import jax; print('mini' if jax.default_backend() == 'cpu' else 'base')"
_MAKE = "import sys; from real3d_jax.benchmarks import use; use.make_weights(sys.argv[1])"


class Clock:
    """Seconds of named stages; those within another are taken out of it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measures what stands below `with`."""
        name = f"{self._open[-1]}: {name}" if self._open else name
        self._open.append(name)
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        self._open.pop()
        self.seconds[name] += took
        if self._open:
            self.seconds[self._open[-1]] -= took


def make_weights(folder: str) -> None:
    """Writes random weights of base size, converted ones, half precision."""
    import jax

    from real3d_jax.config import files as config_files
    from real3d_jax.config.reconstruction import ReconstructionConfig
    from real3d_jax.models.lrm import init_params, make_model
    from real3d_jax.weights.convert import weights_from_params
    from real3d_jax.weights.converted import save_weights

    config: Any = config_files.load_as(ReconstructionConfig, "reconstruct:base")
    model = make_model(config.model, config.compute)
    params = jax.tree.map(jax.device_get, jax.jit(lambda key: init_params(model, key))(jax.random.key(0)))
    save_weights(folder, weights_from_params(params, {}, where="the random parameters"), precision="float16")


def opened(size: str, weights: str) -> Any:
    """The model of a size, as `real3d_jax.load` gives it."""
    from real3d_jax.inference.loading import load

    return load() if size == "mini" else load(weights, variant="base")


def seconds_of(
    model: Any, size: str, picture: str, out: str, *, resolution: int, texture: int, skip_empty: bool
) -> dict[str, float]:
    """Makes a textured GLB; returns the seconds of each stage."""
    import jax
    from PIL import Image

    clock = Clock()
    with clock("picture"):
        image = Image.open(picture)
        seen = model.prepare(image).image
    with clock("model"):
        field = model._reconstructor.field(seen)
        jax.block_until_ready(field.planes)
    surface = dataclasses.replace(model.config.surface, resolution=resolution, texture=texture, skip_empty=skip_empty)
    field = _with_surface(field, model, size)
    mesh = model._reconstructor.surface(field, surface, stage=clock)
    with clock("file"):
        mesh.save(out)
    return dict(clock.seconds)


def _with_surface(field: Any, model: Any, size: str) -> Any:
    from real3d_jax.benchmarks.shaped_field import shaped

    return shaped(field, model.config.render, model.config.surface.threshold) if size == "base" else field


def count_faces(model: Any, size: str, picture: str, resolution: int) -> int:
    """Of the surface before it is decimated."""
    from PIL import Image

    field = model._reconstructor.field(model.prepare(Image.open(picture)).image)
    surface = dataclasses.replace(model.config.surface, resolution=resolution, texture=0, faces=0)
    return len(model._reconstructor.surface(_with_surface(field, model, size), surface).faces)


def cold_starts(size: str, weights: str, picture: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a new process's stages, first with an empty cache of programs, then with what the first kept."""
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment[VARIABLE] = str(folder / "cache")
    found = {}
    for name in ("nothing kept", "programs kept"):
        arguments = [
            size,
            weights,
            str(options.resolution),
            str(options.texture),
            str(picture),
            str(folder / "cold.glb"),
        ]
        done = _python(_CHILD, [str(time.time()), *arguments], environment)
        found[name] = json.loads(done.splitlines()[-1])
        _tell(f"cold start, {name}", found[name])
    return found


def _python(program: str, arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"A process of the benchmark failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return done.stdout


def warm(
    model: Any, size: str, picture: Path, folder: Path, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Medians of each stage, of all points and of those near the surface alone (`surface.skip_empty`)."""
    found = {}
    for skip_empty in (False, True):
        runs = [
            seconds_of(
                model,
                size,
                str(picture),
                str(folder / "warm.glb"),
                resolution=options.resolution,
                texture=options.texture,
                skip_empty=skip_empty,
            )
            for _ in range(1 + options.runs)
        ][1:]
        medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        medians["all"] = statistics.median(sum(run.values()) for run in runs)
        name = "points near the surface" if skip_empty else "all points"
        found[name] = medians
        _tell(f"warm, {name}", medians)
    return found


def _tell(title: str, seconds: dict[str, float]) -> None:
    print(f"{title:28s} " + ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items()), flush=True)


def main() -> None:
    """Reads the command line, measures, and prints a line for each case."""
    parser = argparse.ArgumentParser(
        prog="python -m real3d_jax.benchmarks.use",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--size", choices=("auto", *SIZES), default="auto", help="(default: %(default)s)")
    parser.add_argument("--resolution", type=int, default=256, help="grid points per side (default: %(default)s)")
    parser.add_argument("--texture", type=int, default=1024, help="texels per side (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="timed, after one that is not (default: %(default)s)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="cut out (default: %(default)s)")
    parser.add_argument("--warm_only", action="store_true", help="leaves the cold starts out")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    if options.runs < 1:
        raise UserError(f"--runs must be at least 1, not {options.runs}.")
    if not options.picture.is_file():
        raise UserError(f"There is no picture '{options.picture}': name a cut-out one by --picture.")
    check_xatlas()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = str(folder / "base")
        # A process at a time has the accelerator: this one takes it last.
        size = options.size if options.size != "auto" else _python(_SIZE, [], dict(os.environ)).strip()
        if size == "base":
            _python(_MAKE, [weights], dict(os.environ))
        report: dict[str, Any] = {"size": size, "resolution": options.resolution, "texture": options.texture}
        if not options.warm_only:
            report["cold"] = cold_starts(size, weights, options.picture, folder, options)
        model = opened(size, weights)
        from real3d_jax.benchmarks import measuring

        report |= {"device": measuring.device(), "versions": measuring.versions()}
        report["faces"] = count_faces(model, size, str(options.picture), options.resolution)
        print(f"{report['device']}; size {size}, {options.resolution}^3 points, {report['faces']:,} faces", flush=True)
        report["warm"] = warm(model, size, options.picture, folder, options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    cli.run(main)
