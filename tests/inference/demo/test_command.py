"""The command line: what it hands on, and what it refuses before a model is loaded."""

import importlib.util
from pathlib import Path

import pytest

from real3d_jax.checkpoints import trained_model
from real3d_jax.errors import UserError
from real3d_jax.inference import run
from real3d_jax.inference.demo import serve
from real3d_jax.inference.model import Model
from real3d_jax.runtime import compile_cache
from tests.commands import call

LAUNCH = Path(__file__).parents[3] / "launch" / "demo.py"


@pytest.fixture
def served(monkeypatch):
    """What would have been served."""
    seen = []
    monkeypatch.setattr(serve, "check_demo_installed", lambda: None)
    monkeypatch.setattr(trained_model, "load_checkpoint", lambda *_: None)
    monkeypatch.setattr(compile_cache, "keep_programs", lambda: seen.append("programs are kept"))
    monkeypatch.setattr(run, "say_other_camera", lambda *_: None)
    monkeypatch.setattr(Model, "__init__", lambda self, config, _: vars(self).update(config=config))
    monkeypatch.setattr(serve, "serve", lambda made, limits, **options: seen.append((made, limits, options)) or 143)
    return seen


def test_it_serves_a_model_on_this_machine_alone_with_limits(served):
    assert (
        call(
            LAUNCH,
            "--config.surface.threshold=7",
            "--most_megabytes",
            "1.5",
            "--most_megapixels",
            2,
            "--keep_minutes",
            0.5,
        )
        == 143
    )
    kept, (made, limits, options) = served
    assert kept == "programs are kept"
    assert made.config.surface.threshold == 7
    assert (limits.bytes, limits.pixels, limits.seconds, limits.resolution) == (1_500_000, 2_000_000, 30, 256)
    assert options == {"find_object": None, "host": "127.0.0.1", "port": 7860, "share": False}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--most_resolution", "100"], "--most_resolution is 100: set it to a multiple of 32"),
        (["--most_megabytes", "nan"], "--most_megabytes is nan: set it above 0"),
        (["--most_megapixels", "inf"], "--most_megapixels is inf: set it above 0"),
        (["--keep_minutes", "nan"], "--keep_minutes is nan: set it above 0"),
        (["--port", "80000"], "--port is 80000: set it between 1 and 65535"),
        (["--port", "-1"], "--port is -1"),
        (["--most_waiting", "0"], "limits must be above 0"),
        (["--config.surface.threshold=0"], "threshold is 0"),
        (["--checkpoint", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_told(words, said, served):
    with pytest.raises(UserError, match=said):
        call(LAUNCH, *words)
    assert served in ([], ["programs are kept"])


def test_without_the_extra_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"gradio, which is not installed: run `pip install 'real3d-jax\[demo\]'`"):
        serve.check_demo_installed()
