"""Which cameras are called wrong, and what is named as their fault."""

import numpy as np
import pytest

from real3d_jax.data.inspection import verdict
from real3d_jax.data.inspection.pose_check import Fit, check_poses
from real3d_jax.data.inspection.silhouettes import silhouettes
from real3d_jax.data.inspection.verdict import judge, judge_all
from tests.data.inspection.scenes import OPENCV, SPHERE, UNEVEN, cameras, cube, intrinsics, outlines, spheres

NAMES = [f"{i:05d}" for i in range(40)]


def transposed(c2w):
    turned = c2w.copy()
    turned[:, :3, :3] = np.swapaxes(c2w[:, :3, :3], 1, 2)
    return turned


def position_of_w2c(c2w):
    moved = c2w.copy()
    moved[:, :3, 3] = np.linalg.inv(c2w)[:, :3, 3]
    return moved


IN_CAMERAS = {
    "opencv": lambda c2w: c2w @ OPENCV,
    "inverse": np.linalg.inv,
    "inverse_opencv": lambda c2w: np.linalg.inv(c2w @ OPENCV),
    "transposed": transposed,
    "transposed_opencv": lambda c2w: transposed(c2w @ OPENCV),
    "w2c_position": position_of_w2c,
    "w2c_position_opencv": lambda c2w: position_of_w2c(c2w @ OPENCV),
    "looking_away": lambda c2w: c2w @ np.diag([1.0, 1.0, -1.0, 1.0]),
    "next_view": lambda c2w: np.roll(c2w, 1, 0),
    "previous_view": lambda c2w: np.roll(c2w, -1, 0),
}
IN_IMAGES = {
    "mirrored": np.fliplr,
    "upside_down": np.flipud,
    "half_turn": lambda mask: np.rot90(mask, 2),
    "quarter_left": lambda mask: np.rot90(mask, -1),
    "quarter_right": lambda mask: np.rot90(mask, 1),
    "swapped": np.transpose,
}


def checked(balls=UNEVEN, views=12, seed=0, in_cameras=lambda c2w: c2w, in_image=lambda mask: mask, fov_y=39.6):
    c2w = cameras(views, seed)
    masks = [np.ascontiguousarray(in_image(spheres(balls)(pose))).astype(np.uint8) * 255 for pose in c2w]
    return check_poses(silhouettes(masks), in_cameras(c2w), intrinsics(views, fov_y))


def random_balls(seed):
    rng = np.random.default_rng(seed)
    return [(tuple(rng.uniform(-0.3, 0.3, 3)), rng.uniform(0.06, 0.25)) for _ in range(5)]


@pytest.mark.parametrize("fault", IN_CAMERAS)
def test_a_fault_in_the_cameras_is_named(fault):
    found = judge(checked(in_cameras=IN_CAMERAS[fault]), NAMES)
    assert (found.kind, found.repair) == (verdict.WRONG, fault)


@pytest.mark.parametrize("fault", IN_IMAGES)
def test_a_fault_in_the_images_is_named(fault):
    found = judge(checked(in_image=IN_IMAGES[fault]), NAMES)
    assert (found.kind, found.repair) == (verdict.WRONG, fault)


@pytest.mark.parametrize("views", [2, 3, 4, 6, 8, 12])
def test_right_cameras_are_never_called_wrong(views):
    checks = [checked(random_balls(seed), views, seed) for seed in range(8)]
    verdicts = [judge(check, NAMES) for check in checks]
    assert {found.kind for found in verdicts} <= {verdict.AGREE, verdict.UNDECIDED}
    assert judge_all(checks, verdicts).kind in (verdict.AGREE, verdict.UNDECIDED)
    if views >= 6:
        assert all(found.kind == verdict.AGREE for found in verdicts)


def test_two_views_are_not_enough():
    assert judge(checked(views=2), NAMES).kind == verdict.UNDECIDED


def test_a_ball_does_not_tell_how_the_images_lie():
    found = judge(checked(SPHERE), NAMES)
    assert found.kind == verdict.UNDECIDED
    assert "too round" in found.sentence


def test_a_ball_still_tells_that_the_cameras_look_away():
    found = judge(checked(SPHERE, in_cameras=IN_CAMERAS["opencv"]), NAMES)
    assert found.kind == verdict.WRONG


def test_one_odd_view_is_found():
    def turned(c2w):
        c2w = c2w.copy()
        c2w[5] = c2w[5] @ np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        return c2w

    found = judge(checked(in_cameras=turned), NAMES)
    assert found.kind == verdict.DISAGREE
    assert "View 00005" in found.sentence


def test_views_in_disorder_have_no_usual_repair():
    found = judge(checked(in_cameras=lambda c2w: c2w[np.random.default_rng(0).permutation(len(c2w))]), NAMES)
    assert found.kind == verdict.DISAGREE


def test_rough_masks_of_right_cameras_are_not_called_wrong():
    """Masks of which some miss a piece, as those of photographs do."""
    rng = np.random.default_rng(0)
    c2w = cameras(12)
    masks = []
    for pose in c2w:
        mask = spheres(UNEVEN)(pose)
        top = np.flatnonzero(mask.any(1))[0]
        mask[: top + rng.integers(5)] = False
        masks.append(mask.astype(np.uint8) * 255)
    check = check_poses(silhouettes(masks), c2w, intrinsics(12))
    assert 0.6 < check.iou < 0.99
    assert judge(check, NAMES).kind != verdict.WRONG


@pytest.mark.parametrize("fov_y", [30.0, 50.0])
def test_a_wrong_field_of_view_is_found_over_several_objects(fov_y):
    checks = [checked(random_balls(seed), 12, seed, fov_y=fov_y) for seed in range(6)]
    found = judge_all(checks, [judge(check, NAMES) for check in checks])
    assert (found.kind, found.repair) == (verdict.WRONG, verdict.FIELD_OF_VIEW)
    named = float(found.sentence.split("near ")[1].split("°")[0])
    assert abs(named - 39.6) < 3


def test_one_object_says_nothing_on_the_field_of_view():
    check = checked(fov_y=30.0)
    assert judge_all([check], [judge(check, NAMES)]).repair is None


def test_poses_that_are_a_little_off_are_not_taken_for_another_field_of_view():
    rng = np.random.default_rng(1)

    def shaken(c2w):
        c2w = c2w.copy()
        for pose in c2w:
            pose[:3, :3] = np.linalg.qr(np.eye(3) + rng.normal(size=(3, 3)) * 0.01)[0] @ pose[:3, :3]
            pose[:3, :3] *= np.sign(np.linalg.det(pose[:3, :3]))
        return c2w

    checks = [checked(random_balls(seed), 12, seed, in_cameras=shaken) for seed in range(6)]
    assert judge_all(checks, [judge(check, NAMES) for check in checks]).repair is None


def test_all_objects_together_name_what_one_with_few_views_cannot():
    checks = [checked(random_balls(seed), 4, seed, in_image=np.fliplr) for seed in range(8)]
    found = judge_all(checks, [judge(check, NAMES) for check in checks])
    assert (found.kind, found.repair) == (verdict.WRONG, "mirrored")


def test_a_few_bad_objects_do_not_condemn_the_rest():
    checks = [checked(random_balls(seed), 8, seed) for seed in range(5)]
    checks.append(checked(random_balls(5), 8, 5, in_cameras=IN_CAMERAS["opencv"]))
    found = judge_all(checks, [judge(check, NAMES) for check in checks])
    assert (found.kind, found.repair) == (verdict.DISAGREE, None)
    assert "1 of 6 objects" in found.sentence


def test_the_check_compares_at_most_32_views():
    check = checked(views=40)
    assert len(check.view_iou) == 32
    assert check.iou > 0.99


def test_a_better_fit_must_be_better_by_a_margin():
    assert Fit(0.99, 0.01).beats(Fit(0.9, 0.3))
    assert not Fit(0.99, 0.01).beats(Fit(0.99, 0.3))
    assert not Fit(0.95, 0.2).beats(Fit(0.9, 0.4))


def test_a_cube_is_not_called_wrong():
    c2w = cameras(12)
    check = check_poses(outlines(cube(0.3), c2w), c2w, intrinsics(12))
    assert judge(check, NAMES).kind in (verdict.AGREE, verdict.UNDECIDED)
