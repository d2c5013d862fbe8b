"""Config files and the command line: what works, and that every mistake is told in one sentence."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from real3d_jax.config import files as config_files
from real3d_jax.config.data import MultiviewSourceConfig, SingleViewSourceConfig
from real3d_jax.config.files import parse
from real3d_jax.config.training import going_on
from real3d_jax.errors import UserError
from real3d_jax.losses.novel_poses import curriculum_range
from tests.commands import run_here

ROOT = Path(__file__).parents[2]
PAPER = str(ROOT / "configs" / "real3d.py")


def test_changes_from_the_command_line():
    config = config_files.load(
        f"{PAPER}:embedded",
        [
            "--config.schedule.steps=7",
            "--config.optimizer.learning_rate",
            "1e-3",
            "--config.losses.semantic.naive=true",
            "--config.data.real.photographs.crop_ratio=1.1,1.2",
            "--config.perceptual.clip=17",
            "--config.init_from=",
        ],
    )
    assert config.name == "real3d_embedded"
    assert config.schedule.steps == 7
    assert config.optimizer.learning_rate == 1e-3
    assert config.losses.semantic.naive is True
    assert config.data.real["photographs"].crop_ratio == (1.1, 1.2)
    assert config.perceptual.clip == "17"
    assert config.init_from == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--config.schedule.stpes=7"], "config.schedule has no key 'stpes': did you mean 'steps'?"),
        (["--config.optimiser.eps=1"], "config has no key 'optimiser': did you mean 'optimizer'?"),
        (["--config.schedule.steps=many"], "config.schedule.steps must be of type int, but is 'many'."),
        (["--config.schedule.steps=1.5"], "config.schedule.steps must be of type int, but is 1.5."),
        (["--config.schedule=7"], "config.schedule is a group of keys"),
        (["--config.seed.more=7"], "config.seed is a value, not a group of keys"),
        (["--config.seed"], "--config.seed needs a value"),
        (["--wrokdir=x"], "Unknown argument '--wrokdir=x'"),
    ],
)
def test_a_wrong_change_is_named(changes, message):
    with pytest.raises(UserError) as error:
        config_files.load(PAPER, changes)
    assert message in str(error.value)


def test_a_data_set_is_added_and_taken_out_on_the_command_line():
    config = config_files.load(
        PAPER,
        [
            "--config.data.synthetic.mine.input_views=3",  # in any order
            "--config.data.synthetic.mine.path=renders/mine",
            "--config.data.synthetic.zero123=none",
            "--config.data.real.my-own.path=photographs",
            "--config.data.validation.mine.path=renders/mine",
        ],
    )
    views = MultiviewSourceConfig("renders/mine", weight=0.0, distance=2.4, input_views=3, replacement=False)
    assert set(config.data.synthetic) == {"gobjaverse", "mine"}
    assert config.data.synthetic["mine"] == views
    assert config.data.validation["mine"] == dataclasses.replace(views, input_views=0)
    assert config.data.real["my-own"] == SingleViewSourceConfig("photographs", 0.0, 3.0, 39.6, (1.45, 1.7), 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "synthetic.gobjavers.weight=1",
            "has no key 'gobjavers': did you mean 'gobjaverse'? A new data set is added by",
        ),
        ("real.mine.fraction=1", "A new data set is added by its folder, --config.data.real.mine.path=FOLDER."),
        ("real.zero123=none", "config.data.real has no key 'zero123': valid names are"),
        ("real.3d.path=x", "A data set cannot be called '3d': begin with a letter"),
        ("real..path=x", "A data set cannot be called ''"),
        ("reel.mine.path=x", "config.data has no key 'reel': did you mean 'real'?"),
    ],
)
def test_a_data_set_of_a_wrong_name_is_told(change, message):
    with pytest.raises(UserError) as error:
        config_files.load(PAPER, [f"--config.data.{change}"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_curriculum_ends_with_the_run_unless_told_otherwise():
    """Eq. 6: j_max is the number of all iterations."""
    change = "--config.schedule.steps=1000"
    short = config_files.load(PAPER, [change])
    assert short.curriculum.steps == short.schedule.steps == 1000
    np.testing.assert_allclose(curriculum_range(1000, short.curriculum), [90, 90])
    np.testing.assert_allclose(curriculum_range(500, short.curriculum), [52.5, 52.5])
    assert config_files.load(PAPER, [change, "--config.losses.cycle.curriculum.steps=700"]).curriculum.steps == 700
    assert config_files.load(PAPER).curriculum.steps == 40_000
    assert parse(json.loads(json.dumps(config_files.to_tree(short)))).curriculum.steps == 1000


def test_a_run_that_began_with_a_number_for_the_curriculum_keeps_it():
    """Older versions wrote 40,000 whatever the run's length."""
    config = config_files.load(PAPER, ["--config.schedule.steps=1000"])
    saved = config_files.to_tree(config)
    assert going_on(config, saved) == config
    saved["losses"]["cycle"]["curriculum"]["steps"] = 40_000
    assert going_on(config, saved).curriculum.steps == 40_000
    told = config_files.load(PAPER, ["--config.losses.cycle.curriculum.steps=700"])
    assert going_on(told, saved) == told
    assert going_on(config, {"name": "older still"}) == config


def test_a_curriculum_that_ends_before_it_begins_is_refused():
    with pytest.raises(UserError, match=r"curriculum\.steps must be 0 \(the run's length\) or above, not -1"):
        curriculum_range(0, config_files.load(PAPER, ["--config.losses.cycle.curriculum.steps=-1"]).curriculum)


def test_a_missing_key_is_named():
    tree = config_files.load_tree(PAPER)
    del tree.losses.cycle.end_to_end
    with pytest.raises(UserError, match=r"config\.losses\.cycle lacks the key 'end_to_end'"):
        parse(tree)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "steps: 3", "must be a Python file"),
        ("a.py", "steps: 3 4", "line 1 is not valid Python"),
        ("a.py", "import no_such_module_here", "cannot be imported, ModuleNotFoundError"),
        ("a.py", "x = 3", "must define a function get_config()"),
        ("a.py", "def get_config():\n  return {}", "must return a ConfigDict, but gave dict"),
        ("a.py", "def get_config():\n  raise ValueError('no\\nway')", "its get_config failed with ValueError: no way."),
    ],
)
def test_a_file_that_is_no_config(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as error:
        config_files.load(str(tmp_path / name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"did you mean 'real3d\.py'"):
        config_files.load(str(ROOT / "configs" / "raal3d.py"))
    with pytest.raises(UserError, match="holds no config file"):
        config_files.load(str(tmp_path / "nowhere" / "a.py"))


def test_the_argument_after_the_colon_is_checked():
    with pytest.raises(UserError, match="must be 'paper' or 'embedded'"):
        config_files.load(f"{PAPER}:embeded")


@pytest.mark.parametrize(
    ("source", "variant"),
    [
        ("real3d.py", "real3d.py:embedded"),
        ("real3d_released.py:paper", "real3d_released.py:embedded"),
        ("real3d.py:embedded", None),
        ("finetune_tsr.py", None),
        ("real3d_mvimgnet.py", None),
        ("smoke.py", None),
        ("smoke.py:mine", "smoke.py:embedded"),
    ],
)
def test_the_embedded_variant_of_a_file_that_takes_the_argument(source, variant):
    folder = ROOT / "configs"
    assert config_files.embedded_variant(str(folder / source)) == (variant and str(folder / variant))


def test_an_argument_of_another_meaning_is_no_embedded_variant(tmp_path):
    text = "from configs.real3d import get_config as other\ndef get_config(name='a'):\n  return other()"
    (tmp_path / "a.py").write_text(text)
    assert config_files.embedded_variant(str(tmp_path / "a.py")) is None


def test_a_config_survives_json():
    config = config_files.load(f"{PAPER}:embedded")
    assert parse(json.loads(json.dumps(config_files.to_tree(config)))) == config


def test_differences_name_the_keys():
    old = {"a": {"b": 1, "c": 2}, "d": 3}
    new = {"a": {"b": 1, "c": 4}, "e": 5}
    assert config_files.differences(old, new) == ["config.a.c: 2 -> 4", "config.d: 3 -> None", "config.e: None -> 5"]


def test_some_keys_may_differ_and_nothing_may_stand_before_them():
    old, new = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 0, "c": 4}, "e": 5}
    assert config_files.differences(old, new, "", ignored=("a.c", "d")) == ["a.b: 1 -> 0", "e: None -> 5"]
    assert config_files.differences(old, new, ignored=("config.a", "config.e")) == ["config.d: 3 -> None"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ("red", "small")),
        ("large", ("red", "large")),
        ("large,,blue", ("blue", "large")),
        ("any", ("any", "small")),
        ("blue,red", ("red", "small")),
    ],
)
def test_a_variant_has_one_word_of_each_kind(words, expected):
    kinds = (("red", ("red", "blue", "any")), ("small", {"small": 1, "large": 2, "any": 3}))
    assert config_files.read_variant(words, "A test", *kinds) == expected


def test_a_word_of_no_kind_is_refused():
    with pytest.raises(UserError, match=r"^A test has no variant 'lage': did you mean 'large'\?"):
        config_files.read_variant("red,lage", "A test", ("red", ("red",)), ("small", ("small", "large")))


@pytest.mark.parametrize("argument", ["--config=configs/smoke.yaml", "--config=configs/smoke.py --config.sead=1"])
def test_the_command_line_tells_without_a_traceback(argument):
    result = subprocess.run(
        [sys.executable, "launch/train.py", *argument.split()], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("config", "hinted"), [("configs/real3d.py", True), ("configs/finetune_tsr.py", False)])
def test_missing_data_hint_at_the_embedded_ones(tmp_path, config, hinted):
    arguments = [f"--config={config}", f"--workdir={tmp_path / 'run'}", f"--config.data.root={tmp_path}"]
    result = run_here(ROOT / "launch" / "train.py", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: There is no data set at '{tmp_path / 'gobjaverse'}'")
    assert ("--config configs/real3d.py:embedded." in result.stderr) == hinted
    assert result.stderr.count("\n") == 1
