"""What a configuration makes of a field's surface, in which order."""

import contextlib
import dataclasses

import numpy as np
import pytest

from real3d_jax.benchmarks.use_child import Clock
from real3d_jax.errors import UserError
from real3d_jax.export.isosurface import isosurface
from real3d_jax.inference import checks, surfaces
from real3d_jax.models.decoder import Decoder
from real3d_jax.rendering import TriplaneField

RADIUS = 0.87


def _colours(points):
    return 0.5 + 0.4 * np.sin(5 * points)


@pytest.fixture
def make(monkeypatch, tiny):
    """A surface of a large ball, cut by the box, and a small one, with changes of its configuration."""
    axis = np.linspace(-RADIUS, RADIUS, 32)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    balls = [(0.6, (0.5, 0.0, 0.0)), (0.1, (-0.6, 0.5, 0.0))]
    density = np.max([25 + 100 * (size - np.linalg.norm(points - centre, axis=-1)) for size, centre in balls], axis=0)

    def extract_mesh(field, render, **options):
        assert (options["colours"], options["resolution"], options["threshold"]) == (False, 16, 0.5)
        return isosurface(np.maximum(density, 0), radius=RADIUS)

    def query_colours(field, render, places):
        assert np.abs(places).max() <= RADIUS
        return _colours(places)

    monkeypatch.setattr(surfaces, "extract_mesh", extract_mesh)
    monkeypatch.setattr(surfaces, "query_colours", query_colours)

    def make(stage=contextlib.nullcontext, **changes):
        surface = dataclasses.replace(tiny.surface, **changes)
        checks.check_surface(surface)
        field = TriplaneField(np.zeros((1, 3, 2, 2, 4)), {}, Decoder(4, 1))
        return surfaces.make_surface(field, tiny.render, surface, stage=stage)

    return make


def test_colours_are_those_of_the_vertices_in_the_end(make):
    whole = make()
    for changes in ({}, {"least_share": 0.01}, {"smoothing": 3}, {"faces": 200}, {"faces": 200, "least_share": 0.01}):
        mesh = make(**changes)
        np.testing.assert_allclose(mesh.colours, _colours(np.clip(mesh.vertices, -RADIUS, RADIUS)))
        assert mesh.is_watertight and mesh.texture is None
        assert (mesh.vertices[:, 0].min() > -0.2) == ("least_share" in changes)
        assert len(mesh.faces) <= changes.get("faces", len(whole.faces))
    assert make(smoothing=3).vertices.shape == whole.vertices.shape
    assert np.abs(make(smoothing=3).vertices - whole.vertices).max() > 1e-3


def test_a_texture_has_fewer_faces(make):
    mesh = make(clock := Clock(), texture=128, textured_faces=300)
    stages = ["marching", "floaters", "decimation", "colours", "texture: UVs", "texture", "texture: colours"]
    assert sorted(clock.seconds) == sorted(stages)
    assert len(mesh.faces) <= 300 and mesh.texture.image.shape == (128, 128, 3) and mesh.colours is not None
    assert mesh.summary.endswith("faces, watertight, texture 128 x 128")
    assert 300 < len(make(texture=128, textured_faces=300, faces=400).faces) <= 400
    whole = make(texture=128, textured_faces=0)
    assert len(whole.faces) == len(make().faces)
    assert mesh.summary.startswith(f"{len(mesh.vertices):,} vertices, {len(mesh.faces):,} faces")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"least_share": 1.5}, r"least_share is 1.5: set it between 0 \(all parts\) and 1"),
        ({"smoothing": -1}, "smoothing is -1: set it to 0 or more"),
        ({"faces": 3}, "^faces is 3: set it to at least 4, or to 0"),
        ({"textured_faces": -2}, "textured_faces is -2"),
        ({"texture": 32}, "texture is 32: set it between 64 and 8192, or to 0"),
        ({"axes": "up"}, "axes has no value 'up'"),
    ],
)
def test_numbers_out_of_range_are_told(make, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        make(**changes)


@pytest.mark.parametrize("suffix", ["ply", "stl"])
def test_a_texture_needs_a_format_that_has_one(tiny, suffix):
    surface = dataclasses.replace(tiny.surface, format=suffix, texture=1024)
    with pytest.raises(
        UserError, match=f"texture is 1024, but '{suffix}' has no textures: set config.surface.format to"
    ):
        checks.check(dataclasses.replace(tiny, surface=surface))
