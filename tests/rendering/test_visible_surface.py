"""Depth and normals against a sphere's, by both renderers."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published import RENDER

from real3d_jax.cameras import Cameras, camera_rays, intrinsics_from_fov, spherical_c2w
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.sparse import occupied_cells, render_views_sparse
from real3d_jax.rendering.visible_surface import _around_half, render_surfaces, render_surfaces_sparse

CONFIG = dataclasses.replace(RENDER, samples=48, rays_per_chunk=1000)
RADIUS, RESOLUTION, DISTANCE = 0.5, 48, 2.4

dense = jax.jit(functools.partial(render_surfaces, config=CONFIG, resolution=RESOLUTION))
sparse = jax.jit(functools.partial(render_surfaces_sparse, config=CONFIG, resolution=RESOLUTION))


def sphere(steepness=400.0):
    """Raw density `steepness` (RADIUS^2 - |p|^2) about the origin: each plane holds half of its squares' sum."""
    side = 64
    place = ((np.arange(side) + 0.5) / side * 2 - 1) * CONFIG.radius
    plane = (place[:, None] ** 2 + place**2) / 2
    planes = np.broadcast_to(plane, (1, 3, side, side))[..., None].astype(np.float32)
    kernel = np.zeros((3, 4), np.float32)
    kernel[:, 0] = -steepness
    bias = np.array([steepness * RADIUS**2 - CONFIG.density_bias + np.log(48.0), 9, -9, -9], np.float32)
    return TriplaneField(jnp.asarray(planes), {"layer_0": {"kernel": kernel, "bias": bias}}, Decoder(8, 0))


@pytest.fixture(scope="module")
def cameras():
    c2w = spherical_c2w(jnp.array([0.0, 2.0]), jnp.array([0.0, 0.6]), DISTANCE)
    return Cameras(c2w, jnp.tile(intrinsics_from_fov(0.5), (2, 1)))


@pytest.fixture(scope="module")
def truth(cameras):
    """Depths and normals of the sphere, and where rays meet it under less than 65 degrees."""
    origins, directions = (np.asarray(x, np.float64) for x in camera_rays(cameras, RESOLUTION, RESOLUTION))
    along = -(origins * directions).sum(-1)
    inside = RADIUS**2 - (origins**2).sum(-1) + along**2
    distance = along - np.sqrt(np.maximum(inside, 0))
    normal = (origins + distance[..., None] * directions) / RADIUS
    axis = -np.asarray(cameras.c2w)[:, None, None, :3, 2]
    sure = (inside > 0) & (-(normal * directions).sum(-1) > np.cos(np.radians(65)))
    return distance * (directions * axis).sum(-1), normal, sure, inside < -0.1


@pytest.fixture(scope="module", params=["dense", "sparse"])
def rendered(request, cameras):
    field = sphere()
    if request.param == "dense":
        return tuple(x[0] for x in dense(field, jax.tree.map(lambda x: x[None], cameras)))
    return sparse(field, occupied_cells(field, CONFIG, 0.01), cameras)


def test_depth_is_the_spheres_to_one_percent_along_the_axis(rendered, truth):
    depth, (expected, _, sure, beside) = np.asarray(rendered[2]), truth
    assert sure.sum() > 1000
    np.testing.assert_allclose(depth[sure], expected[sure], rtol=0.01)
    assert np.abs(depth[sure] / expected[sure] - 1).mean() < 0.004
    assert beside.sum() > 500
    assert not depth[beside].any()


def test_normals_are_the_spheres_in_the_world_to_three_degrees(rendered, truth):
    normal, (_, expected, sure, beside) = np.asarray(rendered[3]), truth
    np.testing.assert_allclose(np.linalg.norm(normal[sure], axis=-1), 1, atol=1e-5)
    cosine = (normal[sure] * expected[sure]).sum(-1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 3
    assert not normal[beside].any()


def test_colours_and_opacities_are_the_renderers(rendered, cameras, request):
    field = sphere()
    if "sparse" in request.node.name:
        occupied = occupied_cells(field, CONFIG, 0.01)
        expected = render_views_sparse(field, occupied, cameras, CONFIG, resolution=RESOLUTION)
    else:
        batch = jax.tree.map(lambda x: x[None], cameras)
        expected = [x[0] for x in render_views(field, batch, CONFIG, resolution=RESOLUTION)]
    for found, wanted in zip(rendered[:2], expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_fog_before_a_surface_does_not_move_it_and_is_none_itself():
    """A third of the light is stopped before the wall in part 7 of 10, and a half nowhere on the second ray."""
    density = np.zeros((2, 10), np.float32)
    density[0, :7], density[0, 7:] = 10 * 0.4 / 7, 50.0
    density[1] = 0.69
    found, first, last, before = _around_half(jnp.asarray(density), jnp.array([2.0, 2.0]), jnp.array([3.0, 3.0]))
    assert found.tolist() == [True, False]
    np.testing.assert_allclose([first[0], last[0], before[0]], [2.6, 2.8, 0.4 * 6 / 7], rtol=1e-5)
