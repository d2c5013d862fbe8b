"""Folders of other methods' renders: numbers by hand, resuming, and every kind of bad input."""

import dataclasses
import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from real3d_jax.config.evaluation import NetworksConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation import score_renders
from real3d_jax.evaluation.foreign_renders import open_renders, read_image
from real3d_jax.evaluation.score_renders import evaluate_renders
from real3d_jax.perceptual.image_encoder import embed
from real3d_jax.perceptual.lpips import lpips
from real3d_jax.weights.networks import load_clip, load_lpips

SIZE, VIEWS = 32, 3
NOTHING = NetworksConfig(vgg="", clip="", clip_random_size="base", inception="")


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def make_instance(folder, *, seed=0, views=VIEWS, true=True, poses=None):
    """Noise, and predictions that are off by a grey value of 10 * (view + 1)."""
    rng = np.random.default_rng(seed)
    save(folder / "input.png", rng.integers(0, 256, (SIZE, SIZE, 3)))
    for view in range(views):
        pixels = rng.integers(0, 200, (SIZE, SIZE, 3))
        if true:
            save(folder / "gt" / f"{view:03d}.png", pixels)
        save(folder / "pred" / f"{view:03d}.png", pixels + 10 * (view + 1))
    poses = poses or {
        "fov_y": 40.0,
        "distance": 3.0,
        "views": [{"azimuth": 90 * v, "elevation": 0} for v in range(views)],
    }
    (folder / "poses.json").write_text(json.dumps(poses))


@pytest.fixture
def renders(tmp_path):
    """Two instances."""
    for seed, name in enumerate(("chair", "lamp")):
        make_instance(tmp_path / "renders" / name, seed=seed)
    return tmp_path / "renders"


def summary(out):
    return json.loads((out / "summary.json").read_text())


def test_scores_by_hand(renders, tmp_path):
    assert evaluate_renders(renders, tmp_path / "out", method="mine", options=NOTHING) == 0
    found = summary(tmp_path / "out")
    # Each view is off by a constant: its PSNR is 20 log10(255 / (10 (v + 1))), the same for both instances.
    psnr = [20 * np.log10(255 / (10 * (view + 1))) for view in range(VIEWS)]
    assert found["psnr"]["mean"] == pytest.approx(np.mean(psnr), abs=1e-4)
    assert (found["psnr"]["count"], found["psnr"]["unit"], found["psnr"]["views"]) == (2, "instance", 2 * VIEWS)
    ssim = [
        structural_similarity(
            *(np.asarray(Image.open(renders / name / part / f"{view:03d}.png")) for part in ("pred", "gt")),
            channel_axis=-1,
            data_range=255,
        )
        for name in ("chair", "lamp")
        for view in range(VIEWS)
    ]
    assert found["ssim"]["mean"] == pytest.approx(np.mean(ssim), abs=1e-4)
    low, high = found["ssim"]["interval"]
    assert low <= found["ssim"]["mean"] <= high
    assert set(found["about"]["left out"]) == {"lpips", "clip", "fid", "kid"}
    assert "lpips" not in found


def test_one_instance_alone_is_resampled_by_view(renders, tmp_path):
    assert evaluate_renders(renders / "chair", tmp_path / "out", method="mine", options=NOTHING) == 0
    found = summary(tmp_path / "out")["psnr"]
    assert (found["count"], found["unit"]) == (VIEWS, "view")
    assert found["interval"][0] < found["mean"] < found["interval"][1]


def test_more_views_than_a_chunk_and_a_transparent_background(tmp_path):
    views = score_renders._CHUNK + 1
    make_instance(tmp_path / "r", views=views)
    rng = np.random.default_rng(3)
    true, alpha = rng.integers(0, 256, (SIZE, SIZE, 3)), rng.integers(0, 256, (SIZE, SIZE, 1))
    name = f"{views - 1:03d}.png"
    save(tmp_path / "r" / "gt" / name, true)
    save(tmp_path / "r" / "pred" / name, np.concatenate([true, alpha], -1))
    evaluate_renders(tmp_path / "r", tmp_path / "out", method="mine", options=NOTHING)
    row = json.loads((tmp_path / "out" / "results.jsonl").read_text())
    on_white = true / 255 * (alpha / 255) + 1 - alpha / 255
    expected = peak_signal_noise_ratio(true / 255, on_white, data_range=1)
    assert len(row["values"]["psnr"]) == views
    assert row["values"]["psnr"][-1] == pytest.approx(expected, abs=0.05)  # pictures of 8 bits
    assert row["values"]["psnr"][0] == pytest.approx(20 * np.log10(25.5), abs=1e-4)


def test_views_are_compared_with_the_input_except_for_itself(tmp_path):
    make_instance(tmp_path / "r", true=False)
    options = dataclasses.replace(NOTHING, vgg="random", clip="random", clip_random_size="tiny")
    assert evaluate_renders(tmp_path / "r", tmp_path / "out", method="mine", options=options) == 0
    row = json.loads((tmp_path / "out" / "results.jsonl").read_text())["values"]
    assert {name: len(values) for name, values in row.items()} == {
        "semantic_clip_of_random_weights": VIEWS - 1,  # azimuth 0 is the input view
        "semantic_lpips_of_random_weights": VIEWS - 1,
    }
    (instance,) = open_renders(tmp_path / "r")
    views, source = (jnp.float32(x) / 255 for x in (instance.predicted()[1:], instance.input(SIZE, SIZE)))
    sources = jnp.broadcast_to(source, views.shape)
    expected = lpips(load_lpips("random", seed=score_renders._SEED), views, sources)
    np.testing.assert_allclose(row["semantic_lpips_of_random_weights"], expected, atol=1e-5)
    clip = load_clip("random", random_size="tiny", seed=score_renders._SEED)
    cosines = np.sum(embed(clip, views) * embed(clip, sources), axis=-1)
    np.testing.assert_allclose(row["semantic_clip_of_random_weights"], cosines, atol=1e-5)


def test_a_second_run_scores_only_what_changed(renders, tmp_path, monkeypatch):
    out = tmp_path / "out"
    evaluate_renders(renders, out, method="mine", options=NOTHING)
    before = {name: (out / name).read_bytes() for name in ("summary.json", "results.csv", "table.md", "report.html")}
    scored = []
    original = score_renders.score_instance
    monkeypatch.setattr(
        score_renders, "score_instance", lambda i, *a, **k: (scored.append(i.key), original(i, *a, **k))[1]
    )
    evaluate_renders(renders, out, method="mine", options=NOTHING)
    assert scored == []
    assert before == {name: (out / name).read_bytes() for name in before}
    shutil.rmtree(renders / "lamp")
    make_instance(renders / "lamp", seed=7, views=2)
    evaluate_renders(renders, out, method="mine", options=NOTHING)
    assert scored == ["lamp"]
    lamp = np.mean([20 * np.log10(25.5), 20 * np.log10(12.75)])
    chair = np.mean([20 * np.log10(255 / (10 * (view + 1))) for view in range(VIEWS)])
    assert summary(out)["psnr"]["mean"] == pytest.approx((lamp + chair) / 2, abs=1e-4)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def poses_of(count, **changes):
    return {"fov_y": 40.0, "distance": 3.0, "views": [{"azimuth": 0, "elevation": 0}] * count} | changes


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "gt" / "001.png").unlink(), r"gt/001\.png' is missing"),
        (lambda d: (d / "pred" / "001.png").unlink(), r"pred/001\.png' is missing"),
        (lambda d: (d / "input.png").unlink(), r"has no input\.png"),
        (lambda d: (d / "poses.json").unlink(), r"has no poses\.json"),
        (lambda d: shutil.rmtree(d / "pred"), "holds no PNG"),
        (lambda d: truncate(d / "pred" / "001.png"), r"pred/001\.png' cannot be read"),
        (lambda d: (d / "pred" / "001.png").write_text("no image"), r"pred/001\.png' is no readable image"),
        (lambda d: save(d / "gt" / "001.png", np.zeros((16, 16, 3))), r"gt/001\.png' is 16 x 16 and .* is 32 x 32"),
        (lambda d: (d / "poses.json").write_text("{"), "must be a JSON object"),
        (lambda d: (d / "poses.json").write_text("[]"), "must be a JSON object"),
        (lambda d: (d / "poses.json").write_text(json.dumps(poses_of(2))), "has 2 views, but 3 images"),
        (lambda d: (d / "poses.json").write_text(json.dumps(poses_of(3, fovy=3))), "unknown key 'fovy'"),
        (lambda d: (d / "poses.json").write_text(json.dumps(poses_of(3, views=[{}] * 3))), "it lacks 'azimuth'"),
        (lambda d: (d / "poses.json").write_text(json.dumps(poses_of(3, views=[5] * 3))), "must be an object"),
        (
            lambda d: (d / "poses.json").write_text(json.dumps(poses_of(3, similarity=np.diag([1, 2, 1, 1]).tolist()))),
            "is no similarity",
        ),
    ],
)
def test_bad_input_is_told_in_one_sentence(renders, tmp_path, spoil, message):
    spoil(renders / "lamp")
    with pytest.raises(UserError, match=message) as caught:
        evaluate_renders(renders, tmp_path / "out", method="mine", options=NOTHING)
    assert "\n" not in str(caught.value)


def test_a_damaged_image_loses_nothing_done(renders, tmp_path):
    truncate(renders / "lamp" / "pred" / "001.png")
    with pytest.raises(UserError):
        evaluate_renders(renders, tmp_path / "out", method="mine", options=NOTHING)
    assert json.loads((tmp_path / "out" / "results.jsonl").read_text())["key"] == "chair"


def test_folders_without_instances(tmp_path):
    with pytest.raises(UserError, match="is no folder"):
        open_renders(tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no instance"):
        open_renders(tmp_path)


def test_images_of_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(UserError, match="more than 8 bits"):
        read_image(tmp_path / "x.png")


def test_nothing_to_score_is_an_error(tmp_path):
    make_instance(tmp_path / "r", true=False)
    with pytest.raises(UserError, match=r"Nothing of .* can be scored"):
        evaluate_renders(tmp_path / "r", tmp_path / "out", method="mine", options=NOTHING)


def test_poses_are_mapped_by_the_similarity(tmp_path):
    # LGM's front camera, y up, at +z, 1.5 away.
    front = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.5], [0, 0, 0, 1]]
    # From its right (+x), looking at the origin.
    right = [[0, 0, 1, 1.5], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]]
    astray = [[1, 0, 0, 0.8], [0, 1, 0, 0], [0, 0, 1, 1.5]]
    views = [{"c2w": c2w, "fov_y": 49.1} for c2w in (front, right, astray)]
    make_instance(tmp_path / "r", poses={"similarity": "lgm", "views": views})
    (instance,) = open_renders(tmp_path / "r")
    front, right, astray = instance.poses
    half_extent = 1.5 * np.tan(np.radians(49.1 / 2))
    assert (front.azimuth, front.elevation, front.off_axis) == pytest.approx((0, 0, 0), abs=1e-4)
    assert front.distance == pytest.approx(1.5 * 3 * np.tan(np.radians(19.8)) / half_extent)
    assert (right.azimuth, right.elevation, right.off_axis) == pytest.approx((90, 0, 0), abs=1e-4)
    assert front.is_input and not right.is_input
    assert astray.off_axis == pytest.approx(np.degrees(np.arctan(0.8 / 1.5)), abs=1e-3)
