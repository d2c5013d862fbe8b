"""Models of the hub: downloaded and converted once into the user's cache."""

import huggingface_hub
import numpy as np
import pytest
from foreign_checkpoints import tensors_of, tsr_shapes
from huggingface_hub.errors import LocalEntryNotFoundError

from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.errors import UserError
from real3d_jax.weights import published
from real3d_jax.weights.convert import convert_checkpoint
from real3d_jax.weights.converted import load_weights
from tests.weights.torch_files import save

FILES = {"stabilityai/TripoSR": "model.ckpt", "hwjiang/Real3D": "model_both_trained_v1.ckpt"}


def as_real3d(state):
    """As its training program saves it."""
    return {"epoch": 1, "state_dict": {f"module.{name}": value for name, value in state.items()}, "optimizer": {}}


@pytest.fixture
def tensors():
    return tensors_of(tsr_shapes(), seed=3)


@pytest.fixture
def asked(tensors, tmp_path, monkeypatch):
    """A hub with both repositories, in the form of their files; what was asked of it."""
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        if FILES.get(repository) != file:
            raise LocalEntryNotFoundError("no connection. Try later")
        folder = tmp_path / "hub" / repository
        folder.mkdir(parents=True, exist_ok=True)
        wrap = as_real3d if repository == "hwjiang/Real3D" else dict
        return str(save(folder / file, tensors, wrap))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setenv("REAL3D_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    monkeypatch.chdir(tmp_path)
    return asked


@pytest.mark.parametrize("name", FILES)
def test_converted_once(name, asked, tensors, tmp_path, capsys):
    first = find_model(name)
    folder = tmp_path / "cache" / name.replace("/", "--")
    said = capsys.readouterr().out
    assert f"{name}: converted once, into {folder}" in said and f"asking the hub for {FILES[name]}" in said
    assert (str(first.source), first.folder, first.step) == (name, folder, None)
    weights = load_weights(folder)
    expected = convert_checkpoint(tmp_path / "hub" / name / FILES[name]).weights
    assert weights.kind == "lrm"
    np.testing.assert_array_equal(weights.params["upsampler"]["bias"], tensors["post_processor.upsample.bias"])
    assert weights.unused.keys() == expected.unused.keys()
    assert find_model(name).folder == folder
    assert asked == [(name, FILES[name])]  # not again
    assert capsys.readouterr().out == ""


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("REAL3D_JAX_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert str(published.cache_folder()) == "/home/me/.cache/real3d_jax"
    monkeypatch.setenv("XDG_CACHE_HOME", "/else")
    assert str(published.cache_folder()) == "/else/real3d_jax"
    monkeypatch.setenv("REAL3D_JAX_CACHE", "~/own")
    assert str(published.cache_folder()) == "/home/me/own"


def test_a_conversion_that_was_cut_short_leaves_nothing(asked, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", full)
        with pytest.raises(UserError, match=r"No space left on device: make room, or set REAL3D_JAX_CACHE to another"):
            find_model("stabilityai/TripoSR")
    assert list((tmp_path / "cache").iterdir()) == []
    assert find_model("stabilityai/TripoSR").folder.is_dir()


def test_a_hub_out_of_reach(asked, monkeypatch, tmp_path):
    monkeypatch.setitem(FILES, "hwjiang/Real3D", "another")
    with pytest.raises(
        UserError,
        match=r"^'hwjiang/Real3D' cannot be downloaded .*\(no connection\): go online, or d",
    ):
        find_model("hwjiang/Real3D")
    assert not (tmp_path / "cache").exists()


def test_a_folder_of_that_name_comes_first(asked, tmp_path):
    (tmp_path / "stabilityai").mkdir()
    with pytest.raises(UserError, match="There is no checkpoint 'stabilityai/TripoSR'"):
        find_model("stabilityai/TripoSR")
    assert asked == []
