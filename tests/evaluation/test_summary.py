"""Means, intervals and counts; tables; comparisons; which cases are shown."""

import csv
import json
import math

import numpy as np
import pytest

from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation.cases import choose_cases, difference, to_pixels
from real3d_jax.evaluation.comparison import compare, paired
from real3d_jax.evaluation.programs import through_jpeg
from real3d_jax.evaluation.results import Results, Row, load_rows
from real3d_jax.evaluation.summary import fit_distances, set_metrics, summarise
from real3d_jax.evaluation.tables import grid, load_metrics, markdown, ordered, write_csv
from real3d_jax.metrics.bootstrap import confidence_interval
from real3d_jax.metrics.frechet import fid
from real3d_jax.reports.pictures import strip

BOOTSTRAP = BootstrapConfig(level=0.9, resamples=500)
NAN = math.nan


def rows_of(*scores, name="psnr"):
    return [Row(f"object{i}", {name: np.array(values, float)}) for i, values in enumerate(scores)]


def test_a_metric_is_the_mean_over_objects_of_means_over_views():
    found = summarise(rows_of([1, 3], [5, 5, 5], [9]), bootstrap=BOOTSTRAP, seed=3)["psnr"]
    assert found.mean == pytest.approx((2 + 5 + 9) / 3)
    assert found.interval == confidence_interval([2.0, 5.0, 9.0], level=0.9, resamples=500, seed=3)
    assert (found.count, found.views, found.unit) == (3, 6, "instance")


def test_not_finite_objects_are_counted_and_left_out():
    found = summarise(rows_of([1, NAN], [4, 6], [8, 8]), bootstrap=BOOTSTRAP, seed=0)["psnr"]
    assert (found.mean, found.count, found.non_finite) == (6.5, 2, 1)
    assert "1 of 3 instances" in markdown({"psnr": found}, table=3, method="x", left_out={})
    nothing = summarise(rows_of([NAN], [NAN]), bootstrap=BOOTSTRAP, seed=0)["psnr"]
    assert (nothing.mean, nothing.interval, nothing.count, nothing.non_finite) == (None, None, 0, 2)
    assert "none finite" in markdown({"psnr": nothing}, table=3, method="x", left_out={})


def test_a_single_value_has_no_interval():
    assert summarise(rows_of([7]), bootstrap=BOOTSTRAP, seed=0)["psnr"].interval is None


def test_distances_are_fitted_for_each_object_or_for_all():
    searches = [
        {"input_psnr": [1, 5, 2], "psnr": [9, 4, 5], "ssim": [0.1, 0.2, 0.3]},
        {"input_psnr": [1, 2, 9], "psnr": [1, 8, 2], "ssim": [0.4, 0.5, 0.6]},
    ]
    rows = [
        Row(str(i), {"psnr": np.array([0.0]), "ssim": np.array([0.0])}, {n: np.array(v, float) for n, v in s.items()})
        for i, s in enumerate(searches)
    ]
    distances = (1.0, 2.0, 3.0)
    assert fit_distances(rows, distances, "instance") == {"fitted_on_input": [1, 2], "fitted_on_metric": [0, 1]}
    assert fit_distances(rows, distances, "set") == {"fitted_on_input": [2, 2], "fitted_on_metric": [1, 1]}
    assert fit_distances(rows, (), "set") == {}
    found = summarise(rows, bootstrap=BOOTSTRAP, seed=0, distances=distances)
    assert found["psnr_fitted_on_input"].mean == pytest.approx((4 + 2) / 2)
    assert found["ssim_fitted_on_input"].mean == pytest.approx((0.2 + 0.6) / 2)
    assert found["psnr_fitted_on_metric"].mean == pytest.approx((9 + 8) / 2)
    assert "input_psnr_fitted_on_input" not in found
    lines = markdown(found, table=3, method="x", left_out={}).splitlines()
    assert [line.split("|")[1].strip() for line in lines[3:6]] == [
        "x",
        "x, camera distance fitted on the input view",
        "x, camera distance fitted on the metric itself (not a fair score)",
    ]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("table", "first"),
    [(1, "semantic_clip"), (2, "semantic_clip"), (3, "psnr"), (4, "psnr")],
)
def test_columns_have_the_order_of_the_papers_tables(table, first):
    names = ["psnr", "ssim", "lpips", "consistency_lpips", "consistency_psnr", "semantic_fid", "semantic_clip"]
    found = ordered(dict.fromkeys(names), table)  # type: ignore[arg-type]
    assert found[0] == first
    assert sorted(found) == sorted(names)
    if table == 1:
        assert found == [
            "semantic_clip",
            "semantic_fid",
            "consistency_psnr",
            "consistency_lpips",
            "psnr",
            "ssim",
            "lpips",
        ]


def test_a_table_has_headings_titles_and_intervals():
    rows = [Row(str(i), {"psnr": np.array([20.0 + i]), "consistency_ssim": np.array([0.5])}) for i in range(2)]
    heads, titles, values = grid(summarise(rows, bootstrap=BOOTSTRAP, seed=0), table=1, method="mine")
    assert heads == ["Method", "Self-consistency", "Novel view synthesis"]
    assert titles == ["", "SSIM ↑", "PSNR ↑"]
    assert values == ["mine", "0.500 [0.500, 0.500]", "20.50 [20.00, 21.00]"]


def test_a_csv_leaves_what_is_not_finite_empty(tmp_path):
    write_csv(tmp_path / "x.csv", rows_of([1, 2], [NAN, 2]), {"fitted_on_input": [1.5, 2.0]})
    assert list(csv.reader((tmp_path / "x.csv").open())) == [
        ["key", "psnr", "distance_fitted_on_input", "non_finite_views"],
        ["object0", "1.5", "1.5", "0"],
        ["object1", "", "2", "1"],
    ]


def test_cases_are_the_best_the_median_and_the_worst():
    rows = rows_of([5], [1], [9], [NAN], [3], [7])
    assert choose_cases(rows, 1) == [("not finite", 3), ("best", 2), ("median", 0), ("worst", 1)]
    assert choose_cases(rows_of([1]), 2) == [("best", 0)]
    far = rows_of([0.1], [0.3], name="chamfer_l1")
    assert choose_cases(far, 1) == [("best", 0), ("worst", 1)]
    assert choose_cases(rows_of([1], name="unranked"), 1) == []


def test_pictures_show_what_is_not_finite():
    image = np.zeros((1, 2, 2, 3))
    image[0, 0, 0] = np.nan
    image[0, 1, 1] = 2.0
    (pixels,) = to_pixels(image)
    np.testing.assert_array_equal(pixels[0, 0], [255, 0, 255])
    np.testing.assert_array_equal(pixels[1, 1], [255, 255, 255])
    (changed,) = difference([np.full((1, 1, 3), 10, np.uint8)], [np.full((1, 1, 3), 250, np.uint8)])
    np.testing.assert_array_equal(changed, np.full((1, 1, 3), 15))
    assert strip([np.zeros((4, 4, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)]).shape == (4, 11, 3)


def results(folder, method, scores, config=None):
    found = Results(folder, {"method": method} | ({"config": config} if config else {}))
    for key, value in scores.items():
        found.append(Row(key, {"psnr": np.array([value])}))
    found.close()
    return folder


def test_two_evaluations_are_compared_object_by_object(tmp_path, capsys):
    hard = np.linspace(10, 30, 12)
    gain = np.linspace(0.1, 0.3, 12)
    a = results(tmp_path / "a", "ours", {str(i): hard[i] + gain[i] for i in range(12)} | {"only": 1.0, "bad": NAN})
    b = results(tmp_path / "b", "theirs", {str(i): hard[i] for i in reversed(range(12))} | {"bad": 3.0})
    found = compare(a, b)["psnr"]
    assert found.mean == pytest.approx(0.2, abs=1e-5)
    assert found.interval is not None and 0.1 < found.interval[0] < 0.2 < found.interval[1] < 0.3
    assert (found.count, found.non_finite) == (12, 1)
    out = capsys.readouterr().out
    assert "| ours |" in out and "1 more are not finite" in out and "1 objects are in one of the two only" in out
    assert json.loads((a / "comparison.json").read_text())["psnr"]["count"] == 12


def test_the_worse_of_a_distance_is_the_larger(tmp_path):
    pairs = [
        (Row("x", {"lpips": np.array([0.1 * k])}), Row("x", {"lpips": np.array([0.1 * k + 0.2])})) for k in range(9)
    ]
    assert paired(pairs, level=0.9, resamples=100)["lpips"].mean == pytest.approx(-0.2)


def test_baselines_have_rows_of_their_own_whatever_the_networks():
    name = "lpips_of_random_weights"
    rows = [Row("x", {name: np.array([0.25]), f"{name}_one_colour": np.array([0.5])})]
    metrics = summarise(rows, bootstrap=BOOTSTRAP, seed=0)
    *_, method, baseline = grid(metrics, table=3, method="mine")
    assert method == ["mine", "0.250"]
    assert baseline == ["the input view's mean colour, everywhere", "0.500"]


def test_baselines_are_not_compared():
    pairs = [(Row("x", {"psnr": np.array([2.0]), "psnr_one_colour": np.array([1.0])}),) * 2] * 3
    assert set(paired(pairs, level=0.9, resamples=100)) == {"psnr"}


def test_what_cannot_be_compared(tmp_path):
    tree = {"protocol": {"every": 1}, "data": {"split": "test"}, "calibration": {}, "bootstrap": {}}
    a = results(tmp_path / "a", "a", {"x": 1.0}, tree)
    b = results(tmp_path / "b", "b", {"x": 1.0}, tree | {"protocol": {"every": 2}})
    with pytest.raises(UserError, match="measure different things"):
        compare(a, b)
    with pytest.raises(UserError, match="share no object"):
        compare(results(tmp_path / "c", "c", {"y": 1.0}), a)
    with pytest.raises(UserError, match="holds no results"):
        compare(a, tmp_path / "nothing")


def test_fid_is_that_of_the_kept_features(tmp_path):
    rng = np.random.default_rng(0)
    found = Results(tmp_path, {})
    rendered, inputs = rng.normal(size=(6, 2, 4)).astype(np.float32), rng.normal(size=(6, 1, 4)).astype(np.float32)
    keys = [f"group/{i}" for i in range(6)]
    for i, key in enumerate(keys):
        found.append(Row(key, {}, features={"rendered": rendered[i], "input": inputs[i]}))
    metrics = set_metrics(tmp_path, keys, seed=0)
    assert metrics["semantic_fid"].mean == pytest.approx(fid(rendered.reshape(-1, 4), inputs[:, 0]))
    assert (metrics["semantic_fid"].count, metrics["semantic_fid"].views) == (6, 12)
    assert set(metrics) == {"semantic_fid", "semantic_kid"}
    assert set_metrics(tmp_path, ["nothing"], seed=0) == {}


def test_rows_survive_the_way_to_disk(tmp_path):
    found = Results(tmp_path, {})
    found.append(Row("a", {"psnr": np.array([1.25, NAN])}, {"psnr": np.array([2.0])}, stamp="7"))
    found.append(Row("a", {"psnr": np.array([9.0])}, stamp="7"))  # there already
    found.close()
    (row,) = load_rows(tmp_path)
    np.testing.assert_array_equal(row.values["psnr"], [1.25, NAN])
    assert (row.key, row.stamp, row.search["psnr"].tolist()) == ("a", "7", [2.0])


def test_jpeg_files_change_images_a_little():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    stored = through_jpeg(image, 75)
    assert stored.shape == image.shape and (stored != image).any()
    flat = np.full((16, 16, 3), 90, np.uint8)
    assert np.abs(through_jpeg(flat, 75).astype(int) - flat).max() <= 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Results(tmp_path / "file" / "out", {})


def test_a_damaged_summary_is_told(tmp_path):
    (tmp_path / "summary.json").write_text('{"psnr": {"mean"')
    with pytest.raises(UserError, match=r"summary\.json' is not valid JSON any more: delete it"):
        load_metrics(tmp_path / "summary.json")
