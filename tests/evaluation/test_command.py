"""The command line: what it refuses, that the configs hold together, and a real kill."""

import csv
import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.protocols import protocol
from real3d_jax.data.record_writer import write
from real3d_jax.data.records import Item
from real3d_jax.errors import UserError
from real3d_jax.models.presets import CONDITIONED_PRESETS, PRESETS
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.commands import call, with_devices
from tests.data.samples import multiview_source
from tests.evaluation.tiny_evaluation import SMOKE, make_tiny_evaluation, random_params

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "launch" / "evaluate.py"
OBJECTS = 64
CONFIGS = sorted(SMOKE.parent.glob("*.py"))


main = functools.partial(call, COMMAND)


@pytest.mark.parametrize("variant", ["", ":released", ":released,tiny", ":small"])
@pytest.mark.parametrize(
    "path", [path for path in CONFIGS if path.stem not in ("lrm", "table7")], ids=lambda path: path.stem
)
def test_configs_fit_the_schema(path, variant):
    config = config_files.load_as(EvaluationConfig, f"{path}{variant}")
    name = "released" if "released" in variant else "paper"
    assert config.protocol.name == name and name in config.name
    if path.stem != "smoke":
        size = variant.rsplit(",", 1)[-1].lstrip(":")
        default = "mini" if path.stem in ("mini", "adapting") else "base"
        if (path.stem, size) == ("ablation", "small"):
            size = "mini"  # the ablation's own size of that name
        assert config.model == PRESETS[size if size in PRESETS else default]


@pytest.mark.parametrize(
    ("variant", "name", "model"),
    [
        ("lrm", "lrm_mvimgnet_paper", "openlrm_base"),
        ("lrm:released", "lrm_mvimgnet_released", "openlrm_base"),
        ("lrm:small,co3d", "lrm_co3d_paper", "openlrm_small"),
        ("lrm:released,tiny", "lrm_tiny_released", "lrm_tiny"),
        ("table7", "mvimgnet_paper", "base"),
        ("table7:lrm", "lrm_mvimgnet_paper", "openlrm_base"),
        ("table7:small", "table7_small", "mini"),
        ("table7:lrm_real,small", "table7_small", "lrm_mini"),
    ],
)
def test_configs_of_the_camera_conditioned_model_fit_the_schema(variant, name, model):
    path, _, words = variant.partition(":")
    config = config_files.load_as(EvaluationConfig, f"{SMOKE.parent / path}.py:{words}")
    assert (config.name, config.model) == (name, {**PRESETS, **CONDITIONED_PRESETS}[model])


@pytest.mark.parametrize(("variant", "path"), [("", "mini_test"), (":furniture", "furniture"), (":scans", "scans")])
def test_the_small_model_has_three_test_sets(variant, path):
    config = config_files.load_as(EvaluationConfig, f"{SMOKE.parent / 'mini.py'}{variant}")
    assert config.data.path == path and list(config.data.embedded) == (["test"] if path == "mini_test" else [])
    assert config.scored.baselines


@pytest.mark.parametrize("name", ["mvimgnet", "co3d", "omniobject3d", "wild"])
def test_published_sets_have_their_protocol_and_table(name):
    config = config_files.load_as(EvaluationConfig, f"{SMOKE.parent / name}.py:released")
    assert config_files.to_tree(config)["protocol"] == config_files.to_tree(
        config_files.build(type(config.protocol), protocol("released", name).to_dict(), "x")
    )
    assert config.table == {"mvimgnet": 1, "wild": 2, "co3d": 3, "omniobject3d": 4}[name]
    assert config.scored.novel_views == (name != "wild")
    assert config.scored.semantic == config.scored.consistency == (name in ("mvimgnet", "wild"))
    assert (config.geometry.resolution, config.geometry.threshold) == (256, 25.0)


def test_a_config_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if Path(p or ".").resolve() != ROOT])
    for name in [name for name in sys.modules if name.split(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    assert config_files.load_as(EvaluationConfig, str(SMOKE)).table == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", SMOKE], "Give --config and --checkpoint"),
        (["--renders", "x"], "--renders needs --out"),
        (["--renders", "x", "--out", "y", "--config", "z"], "leave out --config"),
        (["--renders", "x", "--out", "y", "--config.data.limit=1"], "leave out --config"),
        (["--multihost", "--renders", "x", "--out", "y"], "--multihost is for scoring a checkpoint"),
        (["--multihost", "--out", "x", "--compare", "y"], "--multihost is for scoring a checkpoint"),
        (["--config", f"{SMOKE}:relased", "--checkpoint", "x"], "did you mean 'released'"),
        (["--config", SMOKE, "--checkpoint", "x", "--config.protcol.every=2"], "did you mean 'protocol'"),
        (["--config", SMOKE, "--checkpoint", "x", "--config.calibration.distances=2.0"], "must be a list of numbers"),
        (["--config", SMOKE, "--checkpoint", "x", "--config.calibration.distances=(1,'a')"], "must be of type float"),
        (
            ["--config", SMOKE, "--checkpoint", "x", "--vgg", "y"],
            "of a checkpoint, give it by --config.networks.vgg=PATH",
        ),
        (["--config", SMOKE, "--checkpoint", "x", "--compare", "nowhere"], "'nowhere' holds no results"),
        (["--renders", "x", "--out", "y", "--ema"], "--ema is of a run's parameters"),
    ],
)
def test_what_the_command_line_refuses(words, message):
    with pytest.raises(UserError, match=message):
        main(*words)


def test_a_list_of_numbers_can_be_set():
    config = config_files.load_as(EvaluationConfig, str(SMOKE), ["--config.calibration.distances=(1.5, 2)"])
    assert config.calibration.distances == (1.5, 2.0)


def many_objects():
    """Enough of them that a run can be stopped amid."""
    few = multiview_source(0, 20)

    def items(split, chosen):
        for number in chosen:
            (item,) = few.items("test", range(number % 20, number % 20 + 1))
            name = f"object{number}"
            yield Item(name, tuple(dataclasses.replace(view, object_id=name) for view in item.records))

    return dataclasses.replace(few, splits={"train": 0, "test": OBJECTS}, items=items)


@pytest.mark.slow
def test_a_terminated_evaluation_goes_on_and_gives_the_same_table(tmp_path):
    """Two CPU devices against one, and SIGTERM amid a run: as a user would see it."""
    weights = tmp_path / "weights"
    params = jax.tree.map(np.asarray, random_params(make_tiny_evaluation(tmp_path)))
    save_weights(weights, weights_from_params(params, {}, where="a test"))
    write(tmp_path / "views", many_objects(), progress=False)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    config = tmp_path / "config.py"
    config.write_text(
        "from tests.evaluation.tiny_evaluation import make_tiny_tree\n"
        f"def get_config():\n    return make_tiny_tree({str(tmp_path)!r})\n"
    )

    def start(out, devices):
        flags = {"XLA_FLAGS": with_devices(devices)}
        command = [sys.executable, COMMAND, "--config", config, "--checkpoint", weights, "--out", out]
        return subprocess.Popen(command, cwd=ROOT, env=environment | flags)

    assert start(tmp_path / "one", 1).wait() == 0
    assert start(tmp_path / "two", 2).wait() == 0
    broken = start(tmp_path / "broken", 2)
    rows = tmp_path / "broken" / "results.jsonl"
    while broken.poll() is None and not (rows.exists() and rows.stat().st_size):
        time.sleep(0.05)
    broken.send_signal(signal.SIGTERM)
    assert broken.wait() == 128 + signal.SIGTERM
    assert 0 < len(rows.read_text().splitlines()) < OBJECTS
    assert not (tmp_path / "broken" / "summary.json").exists()
    assert start(tmp_path / "broken", 2).wait() == 0
    for name in ("results.csv", "summary.json", "table.md", "results.jsonl"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    one, two = (list(csv.DictReader((tmp_path / name / "results.csv").open())) for name in ("one", "two"))
    for metric in ("psnr", "consistency_psnr"):
        np.testing.assert_allclose([float(r[metric]) for r in one], [float(r[metric]) for r in two], atol=1e-3)
