"""The GPU kernel against the plain renderer, and what both owe to cameras and to how the work is divided."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax.cameras import Cameras
from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.objects import stack
from real3d_jax.data.procedural.render import render_views


def scene(family, count):
    objects = stack([numbering.sample(family, 1, i) for i in range(count)])
    poses = np.concatenate([source.camera_poses(family, 1, i, 1) for i in range(count)])
    cameras = Cameras(jnp.asarray(poses), jnp.asarray(np.tile(source.intrinsics(), (count, 1))))
    return jax.tree.map(jnp.asarray, objects), cameras


@pytest.mark.parametrize("family", ["b", "chair+office_chair+vase+house"])  # without and with turned bodies and copies
def test_kernel_draws_what_the_plain_renderer_draws(family):
    objects, cameras = scene(family, 4)
    plain = np.asarray(render_views(objects, cameras, size=24), np.int32)
    drawn = np.asarray(render_views(objects, cameras, size=24, implementation="pallas", interpret=True), np.int32)
    assert (plain[..., 3] > 0).mean() > 0.05
    assert (plain[..., 3] != drawn[..., 3]).mean() < 0.02  # where a ray grazes, its start decides
    both = (plain[..., 3] == 255) & (drawn[..., 3] == 255)
    apart = np.abs(plain - drawn)[..., :3][both]
    assert apart.mean() < 0.5
    assert (apart > 8).mean() < 0.01


def test_kernel_lowers_for_nvidia_gpus():
    objects, cameras = scene("chair+mug", 2)
    draw = jax.jit(lambda o, c: render_views(o, c, size=16, implementation="pallas"))
    lowered = draw.trace(objects, cameras).lower(lowering_platforms=("cuda",))
    assert "triton" in lowered.as_text()


def test_pictures_do_not_depend_on_the_division_of_work():
    objects, cameras = scene("chair+teapot+dog", 6)
    together = np.asarray(render_views(objects, cameras, size=24, tiles_at_once=64))
    for part in (slice(0, 1), slice(2, 5)):
        some = jax.tree.map(lambda x, part=part: x[part], (objects, cameras))
        np.testing.assert_array_equal(np.asarray(render_views(*some, size=24, tiles_at_once=64)), together[part])
    few = np.asarray(render_views(objects, cameras, size=24, tiles_at_once=8), np.int32)
    assert (few != together).mean() < 1e-3
    assert np.abs(few - together).mean() < 0.01


def test_intrinsics_show_a_part_of_the_view():
    """The upper left quarter of a picture, drawn by itself at its size, is that quarter."""
    objects, cameras = scene("chair+house", 2)
    whole = np.asarray(render_views(objects, cameras, size=32), np.int32)
    quarter = cameras.intrinsics * jnp.array([2.0, 2.0, 2.0, 2.0])
    part = np.asarray(render_views(objects, Cameras(cameras.c2w, quarter), size=16), np.int32)
    assert (part[..., 3] > 0).any()
    assert np.abs(part - whole[:, :16, :16])[part[..., 3] == 255].mean() < 1.0
    assert (part[..., 3] != whole[:, :16, :16, 3]).mean() < 0.02
