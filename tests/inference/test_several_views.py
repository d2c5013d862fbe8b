"""Several photographs with known cameras: what is made of each, what is refused, and that the field fits them all."""

import numpy as np
import pytest

from real3d_jax import cameras
from real3d_jax.cameras import Cameras
from real3d_jax.errors import UserError
from real3d_jax.inference.refinement import as_given
from real3d_jax.inference.several_views import centred, checked_cameras, prepare_views
from tests.inference.test_refinement import error


def square(colour):
    """64 x 64 pixels with an object in the middle."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 20:44] = (*colour, 255)
    return rgba


PHOTOGRAPHS = [square((200, 100, 50)), square((20, 90, 220))]


@pytest.fixture(scope="module")
def around(refining_model):
    return refining_model.cameras([0, 120])


def test_the_field_is_fitted_to_all_views(refining, refining_model, around):
    config, model = refining, refining_model
    start = model.from_views(PHOTOGRAPHS, around, steps=0)
    fitted = model.from_views(PHOTOGRAPHS, around, steps=8)
    images, seen = prepare_views(PHOTOGRAPHS, around, config, None)
    np.testing.assert_array_equal(fitted.image, images[0])
    for image, pose in zip(images, around.c2w, strict=True):
        assert error(fitted, config, image, pose) < 0.7 * error(start, config, image, pose)
    plain = model._reconstructor.field(images[0])
    np.testing.assert_array_equal(start.field.planes, plain.planes)
    expected = model._reconstructor.refined(
        plain, as_given(images, seen, config.refine, background=0.5), 8, config.refine
    )
    np.testing.assert_array_equal(fitted.field.planes, expected.planes)
    again = model.from_views(PHOTOGRAPHS, around, steps=8)
    np.testing.assert_array_equal(again.field.planes, fitted.field.planes)
    np.testing.assert_array_equal(start.refine(8).field.planes, fitted.field.planes)


@pytest.mark.parametrize(("background", "pixel"), [(0.5, 128), (1.0, 255)])
def test_a_view_is_the_square_about_the_principal_point(background, pixel):
    rgba = np.zeros((60, 100, 4), np.uint8)
    rgba[20:30, 70:80] = (255, 0, 0, 255)
    focal = 20 / np.tan(np.radians(39.6) / 2)  # pixels; 40 of them are the field of view
    given = np.array([focal / 100, focal / 60, 0.75, 25 / 60], np.float32)
    image, seen = centred(rgba, given, fov_y=39.6, size=40, background=background, where="it")
    red = (image == [255, 0, 0]).all(-1)
    assert red[15:25, 15:25].all() and red.sum() == 100  # its middle is the principal point
    assert (image[~red] == pixel).all()
    np.testing.assert_allclose(seen, [focal / 40, focal / 40, 0.5, 0.5], rtol=1e-6)


def changed(given, number, **parts):
    c2w, intrinsics = np.array(given.c2w), np.array(given.intrinsics)
    for name, value in parts.items():
        {"c2w": c2w, "intrinsics": intrinsics}[name][number] = value
    return Cameras(c2w, intrinsics)


OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda given: Cameras(given.c2w[:1], given.intrinsics[:1]), "2 photographs need poses"),
        (lambda given: Cameras(given.c2w, given.intrinsics[:, :3]), "intrinsics of"),
        (lambda given: changed(given, 1, c2w=np.eye(4) * 2), "no rotation"),
        (lambda given: changed(given, 1, c2w=np.full((4, 4), np.nan)), "not finite"),
        (lambda given: changed(given, 1, intrinsics=[0, 1, 0.5, 0.5]), "focal lengths"),
        (lambda given: changed(given, 1, c2w=np.asarray(given.c2w[1]) @ OPENCV), "Camera 2 looks away"),
        (lambda given: changed(given, 0, c2w=given.c2w[1]), "to_input_frame"),
        (lambda given: changed(given, 0, c2w=cameras.canonical_c2w(3.0)), "to_input_frame"),
        (lambda given: changed(given, 1, intrinsics=[1, 1.5, 0.5, 0.5]), "fractions of the width"),
    ],
)
def test_cameras_that_cannot_be_meant_are_refused(refining_model, around, change, told):
    with pytest.raises(UserError, match=told):
        refining_model.from_views(PHOTOGRAPHS, change(around))


def test_photographs_that_cannot_be_used_are_named(refining_model, around):
    model = refining_model
    with pytest.raises(UserError, match="photograph 2 cannot be used: its background"):
        model.from_views([PHOTOGRAPHS[0], PHOTOGRAPHS[1][..., :3]], around)
    with pytest.raises(UserError, match="list of photographs"):
        model.from_views([], around)
    with pytest.raises(UserError, match="0 or more"):
        model.from_views(PHOTOGRAPHS, around, steps=-1)


def test_one_field_of_view_serves_all(around):
    shared = Cameras(around.c2w, around.intrinsics[0])
    np.testing.assert_array_equal(checked_cameras(shared, 2, 2.4).intrinsics, around.intrinsics)


def test_poses_of_another_world_are_mapped_as_the_sentence_says(refining_model):
    above = refining_model.cameras([30, 150], 20, distance=7.0)
    with pytest.raises(UserError, match="to_input_frame"):
        checked_cameras(above, 2, 2.4)
    mapped = Cameras(cameras.to_input_frame(above.c2w[0], above.c2w, 2.4), above.intrinsics)
    np.testing.assert_allclose(np.linalg.norm(checked_cameras(mapped, 2, 2.4).c2w[:, :3, 3], axis=-1), 2.4, rtol=1e-5)
