"""The drawn scenes' truth, and the rules' precision and recall on some of them."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from real3d_jax.benchmarks.curation.accuracy import judge, score
from real3d_jax.benchmarks.curation.degradations import DEGRADATIONS, degrade
from real3d_jax.benchmarks.curation.scenes import KINDS_OF_SCENES, make_scene
from real3d_jax.benchmarks.curation.trials import settings_of

TEST_SEED = 7


def test_scenes_are_the_same_each_time_and_masks_do_not_overlap():
    for index in range(4):
        first, second = make_scene(TEST_SEED, index), make_scene(TEST_SEED, index)
        np.testing.assert_array_equal(first.disparity, second.disparity)
        assert first.hidden == second.hidden
        assert sum(instance.mask.astype(int) for instance in first.instances).max() == 1
        assert all(0 <= hidden <= 1 for hidden in first.hidden)


def test_what_is_hidden_is_known():
    """Of an object that touches nothing, nothing is; some are hidden in heaps."""
    hidden = [share for index in range(12) for share in make_scene(TEST_SEED, index, KINDS_OF_SCENES["crowded"]).hidden]
    assert min(hidden) == 0 and 0.1 < np.mean(np.array(hidden) > 0.01) < 0.8


def test_degradation_leaves_the_truth_alone():
    scene = make_scene(TEST_SEED, 0)
    assert degrade(scene, DEGRADATIONS[0]).disparity is not None
    worse = degrade(scene, DEGRADATIONS[-1])
    assert worse.hidden == scene.hidden and len(worse.instances) == len(scene.instances)
    relative = np.abs(worse.disparity / scene.disparity - 1)
    assert 0.01 < np.median(relative) < 0.05
    moved = [np.mean(a.mask != b.mask) for a, b in zip(scene.instances, worse.instances, strict=True)]
    assert 0 < max(moved) < 0.01


def outcomes(kind, rule, *, scenes=None, instances=None, degradation=DEGRADATIONS[0]):
    """Of so many scenes, or of as many as have so many instances."""
    found, numbers = [], itertools.count()
    while (number := next(numbers)) != scenes and (instances is None or len(found) < instances):
        scene = degrade(make_scene(TEST_SEED, number, KINDS_OF_SCENES[kind]), degradation)
        found += judge(number, scene, settings_of(rule))
    return found


def test_robust_is_better_than_the_paper_in_heaps():
    paper, robust = (score(outcomes("crowded", rule, scenes=40)) for rule in ("paper", "robust"))
    assert robust.instances == paper.instances > 80
    assert robust.precision > max(0.95, paper.precision) and robust.recall > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["apart", "crowded"])
def test_robust_reaches_95_percent_on_2000_instances(kind):
    counts = score(outcomes(kind, "robust", instances=2000))
    assert counts.instances >= 2000
    assert counts.precision >= 0.95 and counts.recall >= 0.95


def test_command_writes_numbers_and_refuses_unknown_names(tmp_path):
    command = [sys.executable, "-m", "real3d_jax.benchmarks.curation"]
    options = ["--scenes", "3", "--kinds", "crowded", "--degradations", "exact", "--runs", "0"]
    subprocess.run(
        [*command, *options, "--json", str(tmp_path / "a.json"), "--pictures", str(tmp_path / "p")], check=True
    )
    rows = json.loads((tmp_path / "a.json").read_text())["accuracy"]
    assert [row["rule"] for row in rows] == ["paper", "robust"] and rows[0]["all"]["instances"] > 0
    refused = subprocess.run([*command, "--rules", "papr"], capture_output=True, text=True)
    assert refused.returncode == 2 and "--rules has no 'papr'" in refused.stderr
