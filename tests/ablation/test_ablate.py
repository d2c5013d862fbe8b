"""The driver: two rows at miniature size, stopped and gone on with, and what it refuses."""

import functools
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from real3d_jax.ablation import run as driver
from real3d_jax.ablation.figure import publish_figure
from real3d_jax.ablation.plan import plan
from real3d_jax.checkpoints.run_folder import load_params
from real3d_jax.errors import UserError
from real3d_jax.evaluation.results import load_rows
from tests.ablation.tiny_ablation import EVALUATION, TRAINING, write_config_files
from tests.commands import STOPPED, call, stop_at
from tests.shared_programs import shared_programs

COMMAND = Path(__file__).parents[2] / "launch" / "ablate.py"

ablate = functools.partial(call, COMMAND)


@pytest.fixture(scope="module", autouse=True)
def _programs_of_rows():
    with shared_programs():
        yield


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The command line's words for a tiny ablation; its data are made once."""
    return [*write_config_files(tmp_path_factory.mktemp("configs")), "--size", "tiny"]


@pytest.fixture(scope="module")
def finished(words, tmp_path_factory):
    """A folder in which `input_raw` was stopped amid its training and gone on with."""
    out = tmp_path_factory.mktemp("ablation")
    train = driver.train

    def interrupted(config, workdir):
        with pytest.MonkeyPatch.context() as patch:
            if workdir.name == "input_raw":
                stop_at(patch, 3)
            return train(config, workdir)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "train", interrupted)
        code = ablate(*words, "--rows", "base,input_raw", "--out", out)
    assert code == STOPPED
    assert not (out / "input_raw" / "summary.json").exists()
    assert 0 < max(int(step.name) for step in (out / "input_raw" / "checkpoints").iterdir()) < 4
    assert set(table(out)["rows"]) == {"start", "base"}
    before = stamps(out / "base")
    assert ablate(*words, "--rows", "base,input_raw", "--out", out) == 0
    assert stamps(out / "base") == before
    return out


def table(out):
    return json.loads((out / "ablation.json").read_text())


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_every_row_is_scored_on_its_own_and_against_the_base(finished):
    found = table(finished)["rows"]
    assert list(found) == ["start", "base", "input_raw"]
    scores = {
        name: np.array([row.values["psnr"].mean() for row in load_rows(finished / name / "evaluation")])
        for name in found
    }
    for name, row in found.items():
        assert row["metrics"]["psnr"]["mean"] == pytest.approx(scores[name].mean(), abs=1e-5)
        low, high = row["metrics"]["psnr"]["interval"]
        assert low <= row["metrics"]["psnr"]["mean"] <= high
        if name != "base":
            difference = row["minus_base"]["psnr"]
            assert difference["mean"] == pytest.approx((scores[name] - scores["base"]).mean(), abs=1e-5)
            assert difference["mean"] != 0
            assert difference["interval"][0] <= difference["mean"] <= difference["interval"][1]
    assert found["base"]["minus_base"] == {}
    assert found["base"]["batch"] == {"synthetic": 2, "real": 0}
    assert found["input_raw"]["batch"] == {"synthetic": 2, "real": 2}
    assert found["base"]["seeds"] == found["input_raw"]["seeds"] == [42]
    assert found["base"]["steps"] == found["input_raw"]["steps"] == 4
    assert found["base"]["init_from"] == found["input_raw"]["init_from"] == str(finished / "start")


def test_the_table_for_people(finished):
    text = (finished / "ablation.md").read_text()
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    assert list(lines) == ["`start`", "`base`", "`input_raw`"]
    cells = [cell.strip() for cell in lines["`input_raw`"].split("|")[2:-1]]
    assert cells[:6] == ["(1)", "yes", "-", "-", "-", "-"]
    psnr = table(finished)["rows"]["input_raw"]["metrics"]["psnr"]["mean"]
    assert cells[6].startswith(f"{psnr:.2f} [")
    assert "`lpips` is left out" in text
    assert "Every row begins with" in text
    assert "random weights" not in text  # neither row uses such a network
    assert "nothing of the spread between seeds" in text
    assert "went through no gate" in text


def test_a_row_can_be_added_from_a_given_start(finished, words, tmp_path, capsys):
    out = tmp_path / "out"
    start = finished / "start"
    assert ablate(*words, "--rows", "base", "--out", out, "--start", start) == 0
    jax.tree.map(np.testing.assert_array_equal, load_params(out / "base"), load_params(finished / "base"))
    assert not (out / "start" / "checkpoints").exists()
    assert list(table(out)["rows"]) == ["start", "base"]
    assert table(out)["rows"]["start"]["metrics"] == table(finished)["rows"]["start"]["metrics"]


def test_test_sets_are_scored_later_without_training_again(finished, words, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    # A start's results say where it lies.
    for row in ("start", "base", "input_raw"):
        settings = out / row / "evaluation" / "settings.json"
        settings.write_text(settings.read_text().replace(str(finished), str(out)))
    trained = stamps(out / "base" / "checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "_is_trained", lambda *_: True)
        patch.setattr("real3d_jax.ablation.plan.check_same", lambda *_, **__: None)  # rows began at another place
        assert ablate(*words, "--rows", "base,input_raw", "--out", out, "--test_sets", "mvimgnet,co3d") == 0
    assert stamps(out / "base" / "checkpoints") == trained
    for row in ("start", "base", "input_raw"):
        assert len(load_rows(out / row / "evaluation_co3d")) == 2
        assert len(load_rows(out / row / "evaluation")) == 3
        assert not (out / row / "evaluation_mvimgnet").exists(), "it is what rows are scored on anyway"


def test_figure_5_is_written_beside_the_table(words, tmp_path, monkeypatch):
    asked = {}

    def run(ablation, *, publish_more):
        asked.update(rows=set(ablation.configs), sets=list(ablation.test_sets), publish_more=publish_more)
        return 0

    monkeypatch.setattr(driver, "run", run)
    assert ablate(*words, "--rows", "figure_5", "--out", tmp_path) == 0
    assert asked["rows"] == {"start", "base", "fraction_10", "fraction_25", "fraction_50", "full"}
    assert asked["sets"] == ["mvimgnet", "co3d", "omniobject3d", "wild"]
    assert asked["publish_more"] is publish_figure
    assert ablate(*words, "--rows", "base", "--out", tmp_path) == 0
    assert (asked["sets"], asked["publish_more"]) == ([], None)


def test_seeds_are_pooled(finished, words, tmp_path):
    out = tmp_path / "out"
    more = ["--rows", "base,input_raw", "--out", out, "--start", finished / "start"]
    assert ablate(*words, *more, "--seeds", "0", "5") == 0
    found = table(out)["rows"]
    assert {name: row.get("seeds") for name, row in found.items()} == {
        "start": None,
        "base": [0, 5],
        "input_raw": [0, 5],
    }
    runs = {row: [out / row / f"seed_{seed}" for seed in (0, 5)] for row in ("base", "input_raw")}
    scores = {
        row: np.array([[r.values["psnr"].mean() for r in load_rows(run / "evaluation")] for run in folders])
        for row, folders in runs.items()
    }
    assert np.abs(np.diff(scores["input_raw"], axis=0)).max() > 0  # the seeds differ
    difference = found["input_raw"]["minus_base"]["psnr"]
    assert difference["mean"] == pytest.approx((scores["input_raw"] - scores["base"]).mean(), abs=1e-5)
    assert difference["count"] == 3
    start = np.array([r.values["psnr"].mean() for r in load_rows(out / "start" / "evaluation")])
    assert found["start"]["minus_base"]["psnr"]["mean"] == pytest.approx((start - scores["base"]).mean(), abs=1e-5)
    assert found["base"]["metrics"]["psnr"]["mean"] == pytest.approx(scores["base"].mean(), abs=1e-5)
    text = (out / "ablation.md").read_text()
    assert "each of the seeds 0, 5" in text and "over seeds and objects" in text
    # Seeds that another call has run stay in the table.
    assert ablate(*words, "--rows", "base", "--out", out, "--start", finished / "start", "--seeds", "5") == 0
    assert table(out)["rows"]["input_raw"]["seeds"] == [0, 5]


def test_rows_do_not_begin_with_a_start_below_the_gate(finished, words, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(finished / "start", out / "start", ignore=shutil.ignore_patterns("evaluation"))
    summary = out / "start" / "summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"input_psnr_after": 19.25, "iou_after": 0.5}))
    gate = ["--config.gate.input_psnr=22", "--config.gate.iou=0.4"]
    call = [*words, "--rows", "base", "--out", out]
    message = r"input view 19.25 dB is 2.75 dB below the gate's 22.00 dB\): train it longer \(--start_steps above 4\)"
    with pytest.raises(UserError, match=message) as refused:
        ablate(*call, *gate)
    assert "IoU" not in str(refused.value)
    assert not (out / "base").exists()
    trained = []
    monkeypatch.setattr(
        driver, "train", lambda config, workdir: trained.append((workdir.name, config.schedule.steps)) or 143
    )
    assert ablate(*call, *gate, "--start_steps", "6") == 143
    assert ablate(*call, *gate, "--no_gate") == 143
    assert trained == [("start", 6), ("base", 4)]
    with pytest.raises(UserError, match="start' was run with other settings"):
        ablate(*call, "--start_steps", "3")
    shutil.copytree(finished / "base", out / "base")
    with pytest.raises(UserError, match="start' was run with other settings"):
        ablate(*call, "--start_steps", "6")


def test_a_row_that_fails_is_named_and_the_others_go_on(finished, words, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    shutil.copytree(finished / "start", out / "start")

    def failing(config, workdir):
        raise UserError("3 updates in a row were skipped.")

    monkeypatch.setattr(driver, "train", failing)
    monkeypatch.setattr(driver, "evaluate", lambda *args, **options: 0)
    assert ablate(*words, "--rows", "input_raw", "--out", out) == 2
    assert table(out)["failed"] == {"input_raw": "3 updates in a row were skipped."}
    assert "`input_raw` failed: 3 updates in a row were skipped." in (out / "ablation.md").read_text()
    assert "failed     input_raw" in capsys.readouterr().out


def test_rows_of_other_settings_are_not_mixed(finished, words):
    before = (finished / "ablation.json").read_bytes()
    for more, message in (
        (
            ["--steps", "5"],
            r"input_raw' was run with other settings \(config\.schedule\.steps: 4 -> 5",
        ),
        (["--config.seed=7"], r"start' was run with other settings \(config\.seed: 42 -> 7\): choose another --out"),
        (["--start", "elsewhere"], r"was run with other settings \(config\.init_from"),
    ):
        with pytest.raises(UserError, match=message):
            ablate(*words, "--rows", "input_raw", "--out", finished, *more)
    assert (finished / "ablation.json").read_bytes() == before


def test_a_damaged_summary_is_told_with_a_remedy_that_helps(finished, words, tmp_path):
    shutil.copytree(finished / "start", tmp_path / "start")
    planned = plan(words[1], words[3], rows=["base"], size="tiny", out=tmp_path, changes=[])
    summary = tmp_path / "start" / "summary.json"
    whole = summary.read_text()
    summary.write_text(whole[:-3])
    with pytest.raises(
        UserError, match=r"summary\.json' is not valid JSON any more: delete it, and it is written again"
    ):
        driver._train(planned, "start")
    summary.unlink()
    assert driver._train(planned, "start") == 0
    assert json.loads(summary.read_text())["steps"] == json.loads(whole)["steps"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--rows", "base,naiv_clip"], r"no row 'naiv_clip': did you mean 'naive_clip'\?"),
        (["--config.sede=7"], "has no key 'sede': did you mean 'seed'"),
        (["--config.losses.semantic.weight=1.0"], "--config.losses.semantic.weight would undo .* row 'input_raw'"),
        (["--config.batch.real=2", "--start", "x"], "--config.batch.real would undo what makes the row 'base'"),
        (["--rows", "full", "--config.batch.real=2"], "--config.batch.real would undo what makes the row 'start'"),
        (["--steps", "-1"], "--steps must be at least 1, not -1"),
        (["--start_steps", "5", "--start", "x"], "--start_steps is of stage 0, which --start replaces"),
        (["--seeds", "1", "1"], "--seeds must be different numbers from 0 to 4294967295, not 1 1"),
        (["--seeds", "-1"], "--seeds must be different numbers from 0 to 4294967295, not -1"),
        (["--seeds", "4294967296"], "--seeds must be different numbers from 0 to 4294967295, not 4294967296"),
        (["--rows", "figure_5", "--test_sets", ""], "Figure 5 has a panel for each of --test_sets, which names none"),
        (["--seeds", "1", "--config.seed=7"], "--config.seed is of stage 0 and all rows, which --seeds gives others"),
    ],
)
def test_what_the_command_line_refuses(words, tmp_path, more, message):
    with pytest.raises(UserError, match=message):
        ablate(*words, "--out", tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()


def test_changes_reach_the_evaluation(words, tmp_path):
    changes = ["--config.model.layers=1", "--config.data.root", "elsewhere"]
    config, evaluation = words[1], words[3]
    planned = plan(config, evaluation, rows=["base"], size="tiny", out=tmp_path, changes=changes)
    assert planned.evaluation.model == planned.configs["base"].model
    assert planned.evaluation.model.layers == 1
    assert planned.evaluation.data.root == "elsewhere"


def test_the_losses_vgg_judges_if_it_has_weights(words, tmp_path):
    config, evaluation = words[1], words[3]
    for changes, judge in (([], ""), (["--config.perceptual.vgg=weights/vgg"], "weights/vgg")):
        planned = plan(config, evaluation, rows=["base"], size="tiny", out=tmp_path, changes=changes)
        assert planned.evaluation.networks.vgg == judge


def test_seeds_stream_objects_of_their_own(tmp_path):
    planned = plan(str(TRAINING), str(EVALUATION), rows=["full"], size="small", out=tmp_path, seeds=(0, 2), changes=[])
    streams = [config.data.streamed["seen"].seed for config in planned.configs.values()]
    assert list(planned.configs) == ["start", "full/seed_0", "full/seed_2"]
    assert len(set(streams)) == 3
    assert [config.seed for config in planned.configs.values()][1:] == [0, 2]


def test_data_made_on_the_way_are_those_of_the_training_configs(tmp_path):
    planned = plan(
        str(TRAINING),
        str(EVALUATION),
        rows=["base"],
        size="tiny",
        out=tmp_path,
        changes=["--config.data.embedded.b_test.held_out=5"],
    )
    assert planned.evaluation.data.embedded["b_test"].held_out == 5


def test_missing_data_of_the_paper_have_a_way_out(tmp_path):
    words = ["--config", COMMAND.parents[1] / "configs" / "ablation.py", "--size", "paper", "--rows", "base"]
    with pytest.raises(UserError, match=r"no data set at .*gobjaverse.* with --size tiny\."):
        ablate(*words, "--out", tmp_path / "out", f"--config.data.root={tmp_path}")
