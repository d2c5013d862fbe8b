"""metrics.jsonl across tries, the summary's lines, and picture grids."""

import json
import resource
import sys
import time
import types

import numpy as np
import pytest
from PIL import Image

from real3d_jax.config.training import BatchConfig
from real3d_jax.runtime.batch_layout import lay_out
from real3d_jax.training import reporting
from real3d_jax.training.pictures import picture_grid, save_picture
from real3d_jax.training.reporting import Reporter, describe_devices, describe_peak_memory, peak_rss_gib


def lines(path):
    return [json.loads(text) for text in (path / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_means_between_lines_and_counters_are_not(tmp_path, capsys):
    reporter = Reporter(tmp_path, steps=5, start=0, log_every=2)
    for step, loss in enumerate([1.0, 3.0, 5.0, 7.0, 2.0], start=1):
        metrics = {"loss": loss, "learning_rate": step / 10, "skipped": step, "skipped_in_a_row": 1}
        reporter.step(step, metrics, ready=time.monotonic())
    reporter.close()
    found = lines(tmp_path)
    assert [(line["step"], line["loss"], line["skipped"]) for line in found] == [(2, 2.0, 2), (4, 6.0, 4), (5, 2.0, 5)]
    assert found[0]["learning_rate"] == 0.2
    assert "skipped_in_a_row" not in found[0]
    assert "step 4/5  loss 6.0000" in capsys.readouterr().out
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_tensorboard_takes_no_pytorch_along(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("torch", "tensorboardX")]:
        monkeypatch.delitem(sys.modules, name)
    Reporter(tmp_path, steps=1, start=0, log_every=1).close()
    assert "tensorboardX" in sys.modules and "torch" not in sys.modules


def test_rates_and_the_time_left_follow_from_when_steps_ended_not_from_when_they_are_told(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(reporting, "time", types.SimpleNamespace(monotonic=lambda: 100.0))
    reporter = Reporter(tmp_path, steps=6, start=1, log_every=2)
    reporter.begin()
    for step, ready in ((2, 120.0), (3, 150.0), (4, 150.25), (5, 150.5), (6, 160.5)):
        reporter.step(step, {"loss": 1.0}, ready=ready)
    reporter.close()
    assert [line["steps_per_second"] for line in lines(tmp_path)] == [1 / 20, 2 / 30.25, 2 / 10.25]
    first, second, last = capsys.readouterr().out.splitlines()
    assert "20.00 s/step  0:01:20 left" in first
    assert "15.12 s/step  0:00:34 left" in second
    assert "5.12 s/step  0:00:00 left" in last


def test_numbers_that_are_not_finite_stay_valid_json(tmp_path):
    reporter = Reporter(tmp_path, steps=1, start=0, log_every=1)
    reporter.step(1, {"loss": float("nan")}, ready=time.monotonic())
    reporter.close()
    assert lines(tmp_path)[0]["loss"] is None


def test_a_resumed_run_drops_the_lines_it_will_write_again(tmp_path):
    text = '{"step": 1, "loss": 1}\n{"step": 2, "loss": 2}\n{"step": 3, "loss": 3}\n{"step": 4, "lo'
    (tmp_path / "metrics.jsonl").write_text(text)
    reporter = Reporter(tmp_path, steps=4, start=2, log_every=1)
    reporter.step(3, {"loss": 9.0}, ready=time.monotonic())
    reporter.close()
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == [(1, 1), (2, 2), (3, 9.0)]
    Reporter(tmp_path, steps=4, start=0, log_every=1).close()
    assert lines(tmp_path) == []


def test_peak_memory_is_in_gib():
    before = peak_rss_gib()
    block = np.ones(2**28, np.uint8)  # 0.25 GiB
    assert 0.05 < before < 64
    assert peak_rss_gib() >= before
    del block


def test_peaks_of_host_and_device_are_told_apart():
    assert describe_peak_memory(58.18, 17.89) == "peak memory 58.18 GiB host, 17.89 GiB device"
    assert describe_peak_memory(2.5, None) == "peak memory 2.50 GiB"


def test_a_grid_holds_every_image_under_its_label(tmp_path):
    strips = {
        "real/cycle": np.full((2, 3, 7, 7, 3), 0.5),
        "real/input": np.zeros((2, 5, 5, 3)),
        "synthetic/input": np.ones((1, 5, 5, 3)),
    }
    grid = picture_grid(strips, cell=20)
    assert grid.dtype == np.uint8
    top, left = 14 + 24 + 14, max(24, 7 * len("real/input"))  # the synthetic block stands above
    assert (grid[top : top + 20, :20] == 0).all()
    for column in range(3):
        x = left + 24 * column
        assert (grid[top + 24 : top + 44, x : x + 20] == 128).all()
    assert (grid[:12, :60] < 128).any(), "the label"
    assert grid.shape[0] == 14 + 2 * 24 + 14 + 24
    save_picture(tmp_path / "a" / "b.png", grid)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a" / "b.png")), grid)


@pytest.mark.parametrize("value", [np.nan, -3.0, 7.0])
def test_a_grid_survives_bad_pixels(value):
    assert picture_grid({"x": np.full((1, 4, 4, 3), value)}, cell=8).shape == (26, 12, 3)


def test_the_summary_says_how_much_of_a_devices_work_counts():
    full, some, few = (describe_devices(lay_out(BatchConfig(40, 40, 0), count), 1, 1.0) for count in (8, 3, 64))
    assert "40 synthetic + 40 real examples a step = 5 micro-batches x 8 devices x (1 synthetic + 1 real)" in full
    assert "work       100% of what a device computes counts" in full
    assert "95% of what a device computes counts, on average over the devices; config.batch.grow = True" in some
    assert "62% of what a device computes counts" in few and "(24 with filler alone)" in few
    grown = describe_devices(lay_out(BatchConfig(64, 64, 0), 64), 1, 1.6)
    assert "64 synthetic + 64 real examples a step, grown 1.6 times, = 1 micro-batches x 64" in grown


def test_a_full_disk_stops_no_reporter_and_loses_no_line(tmp_path, monkeypatch, capsys):
    reporter = Reporter(tmp_path, steps=9, start=0, log_every=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        for step in range(1, 40):  # TensorBoard's queue holds 10
            reporter.scalars(step, {"loss": 1.0 / step})
        reporter.picture(40, "p", np.zeros((64, 64, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reporter.scalars(40, {"loss": 0.5})
    reporter.close()
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, 41))
    told = capsys.readouterr()
    assert told.out.count("metrics.jsonl' cannot be written (File too large); training goes on.") == 1
    assert "Traceback" not in told.err
