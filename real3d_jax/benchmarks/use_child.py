"""What `use` measures, in a process of its own: a cold start, or warm runs. Tells each number as soon as it has it.

It talks to its parent, and ends with it, as `scaling.child` does.
"""

import contextlib
import dataclasses
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from real3d_jax.benchmarks.scaling.child import Talk

CASES = {"all points": False, "points near the surface": True}  # `surface.skip_empty`


class Clock:
    """Seconds of named stages; those within another are taken out of it.

    Args:
      ended: called with the name of each stage that ends, and its seconds so far.
    """

    def __init__(self, ended: Callable[[str, float], None] = lambda name, seconds: None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._ended = ended

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
        self._ended(name, self.seconds[name])


def main() -> None:
    """Does what the JSON in its first argument says."""
    task = json.loads(sys.argv[1])
    {"begin": _begin, "warm": _warm, "cold": _cold}[task["do"]](task, Talk().tell)


def _begin(task: dict[str, Any], tell: Callable[..., None]) -> None:
    """Tells what machine this is and of which size the model, and makes weights for it."""
    import jax

    from real3d_jax.benchmarks import measuring

    size = task["size"]
    if size == "auto":
        size = "mini" if jax.default_backend() == "cpu" else "base"
    if size == "base":
        make_weights(task["weights"])
    tell("machine", size=size, device=measuring.device(), versions=measuring.versions())


def _warm(task: dict[str, Any], tell: Callable[..., None]) -> None:
    """The first run of each case compiles, and tells each stage with the memory; the others are timed."""
    from real3d_jax.training.reporting import peak_device_gib

    def ended(case: str, name: str, seconds: float) -> None:
        tell("stage", case=case, name=name, seconds=seconds, peak=peak_device_gib())

    began = time.perf_counter()
    model = opened(task["size"], task["weights"])
    ended("load", "load", time.perf_counter() - began)
    for case, skip_empty in CASES.items():
        seconds_of(model, task, Clock(functools.partial(ended, case)), skip_empty=skip_empty)
        for _ in range(task["runs"]):
            clock = seconds_of(model, task, Clock(), skip_empty=skip_empty)
            tell("run", case=case, seconds=dict(clock.seconds))
    tell("faces", faces=count_faces(model, task))


def _cold(task: dict[str, Any], tell: Callable[..., None]) -> None:
    from real3d_jax.inference import loading  # noqa: F401  (imported for its time)
    from real3d_jax.training.reporting import peak_device_gib

    imported = time.time()
    tell("seconds", name="import", seconds=imported - task["began"])
    model = opened(task["size"], task["weights"])
    tell("seconds", name="load", seconds=time.time() - imported)
    for name in ("first GLB", "second GLB"):
        tell("seconds", name=name, seconds=sum(seconds_of(model, task, Clock(), skip_empty=False).seconds.values()))
    tell("peak", peak=peak_device_gib())


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


def seconds_of(model: Any, task: dict[str, Any], clock: Clock, *, skip_empty: bool) -> Clock:
    """Makes a textured GLB; returns the clock, of its stages."""
    import jax
    from PIL import Image

    with clock("picture"):
        seen = model.prepare(Image.open(task["picture"])).image
    with clock("model"):
        field = model._reconstructor.field(seen)
        jax.block_until_ready(field.planes)
    surface = dataclasses.replace(
        model.config.surface, resolution=task["resolution"], texture=task["texture"], skip_empty=skip_empty
    )
    mesh = model._reconstructor.surface(_with_surface(field, model, task["size"]), surface, stage=clock)
    with clock("file"):
        mesh.save(Path(task["out"]))
    return clock


def count_faces(model: Any, task: dict[str, Any]) -> int:
    """Of the surface before it is decimated."""
    from PIL import Image

    field = model._reconstructor.field(model.prepare(Image.open(task["picture"])).image)
    surface = dataclasses.replace(model.config.surface, resolution=task["resolution"], texture=0, faces=0)
    return len(model._reconstructor.surface(_with_surface(field, model, task["size"]), surface).faces)


def _with_surface(field: Any, model: Any, size: str) -> Any:
    from real3d_jax.benchmarks.shaped_field import shaped

    return shaped(field, model.config.render, model.config.surface.threshold) if size == "base" else field


if __name__ == "__main__":
    main()
