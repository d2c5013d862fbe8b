"""Blender's pictures: the same cameras, colours and outlines as the rasterizer's."""

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401

pytest.importorskip("bpy", reason="needs Blender as a module")

from real3d_jax.data.object_rendering import mesh_files
from real3d_jax.data.object_rendering.meshes import Emission, Part, Texture
from real3d_jax.data.object_rendering.path_tracer import PathTracer
from tests.data import projection
from tests.data.object_rendering import shapes
from tests.data.object_rendering.test_rasterizer import FOV_Y, SHOTS, SIZE, pose


@pytest.fixture(scope="module")
def tracer():
    return PathTracer(size=SIZE, samples=16)


@pytest.mark.parametrize("camera", SHOTS[:2])
def test_points_are_where_the_camera_sees_them(tracer, camera):
    balls = [
        shapes.part(shapes.ball(point, 0.03), (*(colour > 127), 1.0))
        for point, colour in zip(projection.POINTS, projection.COLOURS, strict=True)
    ]
    with tracer.loaded(shapes.mesh(*balls)):
        rgba = tracer.colour(pose(camera), FOV_Y)
    weights = rgba.copy()
    weights[..., :3] = 255 * (rgba[..., :3] > 0.6 * rgba[..., :3].max(-1, keepdims=True))  # light changes the colours
    np.testing.assert_allclose(projection.seen(weights), camera.project(projection.POINTS, SIZE), atol=0.25)


def test_outlines_and_textures_are_the_rasterizers(tracer, unlit, tmp_path):
    shapes.write_obj(tmp_path / "a.obj", material="map_Kd paint.png", picture=shapes.picture())
    mesh = mesh_files.load(tmp_path / "a.obj")
    camera = pose(projection.Camera(np.array([0, -1.8, 0.0]), *np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]]), 0.8, 0.8))
    with tracer.loaded(mesh), unlit.loaded(mesh):
        traced, drawn = tracer.colour(camera, FOV_Y).astype(int), unlit.colour(camera, FOV_Y).astype(int)
    assert np.abs(traced[..., 3] - drawn[..., 3]).mean() < 1
    for row, column in ((50, 50), (50, 78), (78, 50)):
        assert traced[row, column].argmax() == 3
        assert traced[row, column, :3].argmax() == drawn[row, column, :3].argmax()


CLOSE = pose(projection.Camera(np.array([0, -1.8, 0.0]), *np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]]), 0.8, 0.8))


def square(**appearance) -> Part:
    """A square of side 1 that faces the camera, black where nothing else is said."""
    corners = np.array([[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]])
    at = np.array([[0, 1, 2], [0, 2, 3]])
    normals = np.tile([0.0, -1.0, 0.0], (2, 3, 1))
    uv = 3 * (corners[:, [0, 2]] + 0.5)[at] - 1
    part = Part(corners[at], normals, uv, np.tile([0.0, 0, 0, 1], (2, 3, 1)), None)
    return part._replace(**{name: make(uv) for name, make in appearance.items()})


@pytest.mark.parametrize("clamp", [(True, True), (True, False)])
def test_light_of_its_own_and_the_way_a_texture_goes_on(tracer, unlit, clamp):
    """Coordinates from -1 to 2; across, the left colour goes on to the left."""
    texture = Texture(shapes.picture(), clamp)
    glow = square(emission=lambda uv: Emission(uv, np.ones((2, 3, 3)), texture))
    mesh = shapes.mesh(glow)
    with tracer.loaded(mesh), unlit.loaded(mesh):
        traced, drawn = (renderer.colour(CLOSE, FOV_Y)[32:96, 32:96].astype(int) for renderer in (tracer, unlit))
    assert tuple(drawn[26, 14, :3]) == (255, 0, 0)
    assert (traced[drawn == 255] > 250).mean() > 0.98
    assert traced[..., :3][drawn[..., :3] == 0].max() < 80  # gloss
