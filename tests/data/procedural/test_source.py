"""Procedural objects: the same ones every time, in their box, and where their cameras see them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from real3d_jax.data.procedural import numbering, source
from real3d_jax.data.procedural.field import ArrayField, signed_distance
from real3d_jax.data.procedural.objects import BOUNDING_RADIUS, PATTERNS
from real3d_jax.errors import UserError

SIZE = 32
SETTINGS = {"held_out": 1, "image_size": SIZE, "seed": 3}


@pytest.fixture(scope="module", params=["a", "b", "dog+house+mug"])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def items(family):
    """Three training objects of four views."""
    made = source.procedural_views(family=family, objects=3, views=4, **SETTINGS)
    return list(made.items("train", range(3)))


@jax.jit
def _distances(o, point):
    return signed_distance(ArrayField(o), point)


def distances(family, number, points):
    o = jax.tree.map(jnp.asarray, numbering.sample(family, 3, number))
    return np.asarray(_distances(o, list(np.float32(points).T)))


def project(view, points):
    """Pixel rows and columns of world points."""
    local = (points - view.c2w[:3, 3]) @ view.c2w[:3, :3]
    fx, fy, cx, cy = view.intrinsics
    u = cx + fx * local[:, 0] / -local[:, 2]
    v = cy - fy * local[:, 1] / -local[:, 2]
    return np.floor(v * SIZE).astype(int), np.floor(u * SIZE).astype(int)


def test_objects_fill_their_box(family):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(20_000, 3))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    inside = rng.uniform(-0.55, 0.55, (20_000, 3))
    for number in range(12):
        shell = distances(family, number, direction * (BOUNDING_RADIUS + 0.012))
        assert shell.min() > 0, number
        solid = inside[distances(family, number, inside) < 0]
        assert np.abs(solid).max() < 0.51
        assert np.ptp(solid, axis=0).max() > 0.45


def test_inner_points_are_seen_in_every_view(family, items):
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (100_000, 3))
    for number, item in enumerate(items):
        depth = -distances(family, number, points)
        assert (depth > 0.02).sum() > 20
        for view in item.records:
            alpha = view.image[..., 3]
            assert (alpha[project(view, points[depth > 0.02])] > 0).all()
            # And the object's points cover what is seen, but for the rim and thin parts.
            covered = np.zeros((SIZE, SIZE), bool)
            covered[project(view, points[depth > 0])] = True
            assert covered.sum() > 0.6 * (alpha > 127).sum()


def test_pictures_are_whole_and_antialiased(items):
    images = np.stack([view.image for item in items for view in item.records])
    alpha = images[..., 3]
    assert set(np.unique(alpha)) == {0, 64, 128, 191, 255}
    for border in (alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]):
        assert (border == 0).all()
    assert 0.08 < (alpha > 0).mean() < 0.6
    assert images[..., :3][alpha == 255].std() > 20


def test_cameras_are_in_their_ranges_and_look_at_the_origin(family):
    poses = np.concatenate([source.camera_poses(family, 0, number, 20) for number in range(5)])
    position = poses[:, :3, 3]
    distance = np.linalg.norm(position, axis=-1)
    assert (np.abs(distance - 1.645) < 0.05).all()
    elevation = np.degrees(np.arcsin(position[:, 2] / distance))
    assert elevation.min() > -20.1
    assert elevation.max() < 60.1
    assert np.ptp(elevation) > 60
    np.testing.assert_allclose(poses[:, :3, 2], position / distance[:, None], atol=1e-5)


def test_orbits_span_the_ranges_from_end_to_end():
    ends = source.orbits(np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 1.0]]))
    expected = [[0, np.radians(-20), 1.645 * 0.97], [np.pi, np.radians(60), 1.645 * 1.03]]
    np.testing.assert_allclose(ends, expected, rtol=1e-6)


def test_films_are_held_by_hand():
    """Any world, unit and lens of a film; a shaking camera that looks past the object, whose centre is the origin."""
    films = [source.captured_cameras("a", 0, number, 4) for number in range(60)]
    straight = np.stack([source.camera_poses("a", 0, number, 4) for number in range(60)])
    c2w, recorded, lenses = (np.stack(values) for values in zip(*films, strict=True))
    np.testing.assert_allclose(c2w[..., 3], straight[..., 3], atol=1e-6)
    turned = Rotation.from_matrix((np.swapaxes(straight, -1, -2) @ c2w)[..., :3, :3].reshape(-1, 3, 3))
    greatest = np.abs(turned.as_euler("xyz", degrees=True)).max(axis=0)  # about its own right, up and back
    np.testing.assert_allclose(greatest, [4, 4, 8], rtol=0.05)
    zoom = lenses[..., :2] / source.intrinsics()[:2]
    np.testing.assert_allclose([zoom.min(), zoom.max()], [0.7, 0.9], rtol=0.02)
    np.testing.assert_allclose(np.abs(lenses[..., 2:] - 0.5).max(axis=(0, 1)), 0.1, rtol=0.05)
    unit = np.linalg.norm(recorded[..., :3, 3], axis=-1) / np.linalg.norm(c2w[..., :3, 3], axis=-1)
    assert np.ptp(unit, axis=1).max() < 1e-5  # of all views of a film
    np.testing.assert_allclose([unit.min(), unit.max()], [0.3, 3.0], rtol=0.1)
    # What a camera sees of the origin is the same in both worlds.
    seen = [np.einsum("fvji,fvj->fvi", world[..., :3, :3], world[..., :3, 3]) for world in (c2w, recorded)]
    np.testing.assert_allclose(seen[1], unit[..., None] * seen[0], atol=1e-5)


def test_cameras_stay_what_they_were():
    """Also those of films: data that are made already go on with them."""
    position = source.camera_poses("a", 0, 3, 1)[0, :3, 3]
    np.testing.assert_allclose(position, [0.4409394, 1.4754704, -0.4903056], atol=1e-5)
    lens = source.captured_cameras("a", 0, 3, 1).intrinsics[0]
    np.testing.assert_allclose(lens, [1.2196959, 1.2196959, 0.5561768, 0.4425298], atol=1e-5)


def test_an_object_does_not_depend_on_the_others(family, items):
    made = source.procedural_views(family=family, objects=9, views=4, **SETTINGS)
    (alone,) = made.items("train", range(2, 3))
    assert alone.key == items[2].key
    for ours, theirs in zip(alone.records, items[2].records, strict=True):
        for field in dataclasses.fields(ours):
            np.testing.assert_array_equal(getattr(ours, field.name), getattr(theirs, field.name))


def test_single_view_is_view_0(family, items):
    made = source.procedural_single(family=family, objects=3, **SETTINGS)
    for photograph, item in zip(made.items("train", range(3)), items, strict=True):
        (record,) = photograph.records
        np.testing.assert_array_equal(record.image, item.records[0].image)
        assert record.provenance["object_id"] == item.key
        assert record.provenance["view"] == item.records[0].view


def test_held_out_objects_come_after(family):
    made = source.procedural_views(family=family, objects=2, views=4, **SETTINGS)
    (held_out,) = made.items("test", range(1))
    assert held_out.key == numbering.object_name(family, 3, 2)
    (third,) = source.procedural_views(family=family, objects=3, views=4, **SETTINGS).items("train", range(2, 3))
    np.testing.assert_array_equal(held_out.records[1].image, third.records[1].image)


def test_families_differ():
    a, b = ([numbering.sample(f, 0, i) for i in range(40)] for f in "ab")
    assert not any(o.solids.ellipsoid.any() for o in a)
    assert any(o.solids.ellipsoid.any() for o in b)
    assert max(o.blend for o in a) < min(o.blend for o in b)
    patterns = [{PATTERNS[int(k)] for o in f for k in o.textures.pattern} for f in (a, b)]
    assert patterns[0] & {"stripes", "checker"}
    assert not patterns[1] & {"stripes", "checker"}
    assert min(o.light.direction[2] for o in a) > max(o.light.direction[2] for o in b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "chiar"}, "no family 'chiar'.*did you mean 'chair'"),
        ({"image_size": 30}, "multiple of 4"),
        ({"views": 0}, "at least one view"),
        ({"objects": 0, "held_out": 0}, "at least one object"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(UserError, match=message):
        source.procedural_views(**{"family": "a", "objects": 1, "views": 1, **SETTINGS, **change})
