"""Drawing of procedural objects, as a benchmark: views a second for training data."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.benchmarks.measuring import Case
from real3d_jax.cameras import Cameras
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.procedural.render import render_views

FAMILIES = ("a", "named")  # without and with turned bodies and copies, of 6 and 16 solids
IMAGE_SIZE = 128
_VIEWS = 8  # of each object
_SEED = 0


def draw_cases(views: int) -> list[Case]:
    """Pictures of 128 x 128 pixels, `views` in a call, with the options that are fastest here. No work is counted."""
    how = source.how_to_draw(jax.default_backend())
    draw = functools.partial(render_views, size=IMAGE_SIZE, supersample=source.SUPERSAMPLE, **how)

    def arguments(family: str) -> tuple:
        objects = range(-(-views // _VIEWS))
        drawn = stack([numbering.sample(family, _SEED, number) for number in objects for _ in range(_VIEWS)])
        with jax.ensure_compile_time_eval():  # poses are numbers, also where only shapes are asked for
            c2w = np.concatenate([source.camera_poses(family, _SEED, number, _VIEWS) for number in objects])
        cameras = Cameras(jnp.asarray(c2w), jnp.asarray(np.tile(source.intrinsics(), (len(c2w), 1))))
        return jax.tree.map(lambda x: jnp.asarray(x)[:views], (drawn, cameras))

    return [
        Case(
            suite="draw",
            name=f"views of family {family}",
            sizes={"views": views, "resolution": IMAGE_SIZE},
            backend=how.get("implementation", "xla"),
            function=draw,
            make_arguments=functools.partial(arguments, family),
            tflop=0.0,
        )
        for family in FAMILIES
    ]
