"""Reading foreign files: what is accepted, and that damaged, strange and dangerous files are refused in a sentence."""

import argparse

import numpy as np
import pytest
import safetensors.numpy

from real3d_jax.errors import UserError
from real3d_jax.weights.files import find_file, read_tensors

_TENSORS = {"a.weight": np.arange(6000, dtype=np.float32).reshape(60, 100), "b": np.ones(3, np.float32)}


def _same(read):
    assert set(read) == set(_TENSORS)
    for name, tensor in _TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor)


def test_safetensors_needs_no_torch_and_no_ending(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    safetensors.numpy.save_file(_TENSORS, tmp_path / "weights.dat")
    _same(read_tensors(tmp_path / "weights.dat"))


@pytest.mark.parametrize("length", [0x80, 0x280, 0x4B50])
def test_safetensors_whose_length_begins_like_another_format(tmp_path, length):
    """The first bytes are the header's length: 0x80 begins a pickle and 'PK' a zip archive."""
    bare = len(safetensors.numpy.save({"a": np.ones(2, np.float32)}, {"x": ""})) - 16
    content = safetensors.numpy.save({"a": np.ones(2, np.float32)}, {"x": "x" * (length - bare)})
    (tmp_path / "weights").write_bytes(content)
    assert int.from_bytes(content[:8], "little") == length
    np.testing.assert_array_equal(read_tensors(tmp_path / "weights")["a"], np.ones(2))


def test_an_old_torch_file_without_torch_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x02 and so on")
    with pytest.raises(UserError, match=r"from before version 1\.6.*pip install 'real3d-jax\[torch\]'"):
        read_tensors(tmp_path / "model.ckpt")


@pytest.mark.parametrize("size", [0, 5, 9, 60, 10_000])
def test_a_safetensors_file_cut_short_is_refused(tmp_path, size):
    whole = tmp_path / "whole"
    safetensors.numpy.save_file(_TENSORS, whole)
    (tmp_path / "x").write_bytes(whole.read_bytes()[:size])
    with pytest.raises(UserError, match=r"empty|cut short|neither"):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html>", "neither a safetensors nor a PyTorch file"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{not json at all", "cut short or no safetensors"),
    ],
)
def test_garbage_is_refused(tmp_path, content, said):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_tensors(tmp_path / "x")


def test_the_file_of_a_folder(tmp_path):
    with pytest.raises(UserError, match="no file or folder"):
        find_file(tmp_path / "missing")
    assert find_file(tmp_path) is None
    (tmp_path / "cpt_last.pth.tar").touch()
    (tmp_path / "notes.txt").touch()
    assert find_file(tmp_path) == tmp_path / "cpt_last.pth.tar"
    (tmp_path / "cpt_best.pth.tar").touch()
    with pytest.raises(UserError, match=r"several checkpoints \(cpt_best.pth.tar, cpt_last.pth.tar\)"):
        find_file(tmp_path)
    (tmp_path / "model.safetensors").touch()
    assert find_file(tmp_path) == tmp_path / "model.safetensors"


class _Code:
    """Runs a function when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.torch
class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("wrapped", [True, False])
    def test_containers(self, torch, tmp_path, zipped, wrapped):
        content = {name: torch.from_numpy(tensor) for name, tensor in _TENSORS.items()}
        if wrapped:  # as Real3D writes it
            parameter = torch.nn.Parameter(torch.ones(2))
            optimizer = torch.optim.AdamW([parameter])
            content = {
                "epoch": 3,
                "state_dict": {f"module.{name}": tensor for name, tensor in content.items()},
                "optimizer": optimizer.state_dict(),
                "scaler": {"scale": 65536.0},
                "schedular": torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0).state_dict(),
                "best_psnr": np.float64(20.5),
            }
        torch.save(content, tmp_path / "x.safetensors", _use_new_zipfile_serialization=zipped)  # a name that lies
        _same(read_tensors(tmp_path / "x.safetensors"))

    def test_bfloat16_keeps_its_type(self, torch, tmp_path):
        torch.save({"a": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}, tmp_path / "x")
        tensor = read_tensors(tmp_path / "x")["a"]
        assert str(tensor.dtype) == "bfloat16"
        np.testing.assert_array_equal(tensor.astype(np.float32), [1.5, -2.0])

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_is_refused_and_not_run(self, torch, tmp_path, zipped):
        content = {"a": torch.ones(2), "b": _Code(tmp_path / "ran")}
        torch.save(content, tmp_path / "x", _use_new_zipfile_serialization=zipped)
        with pytest.raises(UserError, match=r"holds io\.open, which could run code"):
            read_tensors(tmp_path / "x")
        assert not (tmp_path / "ran").exists()

    def test_foreign_objects_are_refused_by_name(self, torch, tmp_path):
        torch.save({"state_dict": {"a": torch.ones(2)}, "args": argparse.Namespace(lr=1)}, tmp_path / "x")
        with pytest.raises(UserError, match=r"holds argparse\.Namespace"):
            read_tensors(tmp_path / "x")

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
    def test_a_file_cut_short_is_refused(self, torch, tmp_path, zipped, share):
        path = tmp_path / "x"
        torch.save({"a": torch.ones(20_000)}, path, _use_new_zipfile_serialization=zipped)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(UserError, match="damaged or cut short"):
            read_tensors(path)

    @pytest.mark.parametrize(
        ("content", "said"), [([1, 2], "holds a list"), ({"a": 3}, "'a', which is no tensor"), ({}, "holds no tensors")]
    )
    def test_other_content_is_refused(self, torch, tmp_path, content, said):
        torch.save(content, tmp_path / "x")
        with pytest.raises(UserError, match=said):
            read_tensors(tmp_path / "x")
