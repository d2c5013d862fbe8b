"""Cases drawn by hand, under both occlusion rules."""

import dataclasses

import numpy as np
import pytest
from curation.drawing import HEIGHT, WIDTH, ellipse, reasons, rectangle, scene

from real3d_jax.curation.instances import Instance
from real3d_jax.curation.rules.decisions import decide_all
from real3d_jax.curation.settings import PAPER, ROBUST, CurationSettings, FilterSettings
from real3d_jax.errors import UserError

ANY_SIZE = FilterSettings(min_side=1, border=0)
KEPT, OCCLUDED, NO_DEPTH, AMBIGUOUS = "kept", "occluded", "no_depth", "ambiguous_boundary"
both_rules = pytest.mark.parametrize("occlusion", [PAPER, ROBUST], ids=["paper", "robust"])


def decided(instances, disparity, occlusion, filters=ANY_SIZE):
    settings = CurationSettings(filters=filters, occlusion=occlusion)
    return reasons(decide_all(instances, disparity, settings=settings, image_key="drawn"))


@both_rules
def test_in_front_is_kept_and_behind_is_occluded(occlusion):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(200, 120, 60), 0.4))
    assert decided(instances, disparity, occlusion) == [OCCLUDED, KEPT]


@both_rules
def test_side_by_side_the_farther_counts_as_occluded(occlusion):
    """Whether it goes on behind the nearer one cannot be seen."""
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.2), (rectangle(160, 60, 260, 180), 0.4))
    assert decided(instances, disparity, occlusion) == [OCCLUDED, KEPT]


@both_rules
def test_equal_depth_hides_nothing(occlusion):
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.3), (rectangle(160, 60, 260, 180), 0.3))
    assert decided(instances, disparity, occlusion) == [KEPT, KEPT]


@both_rules
def test_two_instances_of_one_tilted_object_hide_nothing(occlusion):
    tilted = np.linspace(0.3, 0.36, HEIGHT)[:, None] * np.ones((1, WIDTH))
    whole = ellipse(160, 120, 90, 80)
    upper = rectangle(0, 0, WIDTH, 118)
    instances, disparity = scene((whole & upper, tilted), (whole & ~upper, tilted))
    assert decided(instances, disparity, occlusion) == [KEPT, KEPT]


@both_rules
def test_the_same_object_found_twice_does_not_hide_itself(occlusion):
    (instance,), disparity = scene((ellipse(160, 120, 70), 0.3))
    assert decided([instance, Instance(2, instance.mask)], disparity, occlusion) == [KEPT, KEPT]


@both_rules
def test_nothing_touches(occlusion):
    instances, disparity = scene((ellipse(80, 120, 50), 0.2), (ellipse(230, 120, 50), 0.4))
    assert decided(instances, disparity, occlusion) == [KEPT, KEPT]


@both_rules
@pytest.mark.parametrize(("distance", "touches"), [(7, True), (8, False)])
def test_contact_reaches_seven_pixels(occlusion, distance, touches):
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.2), (rectangle(159 + distance, 60, 260, 180), 0.4))
    settings = CurationSettings(filters=ANY_SIZE, occlusion=occlusion)
    decisions = decide_all(instances, disparity, settings=settings, image_key="drawn")
    assert [decision.details["occlusion"]["contact_pixels"] > 0 for decision in decisions] == [touches, touches]


@both_rules
@pytest.mark.parametrize(("nearer", "expected"), [(0.4, OCCLUDED), (0.1, KEPT)])
def test_something_seen_in_a_hole(occlusion, nearer, expected):
    """A plate with a small object before it, or with a hole through which one behind it is seen."""
    instances, disparity = scene((ellipse(160, 120, 90), 0.2), (ellipse(160, 120, 40), nearer))
    assert decided(instances, disparity, occlusion) == [expected, KEPT if expected == OCCLUDED else OCCLUDED]


@both_rules
def test_an_empty_hole_is_no_contact(occlusion):
    ring = ellipse(160, 120, 90) & ~ellipse(160, 120, 60)
    instances, disparity = scene((ring, 0.3))
    assert decided(instances, disparity, occlusion) == [KEPT]


def test_thin_parts_are_ambiguous_to_the_paper_and_decided_by_the_robust_rule():
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.2), (rectangle(158, 40, 160, 200), 0.4))
    assert decided(instances, disparity, PAPER)[1] == AMBIGUOUS
    assert decided(instances, disparity, ROBUST)[1] == KEPT


def test_a_cut_off_leg_is_occluded_though_most_of_the_contact_is_in_front():
    """In front of a wall with which it has 300 pixels of contact, behind a box that cuts off both its legs."""
    table = rectangle(100, 60, 220, 80) | rectangle(105, 60, 115, 200) | rectangle(205, 60, 215, 200)
    instances, disparity = scene((rectangle(90, 40, 230, 140), 0.1), (table, 0.2), (rectangle(80, 160, 240, 220), 0.4))
    assert decided(instances, disparity, PAPER)[1] == KEPT
    assert decided(instances, disparity, ROBUST)[1] == OCCLUDED


def test_the_middle_of_a_pile_is_occluded():
    """The paper's share of votes drops below half where the object is itself in front of another."""
    instances, disparity = scene(
        (rectangle(40, 40, 220, 200), 0.1), (rectangle(80, 80, 200, 160), 0.2), (rectangle(180, 90, 280, 150), 0.4)
    )
    assert decided(instances, disparity, PAPER) == [OCCLUDED, KEPT, KEPT]
    assert decided(instances, disparity, ROBUST) == [OCCLUDED, OCCLUDED, KEPT]


def test_grazing_contact_hides_nothing_worth_mention():
    instances, disparity = scene((ellipse(100, 120, 60), 0.2), (ellipse(220, 120, 60), 0.4))
    assert decided(instances, disparity, ROBUST) == [KEPT, KEPT]


def test_an_occluder_without_a_mask_is_seen_by_the_robust_rule():
    (behind, _), disparity = scene((ellipse(160, 120, 80), 0.2), (rectangle(150, 0, 175, HEIGHT), 0.4))
    assert decided([behind], disparity, PAPER) == [KEPT]
    assert decided([behind], disparity, ROBUST) == [OCCLUDED]


@both_rules
def test_the_floor_before_an_object_hides_nothing(occlusion):
    floor = np.maximum(np.arange(HEIGHT, dtype=np.float32)[:, None] - 40, 1) * np.ones((1, WIDTH), np.float32) / 500
    (instance,), disparity = scene((rectangle(110, 60, 210, 190), 0.3))
    disparity = np.where(instance.mask, disparity, floor.astype(np.float32))
    assert decided([instance], disparity, occlusion) == [KEPT]


@both_rules
def test_the_image_border_is_no_contour(occlusion):
    instances, disparity = scene((rectangle(0, 0, 100, 120), 0.3), (rectangle(200, 100, WIDTH, HEIGHT), 0.2))
    assert decided(instances, disparity, occlusion) == [KEPT, KEPT]
    assert decided(instances, disparity, occlusion, FilterSettings(min_side=1)) == ["truncated", "truncated"]


@both_rules
def test_contact_at_the_image_border(occlusion):
    instances, disparity = scene((rectangle(0, 0, 160, HEIGHT), 0.2), (rectangle(160, 0, WIDTH, HEIGHT), 0.4))
    assert decided(instances, disparity, occlusion) == [OCCLUDED, KEPT]


@both_rules
def test_whole_image(occlusion):
    instances, disparity = scene((rectangle(0, 0, WIDTH, HEIGHT), 0.3))
    assert decided(instances, disparity, occlusion) == [KEPT]
    assert decided(instances, disparity, occlusion, FilterSettings()) == ["truncated"]


@both_rules
def test_empty_and_single_pixel_masks(occlusion):
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.2), (rectangle(160, 100, 161, 101), 0.4))
    instances.append(Instance("nothing", np.zeros((HEIGHT, WIDTH), bool)))
    assert decided(instances, disparity, occlusion) == [KEPT, KEPT, "empty_mask"]
    assert decided(instances, disparity, occlusion, FilterSettings())[1:] == ["small", "empty_mask"]


@both_rules
def test_without_depth_only_contact_is_rejected(occlusion):
    instances, _ = scene((ellipse(100, 120, 60), 0.2), (ellipse(180, 120, 60), 0.4), (ellipse(290, 120, 20), 0.4))
    assert decided(instances, None, occlusion) == [NO_DEPTH, NO_DEPTH, KEPT]


@both_rules
def test_depth_that_is_nowhere_known_counts_as_none(occlusion):
    instances, disparity = scene((ellipse(100, 120, 60), 0.2), (ellipse(180, 120, 60), 0.4))
    assert decided(instances, np.full_like(disparity, np.nan), occlusion) == [NO_DEPTH, NO_DEPTH]


@both_rules
def test_depth_that_is_partly_unknown_is_judged_by_the_rest(occlusion):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(200, 120, 60), 0.4))
    disparity[np.random.default_rng(0).random(disparity.shape) < 0.4] = np.nan
    assert decided(instances, disparity, occlusion) == [OCCLUDED, KEPT]


@both_rules
def test_sky_at_zero_disparity_is_far(occlusion):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(200, 120, 60), 0.4))
    disparity[~(instances[0].mask | instances[1].mask)] = 0
    assert decided(instances, disparity, occlusion) == [OCCLUDED, KEPT]


@both_rules
def test_depth_of_another_size_is_refused(occlusion):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2))
    with pytest.raises(UserError, match=r"depth of 'drawn' has 319x240 pixels and its masks 320x240"):
        decided(instances, disparity[:, :-1], occlusion)


def test_masks_of_different_sizes_are_refused():
    instances, _ = scene((ellipse(130, 120, 70), 0.2))
    other = Instance("odd", np.ones((10, 10), bool))
    with pytest.raises(UserError, match="Instance odd of 'drawn' has a mask of 10x10 pixels"):
        decided([*instances, other], None, PAPER)


def test_every_constant_of_the_paper_counts():
    """Just on both sides of the ratio; with other offsets and kernels."""
    for inner, expected in ((0.379, OCCLUDED), (0.381, KEPT)):
        instances, disparity = scene((rectangle(60, 60, 160, 180), inner), (rectangle(160, 60, 260, 180), 0.4))
        assert decided(instances, disparity, PAPER)[0] == expected
    instances, disparity = scene((rectangle(60, 60, 160, 180), 0.38), (rectangle(160, 60, 260, 180), 0.41))
    assert decided(instances, disparity, dataclasses.replace(PAPER, ratio=0.9))[0] == KEPT
    apart, disparity = scene((rectangle(60, 60, 160, 180), 0.2), (rectangle(170, 60, 260, 180), 0.4))
    assert decided(apart, disparity, PAPER)[0] == KEPT
    assert decided(apart, disparity, dataclasses.replace(PAPER, contact_kernel=23, offset=0.2))[0] == OCCLUDED
