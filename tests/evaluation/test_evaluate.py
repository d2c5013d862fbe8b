"""Evaluation runs over embedded objects: right numbers, resumed exactly, and what is refused."""

import csv
import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from configs.smoke import get_config as get_training_config
from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras, spherical_c2w
from real3d_jax.checkpoints.trained_model import find_model, load_checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.data import MultiviewSourceConfig
from real3d_jax.data.examples import ImageSizes, MultiviewExamples
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.results import ROWS, default_out, load_rows
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.models.lrm import make_model
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.runtime import hosts
from real3d_jax.training.objective import close_cycle
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.evaluation.tiny_evaluation import OBJECTS, make_tiny_evaluation

TABLES = ("results.csv", "summary.json", "table.md", "report.html", ROWS)


def summary(out):
    return json.loads((out / "summary.json").read_text())


def example(tiny, views):
    """The first test object by the pipeline of training, which evaluation does not use."""
    data = RecordSet(f"{tiny.data.root}/{tiny.data.path}", "test")
    source = MultiviewSourceConfig("", 0.0, 2.4, 0, False)
    sizes = ImageSizes(tiny.model.image_size, 16, True)
    return data.keys[0], as_float(
        jax.tree.map(
            lambda x: jnp.asarray(x)[None], MultiviewExamples(data, source, sizes, len(views)).chosen(0, views)
        )
    )


def test_novel_views_are_scored_as_the_renderer_and_scikit_image_say(tiny, params, finished):
    key, fields = example(tiny, [0, 1, 3, 4])  # 3 of the 4 others, evenly
    cameras = Cameras(fields["c2w"], fields["intrinsics"])

    @jax.jit
    def render(params, image, cameras):
        field = reconstruct(params, image, model=make_model(tiny.model, tiny.compute))
        return render_views(field, cameras, tiny.render, resolution=16)[0]

    rgb = render(params, fields["image"], cameras)
    expected = [
        peak_signal_noise_ratio(np.asarray(true), np.asarray(view), data_range=1)
        for true, view in zip(fields["rgb"][0, 1:], rgb[0, 1:], strict=True)
    ]
    row = load_rows(finished)[0]
    assert row.key == key
    np.testing.assert_allclose(row.values["psnr"], expected, atol=1e-3)


def test_the_input_view_is_scored_where_it_was_taken(data_root, params, checkpoint, tmp_path):
    config = make_tiny_evaluation(data_root, scored__input_view=True, data__limit=1)
    assert evaluate(config, find_model(checkpoint), tmp_path, method="tiny") == 0
    _, fields = example(config, [0, 1])
    canonical = Cameras(fields["c2w"][:, :1], fields["intrinsics"][:, :1])

    @jax.jit
    def render(params, image, cameras):
        field = reconstruct(params, image, model=make_model(config.model, config.compute))
        return render_views(field, cameras, config.render, resolution=16)[0]

    seen = np.asarray(render(params, fields["image"], canonical))[0, 0]
    expected = peak_signal_noise_ratio(np.asarray(fields["rgb"][0, 0]), seen, data_range=1)
    (row,) = load_rows(tmp_path)
    np.testing.assert_allclose(row.values["input_psnr"], [expected], atol=1e-3)
    heads = (tmp_path / "table.md").read_text().splitlines()[0]
    assert heads.split("|")[-2].strip() == "Input view"


def test_silhouettes_are_those_of_the_renderer(tiny, params, finished):
    _, fields = example(tiny, [0, 1, 3, 4])
    cameras = Cameras(fields["c2w"], fields["intrinsics"])

    @jax.jit
    def opacity(params, image, cameras):
        field = reconstruct(params, image, model=make_model(tiny.model, tiny.compute))
        return render_views(field, cameras, tiny.render, resolution=16)[1]

    seen = np.asarray(opacity(params, fields["image"], cameras))[0, 1:, ..., 0] > 0.5
    true = np.zeros((16, 16), bool)
    true[4:12, 4:12] = True  # the square of `samples.picture`
    expected = (seen & true).sum((1, 2)) / (seen | true).sum((1, 2))
    assert expected.min() > 0.05 and expected.max() < 0.95
    np.testing.assert_allclose(load_rows(finished)[0].values["iou"], expected, atol=1e-6)


def test_baselines_are_scored_as_novel_views_are(data_root, checkpoint, tmp_path):
    config = make_tiny_evaluation(data_root, scored__baselines=True, data__limit=1)
    assert evaluate(config, find_model(checkpoint), tmp_path, method="tiny") == 0
    (row,) = load_rows(tmp_path)
    _, fields = example(config, [0, 1, 3, 4])
    source, *others = np.asarray(fields["rgb"][0])
    colour = np.broadcast_to(source.mean((0, 1)), source.shape)
    for name, picture in (("input_shown", source), ("one_colour", colour)):
        expected = [peak_signal_noise_ratio(true, picture, data_range=1) for true in others]
        np.testing.assert_allclose(row.values[f"psnr_{name}"], expected, atol=1e-3)
    np.testing.assert_array_equal(row.values["iou_input_shown"], 1)  # squares of one size
    assert "iou_one_colour" not in row.values
    lines = [line.split(" | ")[0] for line in (tmp_path / "table.md").read_text().splitlines()[3:6]]
    assert lines == ["| tiny", "| the input view, shown for every view", "| the input view's mean colour, everywhere"]


def test_consistency_is_the_cycle_of_training(tiny, params, finished):
    _, fields = example(tiny, [0, 1])
    training = get_training_config("scratch")
    training.losses.cycle.rerender = tiny.model.image_size
    training = dataclasses.replace(
        config_files.parse(training), render=dataclasses.replace(tiny.render, resolution=16), model=tiny.model
    )
    model = make_model(tiny.model, tiny.compute)
    cameras = Cameras(fields["c2w"][:, 0], fields["intrinsics"][:, 0])

    @jax.jit
    def close(params, image, cameras, novel):
        field = reconstruct(params, image, model=model)
        return close_cycle(params, field, cameras, novel, model=model, config=training)[1].rgb[0]

    expected = []
    for azimuth, elevation in ((0, 0), (30, 30)):
        novel = spherical_c2w(np.radians(azimuth), np.radians(elevation), 2.4)[None]
        returned = close(params, fields["image"], cameras, novel)
        true = np.asarray(fields["rgb"][0, 0])
        expected.append(peak_signal_noise_ratio(true, np.asarray(returned), data_range=1))
    np.testing.assert_allclose(load_rows(finished)[0].values["consistency_psnr"], expected, atol=1e-3)


def test_summary_and_csv_hold_the_means_of_the_rows(finished):
    rows = load_rows(finished)
    assert len(rows) == OBJECTS
    means = [row.values["psnr"].mean() for row in rows]
    found = summary(finished)["psnr"]
    assert found["mean"] == pytest.approx(np.mean(means))
    assert (found["count"], found["views"], found["non_finite"], found["unit"]) == (OBJECTS, 3 * OBJECTS, 0, "instance")
    low, high = found["interval"]
    assert min(means) <= low < found["mean"] < high <= max(means)
    lines = list(csv.DictReader((finished / "results.csv").open()))
    assert [float(line["psnr"]) for line in lines] == pytest.approx(means, rel=1e-5)
    assert [line["key"] for line in lines] == [row.key for row in rows]


def test_missing_weights_leave_metrics_out_by_name(finished):
    assert set(summary(finished)["about"]["left out"]) == {"lpips", "clip", "fid", "kid"}
    assert "`lpips` is left out: config.networks.vgg names no weights." in (finished / "table.md").read_text()
    assert not any("lpips" in name for name in summary(finished) if name != "about")


def test_a_killed_run_goes_on_and_gives_the_same_tables(
    tiny, checkpoint, finished, tmp_path, monkeypatch, killed_after
):
    with killed_after(2):
        evaluate(tiny, find_model(checkpoint), tmp_path, method="tiny")
    kept = (tmp_path / ROWS).read_bytes().splitlines(keepends=True)
    assert len(kept) == 4
    (tmp_path / ROWS).write_bytes(b"".join(kept[:-1]) + kept[-1][:40])  # the kill came amid a line

    score, calls = Scorer.score, []

    def counted(self, instances):
        calls.append(len(instances))
        return score(self, instances)

    monkeypatch.setattr(Scorer, "score", counted)
    assert evaluate(tiny, find_model(checkpoint), tmp_path, method="tiny") == 0
    assert calls == [2, 1]  # the batch that lacked a row, and the last one
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_folder_of_other_settings_is_refused(tiny, checkpoint, finished):
    for key, change in (
        ("protocol", dataclasses.replace(tiny.protocol, every=2)),
        ("model", dataclasses.replace(tiny.model, plane_channels=8)),
    ):
        with pytest.raises(UserError, match=r"other settings \(config\.protocol\.every|another size"):
            evaluate(dataclasses.replace(tiny, **{key: change}), find_model(checkpoint), finished, method="tiny")


def test_predictions_that_are_not_finite_are_counted(data_root, params, tmp_path, capsys):
    config = make_tiny_evaluation(data_root, scored__consistency=False, data__limit=2)
    broken = jax.tree.map(np.copy, params)
    broken["decoder"]["layer_0"]["bias"][:] = 3e38  # finite, as weights must be, but not what follows from it
    save_weights(tmp_path / "weights", weights_from_params(broken, {}, where="a test"))
    assert evaluate(config, find_model(tmp_path / "weights"), tmp_path / "out", method="broken") == 0
    found = summary(tmp_path / "out")["psnr"]
    assert (found["mean"], found["interval"], found["count"], found["non_finite"]) == (None, None, 0, 2)
    assert "2 of 2 instances have a prediction that is not finite" in capsys.readouterr().out
    assert "not finite: " in (tmp_path / "out" / "report.html").read_text()
    assert [line["non_finite_views"] for line in csv.DictReader((tmp_path / "out" / "results.csv").open())] == ["3"] * 2


def test_semantic_metrics_and_a_fitted_distance(data_root, checkpoint, tmp_path):
    config = make_tiny_evaluation(
        data_root,
        "released",
        scored__consistency=False,
        data__limit=2,
        protocol__every=1,
        networks__clip="random",
        networks__clip_random_size="tiny",
        calibration__distances=(1.8, 2.4),
    )
    assert evaluate(config, find_model(checkpoint), tmp_path, method="tiny") == 0
    nearer = make_tiny_evaluation(
        data_root,
        "released",
        scored__consistency=False,
        data__limit=2,
        protocol__every=1,
        protocol__input_view__distance=1.8,
        cases=0,
    )
    assert evaluate(nearer, find_model(checkpoint), tmp_path / "nearer", method="tiny") == 0
    rows, found = load_rows(tmp_path), summary(tmp_path)
    for row, near in zip(rows, load_rows(tmp_path / "nearer"), strict=True):  # a search renders what 1.8 would
        assert row.search["psnr"][0] == pytest.approx(near.values["psnr"].mean(), abs=1e-3)
        assert abs(row.search["psnr"][0] - row.search["psnr"][1]) > 0.01
    assert all(len(row.values["semantic_clip_of_random_weights"]) == 8 for row in rows)
    for row in rows:  # 2.4 is the distance that scores without a search
        assert row.search["psnr"][1] == pytest.approx(row.values["psnr"].mean(), abs=1e-4)
    by_input = [row.search["psnr"][row.search["input_psnr"].argmax()] for row in rows]
    assert found["psnr_fitted_on_input"]["mean"] == pytest.approx(np.mean(by_input))
    assert found["psnr_fitted_on_metric"]["mean"] == pytest.approx(np.mean([row.search["psnr"].max() for row in rows]))
    # The released protocol scores the input view first.
    assert rows[0].values["psnr"][0] == pytest.approx(rows[0].search["input_psnr"][1], abs=1e-4)
    assert "not a fair score" in (tmp_path / "table.md").read_text()


def test_a_checkpoint_of_another_model_is_refused(tiny, checkpoint, tmp_path):
    other = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, plane_channels=4))
    with pytest.raises(UserError, match="another size"):
        load_checkpoint(find_model(checkpoint), other)
    with pytest.raises(UserError, match="There is no checkpoint"):
        load_checkpoint(find_model(tmp_path / "nothing"), tiny)
    with pytest.raises(UserError, match="neither a training workdir nor"):
        load_checkpoint(find_model(tmp_path), tiny)
    with pytest.raises(UserError, match="leave out --ema"):
        load_checkpoint(find_model(checkpoint, ema=True), tiny)


def test_meshes_are_refused_to_several_processes(data_root, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "is_alone", lambda: False)
    monkeypatch.setattr(hosts, "gather", lambda tree: [tree])
    with pytest.raises(UserError, match="One process alone scores meshes: leave out --multihost"):
        evaluate(make_tiny_evaluation(data_root, geometry__meshes="x"), find_model(checkpoint), tmp_path, method="tiny")


def test_results_lie_in_the_run(tmp_path):
    assert default_out(tmp_path, "co3d") == tmp_path / "evaluation" / "co3d"
    assert default_out(tmp_path / "best", "co3d") == tmp_path / "evaluation" / "co3d_best"
    assert default_out(tmp_path / "checkpoints" / "500", "co3d") == tmp_path / "evaluation" / "co3d_500"


def test_a_damaged_line_is_named(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "out")
    lines = (tmp_path / "out" / ROWS).read_text().splitlines(keepends=True)
    (tmp_path / "out" / ROWS).write_text("".join([lines[0], "rubbish\n", *lines[2:]]))
    with pytest.raises(UserError, match=r"Line 2 of .* is damaged"):
        load_rows(tmp_path / "out")
