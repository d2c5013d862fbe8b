"""The benchmark of an evaluation: its objects, and that its stages are what a scorer does."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from real3d_jax.benchmarks import scoring
from real3d_jax.benchmarks.random_batches import random_instance
from real3d_jax.benchmarks.work import encode_tflop, view_tflop
from real3d_jax.data.record_writer import write
from real3d_jax.evaluation.scored_objects import open_instances
from tests.data.samples import multiview_source
from tests.evaluation.tiny_evaluation import make_tiny_evaluation

BATCH = 2


def test_noise_has_the_layout_of_objects_from_records(tmp_path):
    write(tmp_path / "views", multiview_source(objects=0, held_out=1, views=5), progress=False)
    config = make_tiny_evaluation(tmp_path, protocol__semantic__resolution=24, protocol__consistency__resolution=12)
    read, noise = open_instances(config).read(0), random_instance(config, 0)
    assert list(noise) == list(read)
    for name, array in read.items():
        assert (noise[name].shape, noise[name].dtype) == (array.shape, array.dtype), name
    for c2w in noise["c2w"]:
        np.testing.assert_allclose(np.linalg.norm(c2w[:3, 3]), config.protocol.input_view.distance, rtol=1e-5)
        np.testing.assert_allclose(c2w[:3, :3] @ c2w[:3, :3].T, np.eye(3), atol=1e-5)
    assert not np.array_equal(noise["image"], random_instance(config, 1)["image"])


@pytest.mark.parametrize("lpips", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_stages_give_the_scores_of_whole_batches(lpips, tmp_path, monkeypatch):
    """Of the same objects and parameters, so that the stages measured are those of a scorer."""
    if not lpips:
        monkeypatch.setattr(scoring, "RANDOM", "")  # VGG takes long to compile
    config = make_tiny_evaluation(tmp_path)
    encode, render, score, without_lpips = scoring.stage_cases(config, BATCH)
    (whole, result), (sent, _) = scoring.measure_scorer(config, (BATCH,), runs=2, matrix_tflops=1.0)
    assert (result.runs, result.sizes) == (2, {"objects": BATCH, "views": 3, "resolution": 16})
    assert whole.tflop == pytest.approx(BATCH * (encode_tflop(config.model) + 3 * view_tflop(config, 16)))
    assert encode.tflop + render.tflop == pytest.approx(whole.tflop)
    assert sent.function()["rgb"].shape == (BATCH, 3, 16, 16, 3)

    field = jax.jit(encode.function)(*encode.make_arguments())
    noise, cameras = render.make_arguments()
    assert jax.tree.map(lambda x: (x.shape, x.dtype), noise) == jax.tree.map(lambda x: (x.shape, x.dtype), field)
    rgb = jax.jit(render.function)(field, cameras)
    scores = jax.jit(score.function)(rgb, *score.make_arguments()[1:])
    rows = whole.function()
    assert len(rows) == BATCH
    for number, row in enumerate(rows):
        names = {"psnr", "ssim"} | ({"lpips_of_random_weights"} if lpips else set())
        assert set(row.values) == names | {"iou"}  # counting pixels is no stage of its own
        for name in names:
            values = row.values[name]
            np.testing.assert_allclose(scores[name.removesuffix("_of_random_weights")][number], values, atol=1e-4)
    assert without_lpips.make_arguments()[2] is None


@pytest.mark.slow
def test_command_measures_stages_and_whole_batches(tmp_path):
    path = tmp_path / "mine.json"
    words = ["--suites", "evaluate", "--size", "small", "--runs", "2", "--jobs", "2", "--json", str(path)]
    result = subprocess.run([sys.executable, "launch/benchmark.py", *words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = {line["name"]: line for line in json.loads(path.read_text())["results"]}
    assert list(found) == [
        *("encode", "render", "PSNR, SSIM and LPIPS", "PSNR and SSIM alone"),
        *("objects scored", "images stacked and sent"),
    ]
    scored = found["objects scored"]
    assert scored["sizes"] == {"objects": 2, "views": 4, "resolution": 48}
    assert scored["median_ms"] > found["images stacked and sent"]["median_ms"] > 0
    assert f"{2e3 / scored['median_ms']:.1f} objects/s" in result.stdout
