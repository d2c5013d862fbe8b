"""The command line `launch/curate.py`."""

import importlib.util
import json
import pathlib
import sys

import pytest

import real3d_jax.curation.run
from tests.curation.drawn_photographs import OBJECTS, SMALL_RULES, expected

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="module")
def command():
    spec = importlib.util.spec_from_file_location("curate_command", ROOT / "launch/curate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def call(command, monkeypatch, capsys):
    """Runs the command as `launch/curate.py` does; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["curate.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            command.run(command.main)
        said = capsys.readouterr()
        return exit_.value.code, said.out, said.err

    return run


def _inputs(folder, out):
    return [
        "--input",
        folder / "images",
        "--instances",
        folder / "coco.json",
        "--depth",
        folder / "depth",
        "--out",
        out,
    ]


_RULES = [f"--{name}={value}" for name, value in SMALL_RULES.items()]


@pytest.mark.curation
@pytest.mark.parametrize(
    ("more", "rule", "kind"),
    [
        ([], "paper", "disparity"),
        (["--occlusion", "robust"], "robust", "disparity"),
        (["--depth_kind", "metric"], "paper", "metric"),
        (["--depth-kind=metric"], "paper", "metric"),
        (["--occlusion=paper", "--", "--runner=BundleBasedDirectRunner"], "paper", "disparity"),
    ],
)
def test_the_contract(few, tmp_path, call, more, rule, kind):
    pytest.importorskip("pycocotools")
    pytest.importorskip("apache_beam")
    out = tmp_path / "out"
    code, said, _ = call(*_inputs(few, out), *_RULES, *more)
    assert code == 0
    lines = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    assert [(line["image"], line["instance_id"]) for line in lines] == [
        (f"{n:04d}.png", len(OBJECTS) * n + place) for n in range(4) for place in range(len(OBJECTS))
    ]
    if rule == "paper" and kind == "disparity":
        assert [line["reason"] for line in lines] == 4 * expected()
        assert [line["kept"] for line in lines] == [reason == "kept" for reason in 4 * expected()]
        assert "8 kept" in said
    settings = json.loads((out / "summary.json").read_text())["settings"]
    assert settings["rules"]["occlusion"]["rule"] == rule
    assert settings["depth_kind"] == kind


@pytest.mark.curation
def test_every_threshold_is_an_option(few, tmp_path, call):
    pytest.importorskip("pycocotools")
    pytest.importorskip("apache_beam")
    chosen = [
        "--min-side=3",
        "--border=0",
        "--min_score=0.1",
        "--excluded_categories",
        "cup",
        "--votes=0.4",
        "--seed=3",
    ]
    assert call(*_inputs(few, tmp_path / "out"), *chosen)[0] == 0
    settings = json.loads((tmp_path / "out/summary.json").read_text())["settings"]["rules"]
    assert settings["filters"] == {"min_side": 3, "border": 0, "min_score": 0.1, "excluded_categories": ["cup"]}
    assert (settings["occlusion"]["votes"], settings["seed"]) == (0.4, 3)


@pytest.mark.curation
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--input": "nowhere"}, "--input: there is no folder 'nowhere'"),
        ({"--instances": "nowhere.json"}, "--instances: 'nowhere.json' cannot be read"),
        ({"--depth": "nowhere"}, "--depth: there is no folder"),
        ({"--workers": "0"}, "--workers must be at least 1"),
        ({"--held_out": "9"}, "--held_out must be between 0 and the number of items, 8"),
        ({"--depth_model": "x"}, "Give one of --depth, --depth_model, not all of --depth, --depth_model."),
        ({"--segmentation_model": "x"}, "Give one of --instances, --segmentation_model, --detector, not all of"),
        ({"--out": "/dev/null/out"}, "Cannot write '/dev/null/out'"),
        ({"--": "--runner=NoSuchRunner"}, "--runner cannot be used (Unexpected pipeline runner: NoSuchRunner"),
    ],
)
def test_mistakes_get_one_sentence(few, tmp_path, call, changed, said):
    pytest.importorskip("pycocotools")
    pytest.importorskip("apache_beam")
    inputs = list(map(str, [*_inputs(few, tmp_path / "out"), *_RULES]))
    for name, value in changed.items():
        if name in inputs:
            inputs[inputs.index(name) + 1] = value
        else:
            inputs += [name, value]
    code, _, heard = call(*inputs)
    assert code == 2
    (line,) = [line for line in heard.splitlines() if line.startswith("error:")]
    assert said in line
    assert "Traceback" not in heard


def test_a_mistyped_option_is_refused(few, tmp_path, call):
    code, _, heard = call(*_inputs(few, tmp_path / "out"), "--min-scor=0.3")
    assert code == 2
    assert "unrecognized arguments" in heard


def test_without_the_extra_it_says_how_to_get_it(few, tmp_path, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    for name in ("curate", "beam_pipeline"):
        monkeypatch.delitem(sys.modules, f"real3d_jax.curation.run.{name}", raising=False)
        monkeypatch.delattr(real3d_jax.curation.run, name, raising=False)
    code, _, heard = call(*_inputs(few, tmp_path / "out"))
    assert code == 2
    assert "pip install -e '.[curation]'" in heard
