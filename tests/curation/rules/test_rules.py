"""Each filter, the order of the filters, and what a decision carries."""

import dataclasses
import json

import numpy as np
import pytest
from curation.drawing import HEIGHT, WIDTH, ellipse, reasons, rectangle, scene
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from real3d_jax.curation.depth import to_disparity
from real3d_jax.curation.instances import Instance
from real3d_jax.curation.rules import filters, morphology
from real3d_jax.curation.rules.completion import hidden_area
from real3d_jax.curation.rules.contours import trace
from real3d_jax.curation.rules.decisions import decide, decide_all
from real3d_jax.curation.settings import PAPER, ROBUST, CurationSettings, FilterSettings, OcclusionSettings
from real3d_jax.errors import UserError

SETTINGS = FilterSettings()
ANY_SIZE = FilterSettings(min_side=1, border=0)
MASK = rectangle(100, 60, 220, 180)


@pytest.mark.parametrize(("score", "rejects"), [(0.29, True), (0.3, False)])
def test_score(score, rejects):
    verdict = filters.score_verdict(Instance(1, MASK, score=score), SETTINGS)
    assert (verdict.reason == "low_score") == rejects and verdict.details == {"score": score}


@pytest.mark.parametrize(("right", "bottom", "rejects"), [(100, 400, True), (101, 400, False), (400, 100, True)])
def test_size_is_of_the_shorter_side(right, bottom, rejects):
    verdict = filters.size_verdict((1, 1, right, bottom), SETTINGS)
    assert (verdict.reason == "small") == rejects and verdict.details["side"] == min(right, bottom) - 1


@pytest.mark.parametrize("box", [(9, 50, 80, 80), (50, 9, 80, 80), (50, 50, 91, 80), (50, 50, 80, 191)])
def test_truncation_at_every_border(box):
    assert filters.truncation_verdict(box, 100, 200, SETTINGS).reason == "truncated"
    inside = tuple(np.add(box, (1, 1, -1, -1)).tolist())
    assert filters.truncation_verdict(inside, 100, 200, SETTINGS).reason is None


def test_category_is_compared_without_case():
    excluded = FilterSettings(excluded_categories=("Bus", "train"))
    for name, reason in (("bus", "category"), ("TRAIN", "category"), ("bush", None), ("", None)):
        assert filters.category_verdict(Instance(1, MASK, name), excluded).reason == reason


def test_the_first_filter_that_rejects_gives_the_reason():
    """In the order of the paper: confidence, size, truncation, category."""
    small = rectangle(5, 60, 60, 180)
    settings, names = CurationSettings(), []
    for instance in (
        Instance(1, small, "bus", 0.1),
        Instance(2, small, "bus"),
        Instance(3, rectangle(5, 60, 160, 180), "bus"),
        Instance(4, MASK, "bus"),
    ):
        decision = decide(instance, [], None, settings=settings, image_key="a")
        names.append(decision.reason)
        assert not decision.kept and decision.evidence is None
    assert names == ["low_score", "small", "truncated", "category"]


@pytest.mark.parametrize("rule", [PAPER, ROBUST], ids=["paper", "robust"])
def test_detections_of_low_confidence_are_nobodys_neighbour(rule):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(170, 120, 60), 0.21))
    settings = CurationSettings(filters=ANY_SIZE, occlusion=dataclasses.replace(rule, ratio=0.99))
    if rule is ROBUST:
        contour = dataclasses.replace(rule.contour, ratio=0.99)
        settings = dataclasses.replace(settings, occlusion=dataclasses.replace(rule, contour=contour))
    unsure = dataclasses.replace(instances[1], score=0.2)
    for neighbour, kept in ((instances[1], False), (unsure, True)):
        decisions = decide_all([instances[0], neighbour], disparity, settings=settings, image_key="a")
        assert decisions[0].kept == kept


@pytest.mark.parametrize("rule", [PAPER, ROBUST], ids=["paper", "robust"])
def test_one_by_one_or_all_at_once_and_in_any_order(rule):
    instances, disparity = scene(
        (ellipse(100, 120, 80, 60), 0.2), (ellipse(180, 120, 60), 0.21), (rectangle(150, 60, 180, 220), 0.4)
    )
    disparity = disparity * (1 + 0.05 * np.random.default_rng(0).standard_normal(disparity.shape)).astype(np.float32)
    settings = CurationSettings(filters=ANY_SIZE, occlusion=rule)
    together = decide_all(instances, disparity, settings=settings, image_key="a")
    backwards = decide_all(instances[::-1], disparity, settings=settings, image_key="a")[::-1]
    alone = [
        decide(
            one, [other for other in instances[::-1] if other is not one], disparity, settings=settings, image_key="a"
        )
        for one in instances
    ]
    for decisions in (backwards, alone):
        assert [decision.details for decision in decisions] == [decision.details for decision in together]
    if rule is PAPER:
        elsewhere = decide_all(instances, disparity, settings=settings, image_key="b")
        reseeded = decide_all(instances, disparity, settings=dataclasses.replace(settings, seed=1), image_key="a")
        for others in (elsewhere, reseeded):
            assert not np.array_equal(others[0].evidence.points, together[0].evidence.points)


@pytest.mark.parametrize("rule", [PAPER, ROBUST], ids=["paper", "robust"])
def test_details_go_into_json_and_evidence_lies_on_the_contour(rule):
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(200, 120, 60), 0.4))
    settings = CurationSettings(filters=ANY_SIZE, occlusion=rule)
    for instance, decision in zip(
        instances, decide_all(instances, disparity, settings=settings, image_key="a"), strict=True
    ):
        assert json.loads(json.dumps(decision.details)) == decision.details
        assert json.dumps(decision.reason) == f'"{decision.reason}"' and decision.kept == (decision.reason == "kept")
        evidence = decision.evidence
        assert instance.mask[tuple(evidence.boundary.T[::-1])].all()
        assert {tuple(point) for point in evidence.contact} <= {tuple(point) for point in evidence.boundary}
        np.testing.assert_allclose(np.linalg.norm(evidence.normals, axis=1), 1, atol=1e-5)
        inner, outer = (tuple(np.rint(side).astype(int).T[::-1]) for side in (evidence.inner, evidence.outer))
        assert instance.mask[inner].mean() > 0.8 and instance.mask[outer].mean() < 0.2
        nearer = evidence.outer_disparity > evidence.inner_disparity
        assert (nearer == evidence.occluded).mean() > 0.9
        assert nearer.mean() > 0.5 if decision.reason == "occluded" else nearer.mean() < 0.1


def test_settings_that_make_no_sense_are_refused():
    for change in (
        {"boundary_kernel": 8},
        {"contact_kernel": 1},
        {"sobel_kernel": 4},
        {"votes": 0.0},
    ):
        with pytest.raises(UserError):
            OcclusionSettings(**change)


@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 5, 9, 15]))
def test_erosion_and_dilation_are_those_of_scipy(seed, kernel):
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.standard_normal((40, 31)), 2) > -0.05
    square = np.ones((kernel, kernel), bool)
    np.testing.assert_array_equal(morphology.erode(mask, kernel), ndimage.binary_erosion(mask, square, border_value=1))
    np.testing.assert_array_equal(morphology.dilate(mask, kernel), ndimage.binary_dilation(mask, square))


def test_box_of_a_mask():
    assert Instance(1, rectangle(3, 5, 10, 7)).box == (3, 5, 10, 7)
    assert Instance(1, np.zeros((4, 4), bool)).box is None


def test_normals_of_a_disc_point_away_from_its_middle():
    contour = trace(ellipse(160, 120, 60), spacing=3.0, smoothing=3.0, least_length=20.0)
    outwards = (contour.points - [160, 120]) / np.linalg.norm(contour.points - [160, 120], axis=1, keepdims=True)
    assert (outwards * contour.normals).sum(1).min() > 0.98
    np.testing.assert_allclose(np.linalg.norm(contour.points - [160, 120], axis=1), 60, atol=0.8)
    ring = trace(ellipse(160, 120, 60) & ~ellipse(160, 120, 30), spacing=3.0, smoothing=3.0, least_length=20.0)
    hole = np.linalg.norm(ring.points - [160, 120], axis=1) < 45
    assert len(np.unique(ring.curve)) == 2 and hole.any()
    towards = ((ring.points - [160, 120]) * ring.normals).sum(1)[hole]
    assert towards.max() < 0


def hidden_of(visible: np.ndarray, covered: np.ndarray) -> float:
    """Guessed hidden area of a mask, where points beside `covered` belong to something nearer."""
    contour = trace(visible, spacing=3.0, smoothing=3.0, least_length=20.0)
    beyond = np.rint(contour.points + 2 * contour.normals).astype(int)
    return hidden_area(contour, covered[beyond[:, 1], beyond[:, 0]], tangent=4, extension=1.0)


def test_hidden_corner_of_a_box_is_completed():
    whole, cover = rectangle(60, 60, 200, 180), rectangle(160, 140, 300, 230)
    assert abs(hidden_of(whole & ~cover, cover) / (whole & cover).sum() - 1) < 0.05


def test_hidden_cap_of_a_disc_is_completed():
    whole, cover = ellipse(130, 120, 80), rectangle(190, 0, WIDTH, HEIGHT)
    guess, truth = hidden_of(whole & ~cover, cover), (whole & cover).sum()
    assert truth < guess < 2.5 * truth  # the tangents' triangle has 1.7 times the area of this cap


def test_what_cuts_a_band_in_two_hides_a_square_on_each_side():
    whole, cover = rectangle(40, 100, 280, 130), rectangle(140, 0, 180, HEIGHT)
    assert abs(hidden_of(whole & ~cover, cover) / (2 * 30 * 30) - 1) < 0.2


def test_nothing_hidden_where_nothing_is_owned():
    assert hidden_of(ellipse(130, 120, 80), np.zeros((HEIGHT, WIDTH), bool)) == 0


def test_disparity_keeps_its_numbers_and_metric_depth_is_inverted():
    nan, inf = np.nan, np.inf
    given = np.array([[2.0, 0.0, -1.0], [nan, inf, 0.5]])
    np.testing.assert_array_equal(to_disparity(given), np.float32([[2, 0, 0], [nan, nan, 0.5]]))
    np.testing.assert_array_equal(to_disparity(given, kind="metric"), np.float32([[0.5, nan, nan], [nan, 0, 2]]))
    assert to_disparity(np.uint16([[3]])).dtype == np.float32


def test_metric_depth_decides_as_its_disparity_does():
    instances, disparity = scene((ellipse(130, 120, 70), 0.2), (ellipse(200, 120, 60), 0.4))
    settings = CurationSettings(filters=ANY_SIZE)
    inverted = to_disparity(1 / disparity, kind="metric")
    assert reasons(decide_all(instances, inverted, settings=settings, image_key="a")) == ["occluded", "kept"]
