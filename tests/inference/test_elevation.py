"""What is photographed from above stands upright: meshes, views, and their cameras, for a told elevation."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from real3d_jax.cameras import Cameras, canonical_c2w, intrinsics_from_fov, spherical_c2w
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh
from real3d_jax.inference import uprightness
from real3d_jax.inference.elevation import as_degrees, to_upright
from real3d_jax.inference.reconstruction import Reconstruction
from real3d_jax.inference.reconstructor import Reconstructor
from real3d_jax.inference.surfaces import make_surface
from real3d_jax.inference.uprightness import estimate_elevation
from tests.inference.fields import RADIUS, box_seen_from

IMAGE = np.zeros((8, 8, 3), np.uint8)
TOLD = 30.0
UP = np.array([np.sin(np.radians(TOLD)), 0.0, np.cos(np.radians(TOLD))])  # the box's, in the frame of its field
DISTANCE = 2.4


class Seeing(Reconstructor):
    """Renders nothing: of each view the normals are the box's up, and `seen_from` its camera."""

    def __init__(self, config):
        self.config = config
        self.seen_from = np.zeros((0, 4, 4))

    def surface(self, field, config=None, **options):
        return make_surface(field, self.config.render, config or self.config.surface)

    def views(self, field, cameras, config=None):
        self.seen_from = np.asarray(cameras.c2w)
        return np.zeros((len(self.seen_from), 4, 4, 3), np.uint8)

    def surface_views(self, field, cameras, config=None):
        rgb = self.views(field, cameras)
        return rgb, np.ones(rgb.shape[:3], np.float32), np.broadcast_to(UP, rgb.shape).astype(np.float32)

    def elevation(self, field):
        return estimate_elevation(field, self.config.render, threshold=self.config.surface.threshold)

    def refined(self, field, views, steps, config):
        return field


@pytest.fixture
def result(tiny):
    """A box that a camera at 30 degrees saw."""
    return Reconstruction(IMAGE, box_seen_from(TOLD), Seeing(tiny))


def bottom_of(mesh):
    """Normals of the faces that look downwards, and their corners' heights."""
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    below = normals[:, 2] < -0.9
    return normals[below], corners[below][..., 2]


def test_a_box_seen_from_above_stands_on_its_bottom(result):
    mesh = result.upright(TOLD).mesh(64, threshold=10.0)
    normals, heights = bottom_of(mesh)
    off = np.degrees(np.arccos(np.clip(-normals[:, 2], -1, 1)))
    assert len(normals) > 500 and np.median(off) < 0.5
    assert np.degrees(np.arccos(-normals.mean(0)[2] / np.linalg.norm(normals.mean(0)))) < 0.5
    assert np.median(np.abs(heights + 0.3)) < 0.005  # where the box has its bottom
    assert mesh.is_watertight
    leaning = result.mesh(64, threshold=10.0)
    assert len(bottom_of(leaning)[0]) < 0.1 * len(leaning.faces)
    np.testing.assert_array_equal(leaning.faces, mesh.faces)
    np.testing.assert_array_equal(leaning.colours, mesh.colours)


def test_an_orbit_goes_around_what_is_upright_from_the_input_view_on(result):
    views = result.upright(TOLD).orbit(4, geometry=True)
    seen = result._reconstructor.seen_from
    np.testing.assert_allclose(seen[0], canonical_c2w(DISTANCE), atol=1e-6)
    np.testing.assert_allclose(seen[:, :3, 2] @ UP, np.sin(np.radians(TOLD)), atol=1e-6)  # as high all the way
    np.testing.assert_allclose(seen[:, :3, 0] @ UP, 0, atol=1e-6)  # and level
    around = spherical_c2w(np.radians([0, 90, 180, 270]), np.radians(TOLD), DISTANCE)
    np.testing.assert_allclose(views.cameras.c2w, around, atol=1e-6)
    np.testing.assert_allclose(views.normals, np.broadcast_to([0, 0, 1], views.normals.shape), atol=1e-6)
    higher = result.upright(TOLD).orbit(4, elevation=15)
    np.testing.assert_allclose(higher.cameras.c2w[:, 2, 3], DISTANCE * np.sin(np.radians(TOLD + 15)), atol=1e-6)


def test_cameras_that_are_given_are_in_the_canonical_frame_unless_told_otherwise(result):
    stands, level = result.upright(TOLD), spherical_c2w(np.radians([0.0, 90.0]), 0.0, DISTANCE)
    cameras = Cameras(level, jnp.tile(intrinsics_from_fov(0.7), (2, 1)))
    views = stands.render(cameras, geometry=True)
    np.testing.assert_array_equal(result._reconstructor.seen_from, level)
    np.testing.assert_allclose(views.normals[0, 0, 0], UP, atol=1e-6)
    views = stands.render(cameras, geometry=True, upright=True)
    seen = result._reconstructor.seen_from
    np.testing.assert_allclose(seen[:, :3, 2] @ UP, 0, atol=1e-6)  # at the height of the object's centre
    np.testing.assert_allclose(seen[0, :3, 3], DISTANCE * np.array([UP[2], 0, -UP[0]]), atol=1e-6)
    np.testing.assert_allclose(seen[1, :3, 3], [0, DISTANCE, 0], atol=1e-6)
    np.testing.assert_array_equal(views.cameras.c2w, level)
    np.testing.assert_allclose(views.normals[1, 2, 3], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(views.cameras.intrinsics, cameras.intrinsics)


def test_nothing_moves_at_elevation_0(result):
    flat, plain = result.upright(0), result.mesh(16, threshold=10.0)
    np.testing.assert_array_equal(flat.mesh(16, threshold=10.0).vertices, plain.vertices)
    result.orbit(4)
    before = result._reconstructor.seen_from
    flat.orbit(4)
    np.testing.assert_array_equal(result._reconstructor.seen_from, before)


def test_refined_and_turned_again_it_keeps_what_was_told(result):
    stands = result.upright(TOLD)
    assert (result.elevation, stands.elevation, stands.upright(10).elevation) == (0.0, 30.0, 10.0)
    assert stands.refine(0).elevation == TOLD


@pytest.mark.parametrize("told", ["up", "", 91, "-90.5", float("nan"), True, [1, 2], None])
def test_what_is_no_elevation_is_told(told, result):
    with pytest.raises(UserError, match=r"^elevation is .*: set it to degrees from -90 to 90, or to 'estimate'\.$"):
        result.upright(told)


def test_elevations_are_numbers_of_any_kind_or_words():
    told = [-90, "12.5", np.float32(3), jnp.float32(4), "1e1"]
    assert [as_degrees(x, "") for x in told] == [-90.0, 12.5, 3.0, 4.0, 10.0]
    assert as_degrees("estimate", "") is None


@pytest.mark.parametrize("elevation", [-15.0, 30.0, 50.0])
def test_the_elevation_of_a_box_is_found(tiny, elevation):
    found = estimate_elevation(box_seen_from(elevation, half=(0.4, 0.2, 0.3)), tiny.render, threshold=10.0)
    assert found.elevation == pytest.approx(elevation, abs=1.0)


@pytest.mark.parametrize(
    ("elevation", "chance", "doubt"),
    [
        (59.0, 0.51, ""),
        (59.0, 0.49, ", but may well be at another"),
        (60.0, 1.0, ", but may well be above that, where none is looked for"),
        (-20.0, 1.0, ", but may well be below that, where none is looked for"),
    ],
)
def test_what_is_said_of_an_estimate(elevation, chance, doubt):
    assert uprightness.Estimate(elevation, chance).doubt == doubt


def test_an_estimate_is_noted_and_what_is_told_later_holds(result, tiny):
    result._reconstructor.config = dataclasses.replace(tiny, surface=dataclasses.replace(tiny.surface, threshold=10.0))
    found = result.upright("estimate")
    assert found.elevation == pytest.approx(TOLD, abs=1.0)
    (note,) = found.notes
    assert note.startswith(f"the camera is taken to be at {found.elevation:g} degrees, by the object's shape")
    told = found.upright(12)
    assert (told.elevation, told.notes) == (12.0, ())


def test_where_nothing_is_to_be_seen_the_picture_s_up_is_kept(result, tiny):
    result._reconstructor.config = dataclasses.replace(tiny, surface=dataclasses.replace(tiny.surface, threshold=1e37))
    found = result.upright("estimate")
    assert found.elevation == 0.0
    assert found.notes[0].startswith("the camera is taken to be at 0 degrees: The field is empty")


def test_an_estimate_without_news_has_little_chance():
    """A ball stands on every side, and all planes mirror it."""
    axis = np.linspace(-RADIUS, RADIUS, 32)
    ball = 10 + 50 * (0.5 - np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1), axis=-1))
    scores = uprightness.WEIGHTS @ uprightness.upright_scores(
        np.maximum(ball, 0).astype(np.float32), radius=RADIUS, threshold=10.0
    )
    assert np.ptp(scores) < 1.0


def test_every_elevation_from_20_below_to_60_above_is_asked():
    np.testing.assert_array_equal(uprightness.ELEVATIONS, range(-20, 61))


def test_the_chance_is_that_of_the_elevations_within_8_degrees(monkeypatch, tiny):
    scores = np.zeros((3, 81))
    scores[:, 30] = np.log(2) / uprightness.WEIGHTS.sum()
    monkeypatch.setattr(uprightness, "field_scores", lambda *_, **__: scores)
    found = estimate_elevation(box_seen_from(0.0), tiny.render, threshold=10.0)
    assert (found.elevation, found.chance) == (10.0, pytest.approx((16 + 2) / (80 + 2)))


def test_faces_are_level_or_vertical_or_between():
    """Of a cube on an edge two faces are vertical, and four count half."""
    cube = trimesh.creation.box()
    mesh = Mesh(cube.vertices.astype(np.float32), cube.faces.astype(np.int32))
    level, on_an_edge = uprightness.level_scores(mesh, np.array([[0.0, 0, 1], [0.0, 0.5**0.5, 0.5**0.5]]))
    assert (level, on_an_edge) == pytest.approx((1, 2 / 3))


def test_things_stand_on_what_is_below_them():
    """A cone stands on its base of a third of its surface, and not on its tip."""
    cone = trimesh.creation.cone(1.0, 3**0.5, sections=64)
    mesh = Mesh(cone.vertices.astype(np.float32), cone.faces.astype(np.int32))
    stands, upside_down = uprightness.standing_scores(mesh, np.array([[0.0, 0, 1], [0.0, 0, -1]]))
    assert stands == pytest.approx(1 / 3, abs=0.01) and upside_down < 1e-6


def test_a_mirror_that_stands_upright_is_found_though_nothing_is_level():
    """A cone of balls along the up of a camera at 40 degrees: no face is level and it has no bottom."""
    axis = np.linspace(-RADIUS, RADIUS, 64)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1) @ to_upright(40.0).T
    balls = [(0.25, (0.0, 0.0, -0.35)), (0.17, (0.3, 0.3, -0.1)), (0.12, (0.1, 0.1, 0.35))]
    solid = np.any([np.linalg.norm(points - centre, axis=-1) < size for size, centre in balls], axis=0)
    scores = uprightness.mirror_scores(solid, radius=RADIUS)
    assert scores.max() > -0.02
    assert uprightness.ELEVATIONS[np.argmax(scores)] == pytest.approx(40.0, abs=3.0)
    density = np.where(solid, np.float32(20.0), np.float32(0.0))
    all_three = uprightness.WEIGHTS @ uprightness.upright_scores(density, radius=RADIUS, threshold=10.0)
    assert uprightness.ELEVATIONS[np.argmax(all_three)] == pytest.approx(40.0, abs=3.0)
