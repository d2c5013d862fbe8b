"""Blender's pictures: the same cameras, colours and outlines as the rasterizer's."""

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401

pytest.importorskip("bpy", reason="needs Blender as a module")

from real3d_jax.data.object_rendering import mesh_files
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
