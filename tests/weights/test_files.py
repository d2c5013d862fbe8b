"""Reading foreign files: what is accepted, and that damaged, strange and dangerous files are refused in a sentence."""

import argparse
import json
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from real3d_jax.errors import UserError
from real3d_jax.weights.files import find_file, read_tensors
from tests.weights import torch_files
from tests.weights.torch_files import Name, stored, write

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

    @pytest.mark.parametrize("zipped", [True, False])
    def test_quantised_and_sparse_tensors(self, torch, tmp_path, zipped):
        made = (
            (torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8), "quantised"),
            (torch.ones(2, 2).to_sparse(), "sparse"),
        )
        for content, said in made:
            torch.save({"a": content}, tmp_path / "x", _use_new_zipfile_serialization=zipped)
            with pytest.raises(UserError, match=f"holds {said} tensors"):
                read_tensors(tmp_path / "x")

    @pytest.mark.parametrize(
        ("content", "said"), [([1, 2], "holds a list"), ({"a": 3}, "'a', which is no tensor"), ({}, "holds no tensors")]
    )
    def test_other_content_is_refused(self, torch, tmp_path, content, said):
        torch.save(content, tmp_path / "x")
        with pytest.raises(UserError, match=said):
            read_tensors(tmp_path / "x")


def test_types_of_quantised_files_are_refused_by_name(tmp_path):
    header = b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + b"\x38\x38")
    with pytest.raises(UserError, match=r"holds a as F8_E4M3, which is not read: save it as float32"):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("torch._utils", "_rebuild_qtensor", "quantised tensors.*dequantize"),
        ("torch._utils", "_rebuild_sparse_tensor", r"sparse tensors: save tensor\.to_dense"),
        ("torch._utils", "_rebuild_sparse_csr_tensor", "sparse tensors"),
        ("torch._utils", "_rebuild_nested_tensor", "nested tensors"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage", "without numbers"),
        ("torch._utils", "_rebuild_tensor_v3", "a type such as float8: save them as float32"),
        ("torch", "ComplexFloatStorage", "complex numbers"),
        ("torch", "QInt8Storage", "quantised tensors"),
        ("torchao.quantization", "Quantized", r"holds torchao\.quantization\.Quantized, which could run code"),
    ],
)
def test_what_torch_rebuilds_in_other_ways_is_told_in_a_sentence(tmp_path, module, name, said):
    with pytest.raises(UserError, match=said) as caught:
        read_tensors(write(tmp_path / "x", {"a": Name(module, name, 1)}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bit", ["neg", "conj"])
def test_numbers_that_torch_would_negate_are_refused(tmp_path, bit):
    plain = Name("torch._utils", "_rebuild_tensor_v2", stored(), 0, (6,), (1,), False, {}, {bit: False})
    np.testing.assert_array_equal(read_tensors(write(tmp_path / "x", {"a": plain}))["a"], np.arange(6))
    turned = Name("torch._utils", "_rebuild_tensor_v2", stored(), 0, (6,), (1,), False, {}, {bit: True})
    with pytest.raises(UserError, match="negated or conjugated"):
        read_tensors(write(tmp_path / "x", {"a": turned}))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("x/constants.pkl", "a TorchScript program, not weights"),
        ("x/archive_format", "a program of torch.export"),
        ("a.npy", "arrays of NumPy"),
        ("model.weights.h5", "a whole model of Keras"),
    ],
)
def test_archives_of_other_programs_are_named(tmp_path, part, said):
    write(tmp_path / "x", {"a": torch_files.tensor(stored())})
    with zipfile.ZipFile(tmp_path / "x", "a") as archive:
        archive.writestr(part, b"")
    with pytest.raises(UserError, match=said):
        read_tensors(tmp_path / "x")


@pytest.mark.parametrize(
    ("start", "said"),
    [(b"GGUF", "GGUF file"), (b"\x93NUMPY", "array of NumPy"), (b"\x1f\x8b", "unpack it with gunzip")],
)
def test_files_of_other_programs_are_named(tmp_path, start, said):
    (tmp_path / "x").write_bytes(start + bytes(40))
    with pytest.raises(UserError, match=said):
        read_tensors(tmp_path / "x")


def test_a_pickle_that_would_grow_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(UserError, match=r"data\.pkl is compressed"):
        read_tensors(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/byteorder", bytes(10_000_000), zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="byte order is"):
        read_tensors(tmp_path / "y")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."]
)
def test_what_wrappers_add_to_names_is_taken_off(tmp_path, prefix):
    safetensors.numpy.save_file({prefix + name: tensor for name, tensor in _TENSORS.items()}, tmp_path / "x")
    _same(read_tensors(tmp_path / "x"))


def test_wrapped_parts_of_a_model(tmp_path):
    inside = {"b": _TENSORS["b"], "a._orig_mod._fsdp_wrapped_module.weight": _TENSORS["a.weight"]}
    safetensors.numpy.save_file(inside, tmp_path / "x")
    _same(read_tensors(tmp_path / "x"))
    safetensors.numpy.save_file({"b": np.ones(1, np.float32), "_orig_mod.b": np.ones(1, np.float32)}, tmp_path / "x")
    with pytest.raises(UserError, match=r"holds both '(_orig_mod\.)?b' and '(_orig_mod\.)?b': save one model"):
        read_tensors(tmp_path / "x")


class TestParts:
    NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")

    @pytest.fixture
    def folder(self, tmp_path):
        for name, key in zip(self.NAMES, _TENSORS, strict=True):
            safetensors.numpy.save_file({f"module.{key}": _TENSORS[key]}, tmp_path / name)
        self.index(tmp_path, {f"module.{key}": name for name, key in zip(self.NAMES, _TENSORS, strict=True)})
        return tmp_path

    def index(self, folder, weight_map, name="model.safetensors.index.json"):
        (folder / name).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))

    @pytest.mark.parametrize("name", ["model", "diffusion_model"])
    def test_are_read_by_their_index(self, folder, name):
        (folder / "model.safetensors.index.json").rename(folder / f"{name}.safetensors.index.json")
        assert find_file(folder) == folder / f"{name}.safetensors.index.json"
        _same(read_tensors(find_file(folder)))

    def test_one_alone_is_not_taken_for_all(self, folder):
        with pytest.raises(UserError, match=r"is one part of 2: give the folder of all"):
            read_tensors(folder / self.NAMES[0])
        (folder / "model.safetensors.index.json").unlink()
        with pytest.raises(UserError, match=r"parts of a checkpoint without the \.index\.json"):
            find_file(folder)

    @pytest.mark.parametrize(
        ("weight_map", "said"),
        [
            ({"module.a.weight": NAMES[1], "module.b": NAMES[0]}, "does not hold"),
            ({"module.a.weight": "model-00003-of-00003.safetensors"}, "which is missing"),
            ({"module.a.weight": "../x.safetensors"}, "no file beside it"),
            (3, "no 'weight_map'"),
        ],
    )
    def test_that_do_not_fit(self, folder, weight_map, said):
        self.index(folder, weight_map)
        with pytest.raises(UserError, match=said):
            read_tensors(folder / "model.safetensors.index.json")

    def test_that_hold_more_than_is_said(self, folder):
        safetensors.numpy.save_file({f"module.{key}": _TENSORS[key] for key in _TENSORS}, folder / self.NAMES[0])
        with pytest.raises(UserError, match=r"holds beside what it says module\.b"):
            read_tensors(folder / "model.safetensors.index.json")

    def test_a_part_cut_short_is_named(self, folder):
        path = folder / self.NAMES[1]
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(UserError, match=r"model-00002-of-00002\.safetensors' is cut short"):
            read_tensors(folder / "model.safetensors.index.json")
