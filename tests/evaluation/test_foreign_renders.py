"""Folders of other methods' renders: numbers by hand, resuming, and every kind of bad input."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from real3d_jax.config.evaluation import NetworksConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation import score_renders
from real3d_jax.evaluation.foreign_frames import SIMILARITIES
from real3d_jax.evaluation.foreign_renders import open_renders, read_image
from real3d_jax.evaluation.score_renders import evaluate_renders
from real3d_jax.export.glb import TO_GLTF
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import save_mesh
from real3d_jax.metrics.meshes import score_mesh
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
    expected = jax.jit(lpips)(load_lpips("random", seed=score_renders._SEED), views, sources)
    np.testing.assert_allclose(row["semantic_lpips_of_random_weights"], expected, atol=1e-5)
    clip = load_clip("random", random_size="tiny", seed=score_renders._SEED)
    embedded = (np.asarray(jax.jit(embed)(clip, images)) for images in (views, sources))
    cosines = np.sum(np.multiply(*embedded), axis=-1)
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


def test_poses_with_a_byte_order_mark(tmp_path):
    make_instance(tmp_path / "r")
    poses = tmp_path / "r" / "poses.json"
    text = poses.read_text()
    for encoding in ("utf-8-sig", "utf-16"):  # of Windows' editors, and of its shell
        poses.write_text(text, encoding=encoding)
        (instance,) = open_renders(tmp_path / "r")
        assert instance.poses[1].azimuth == 90
    poses.write_bytes(b"\xff\x00\xff")
    with pytest.raises(UserError, match="must be a JSON object"):
        open_renders(tmp_path / "r")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"distance": -3.0}, "its distance is -3"),
        ({"fov_y": 0}, "its fov_y is 0 degrees"),
        ({"fov_y": 200}, "its fov_y is 200 degrees"),
        ({"distance": True}, "its distance is 1"),
        ({"distance": None}, "is not understood"),
    ],
)
def test_numbers_that_no_camera_has(tmp_path, change, said):
    make_instance(tmp_path / "r", poses=poses_of(VIEWS, **change))
    with pytest.raises(UserError, match=said):
        open_renders(tmp_path / "r")


def test_endings_of_any_case_jpegs_and_files_of_macos(tmp_path):
    make_instance(tmp_path / "r")
    pred, gt = tmp_path / "r" / "pred", tmp_path / "r" / "gt"
    (pred / "000.png").rename(pred / "000.PNG")
    (tmp_path / "r" / "input.png").rename(tmp_path / "r" / "input.PNG")
    Image.open(pred / "001.png").save(pred / "001.jpg", quality=100, subsampling=0)
    (pred / "001.png").unlink()
    for folder in (pred, gt):
        (folder / "._000.png").write_bytes(b"\x00\x05\x16\x07")
    assert evaluate_renders(tmp_path / "r", tmp_path / "out", method="mine", options=NOTHING) == 0
    psnr = json.loads((tmp_path / "out" / "results.jsonl").read_text())["values"]["psnr"]
    exact = [20 * np.log10(255 / (10 * (view + 1))) for view in range(VIEWS)]
    assert [psnr[0], psnr[2]] == pytest.approx([exact[0], exact[2]], abs=1e-4)
    assert psnr[1] == pytest.approx(exact[1], abs=0.1)  # what JPEG loses
    Image.open(pred / "001.jpg").save(pred / "001.png")
    with pytest.raises(UserError, match=r"pred/001\.jpg' and '001\.png' are there: keep the one"):
        open_renders(tmp_path / "r")


def test_a_jpeg_on_its_side_is_turned(tmp_path):
    make_instance(tmp_path / "r", views=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    true = np.asarray(Image.open(tmp_path / "r" / "gt" / "000.png"))
    Image.fromarray(np.rot90(true)).save(tmp_path / "r" / "pred" / "000.png", exif=exif)
    (instance,) = open_renders(tmp_path / "r")
    np.testing.assert_array_equal(instance.predicted(), instance.targets())


def blob():
    x, y, z = np.meshgrid(*[np.linspace(-0.87, 0.87, 40)] * 3, indexing="ij")
    density = 50 * np.exp(-((x / 0.6) ** 2 + (y / 0.3) ** 2 + ((z - 0.2 * x) / 0.2) ** 2))
    return isosurface(density, radius=0.87, threshold=25.0)


@pytest.mark.parametrize("true", ["ply", "glb", "stl"])
@pytest.mark.parametrize("predicted", ["ply", "obj", "stl", "glb", "GLB"])
def test_one_mesh_in_two_formats_is_the_same(tmp_path, predicted, true):
    """A GLB has y up, as this package writes it, and the others z: it scored 0.32 where 0.0046 is right."""
    make_instance(tmp_path / "r", views=1)
    mesh = blob()
    save_mesh(tmp_path / "r" / "pred" / f"mesh.{predicted.lower()}", mesh)
    save_mesh(tmp_path / "r" / "gt" / f"mesh.{true}", mesh)
    if predicted == "GLB":
        (tmp_path / "r" / "pred" / "mesh.glb").rename(tmp_path / "r" / "pred" / "mesh.GLB")
    (instance,) = open_renders(tmp_path / "r")
    ours, truth = instance.meshes()
    for one in (ours, truth):
        np.testing.assert_allclose(one.vertices[one.faces].min((0, 1)), mesh.vertices.min(0), atol=1e-6)
        np.testing.assert_allclose(one.vertices[one.faces].max((0, 1)), mesh.vertices.max(0), atol=1e-6)
    surfaces = (ours.vertices, ours.faces, truth.vertices, truth.faces)
    assert score_mesh(*surfaces, align=False, count=5000, threshold=0.05, seed=0).chamfer_l1 < 0.02


def test_the_axes_of_other_programs_glbs_are_asked_for(tmp_path):
    mesh = blob()
    lying = trimesh.Trimesh(mesh.vertices @ TO_GLTF.T, mesh.faces, process=False)
    make_instance(tmp_path / "r", views=1)
    lying.export(tmp_path / "r" / "pred" / "mesh.glb")
    (tmp_path / "r" / "gt").mkdir(exist_ok=True)
    save_mesh(tmp_path / "r" / "gt" / "mesh.ply", mesh)
    with pytest.raises(
        UserError, match=r"pred/mesh\.glb' are not known.*\"mesh_axes\": \{\"pred\": \"gltf\"\}, or \"same\""
    ):
        open_renders(tmp_path / "r")
    for axes, similarity, expected in (
        ({"pred": "gltf"}, "real3d", mesh.vertices),
        ("gltf", "lgm", mesh.vertices * np.cbrt(np.linalg.det(SIMILARITIES["lgm"][:3, :3]))),
        ("same", "lgm", mesh.vertices * np.cbrt(np.linalg.det(SIMILARITIES["lgm"][:3, :3]))),
        ("same", "real3d", mesh.vertices @ TO_GLTF.T),
    ):
        poses = {**poses_of(1), "mesh_axes": axes, "similarity": similarity}
        (tmp_path / "r" / "poses.json").write_text(json.dumps(poses))
        (instance,) = open_renders(tmp_path / "r")
        np.testing.assert_allclose(instance.meshes()[0].vertices, expected, atol=1e-5)
    for axes, message in (("y_up", "no value 'y_up'"), ({"prd": "gltf"}, "unknown key 'prd'")):
        (tmp_path / "r" / "poses.json").write_text(json.dumps({**poses_of(1), "mesh_axes": axes}))
        with pytest.raises(UserError, match=message):
            open_renders(tmp_path / "r")


def test_two_meshes_are_one_too_many_and_one_alone_is_told(tmp_path, capsys):
    make_instance(tmp_path / "r", views=1)
    save_mesh(tmp_path / "r" / "pred" / "mesh.ply", blob())
    assert evaluate_renders(tmp_path / "r", tmp_path / "out", method="mine", options=NOTHING) == 0
    assert "has no other mesh to be compared with: geometry of 'r' is left out" in capsys.readouterr().out
    save_mesh(tmp_path / "r" / "pred" / "mesh.obj", blob())
    with pytest.raises(UserError, match=r"mesh\.obj' and 'mesh\.ply' are there"):
        open_renders(tmp_path / "r")
