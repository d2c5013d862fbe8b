"""PyTorch's files read without PyTorch: values, views, and that nothing else in a file is believed or run."""

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from real3d_jax.weights import torch_zip
from real3d_jax.weights.torch_zip import Damaged, Refused, Tensor
from tests.weights.torch_files import Name, Stored, save, stored, tensor, write

DATA = Path(__file__).parent / "data"
LINE = np.arange(24, dtype=np.float32)
KINDS = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
EXPECTED = {
    **{kind: np.array([[1, 0, 2], [3, 0, 100]]).astype(kind) for kind in KINDS},
    "shared": LINE,
    "transposed": LINE.reshape(4, 6).T,
    "shifted": LINE[5:9],
    "strided": LINE[1::2],
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "parameter": np.array([1.5, -2.0], np.float32),
}


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)


def test_every_type_and_view(without_torch):
    found = torch_zip.read(DATA / "tensors.pt")
    assert set(found) == {*EXPECTED, "bfloat16"}
    for name, expected in EXPECTED.items():
        array = found[name].array()
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype), name
        np.testing.assert_array_equal(array, expected, err_msg=name)
    assert str(found["bfloat16"].array().dtype) == "bfloat16"
    np.testing.assert_array_equal(found["bfloat16"].array().astype(np.float32), EXPECTED["float32"])
    assert found["shifted"].numbers is found["shared"].numbers  # read once, mapped
    assert not found["shared"].array().flags.writeable


def test_what_a_training_program_saves_beside_the_weights(without_torch):
    found = torch_zip.read(DATA / "run.pt")
    assert (found["epoch"], found["best"], found["seen"]) == (3, 20.5, {1, 2})
    np.testing.assert_array_equal(found["state_dict"]["module.a"].array(), np.ones(2))


@pytest.mark.parametrize(("order", "sign"), [(None, "<"), ("little", "<"), ("big", ">")])
@pytest.mark.parametrize(("kind", "dtype"), [("FloatStorage", "f4"), ("BFloat16Storage", "u2"), ("LongStorage", "i8")])
def test_byte_orders(tmp_path, order, sign, kind, dtype):
    numbers = np.array([1, 2, 3, 4, 5, 16256])  # the last is 1 in bfloat16
    data = {"0": numbers.astype(f"{sign}{dtype}").tobytes()}
    file = write(tmp_path / "x", {"a": tensor(stored(kind=kind))}, order=order, data=data)
    array = torch_zip.read(file)["a"].array()
    assert array.dtype.isnative
    if kind == "BFloat16Storage":
        assert float(array[5]) == 1.0
        array = array.view(np.uint16)
    np.testing.assert_array_equal(array, numbers)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("io", "open"), ("builtins", "eval"), ("__builtin__", "getattr"),
        ("numpy", "load"), ("torch", "load"), ("torch.hub", "load"), ("torch._utils", "_rebuild_tensor_v3"),
        ("torch", "EvilStorage"), ("collections", "OrderedDict.fromkeys"), ("argparse", "Namespace"),
        ("real3d_jax.weights.torch_zip", "read"), ("copyreg", "_reconstructor"),
    ],
)  # fmt: skip
def test_other_names_are_refused_and_never_imported(tmp_path, module, name):
    path = tmp_path / "ran"
    content = {"a": tensor(stored()), "b": Name(module, name, f"touch {path}")}
    with pytest.raises(Refused, match=rf"^{module}\.{name}$"):
        torch_zip.read(write(tmp_path / "x", content))
    assert not path.exists()


@pytest.mark.parametrize(
    "opcodes", [b"(S'exit 1'\nios\nsystem\n.", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x06exit 1\x85R."]
)
def test_other_ways_to_name_code_are_refused(tmp_path, opcodes):
    with pytest.raises(Refused, match=r"^os\.system$"):
        torch_zip.read(write(tmp_path / "x", opcodes))


@pytest.mark.parametrize("code", ["O", "O8", "V8", "S4", "M8", "c8"])
def test_numbers_of_numpy_alone_are_made(tmp_path, code):
    content = {"a": Name("numpy._core.multiarray", "scalar", Name("numpy", "dtype", code, False, True), b"12345678")}
    with pytest.raises(Refused, match=rf"^numpy\.dtype\('{code}'\)$"):
        torch_zip.read(write(tmp_path / "x", content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tensor(stored(), offset=1), "6 numbers lies outside of its storage of 6"),
        (tensor(stored(), shape=(3, 3), strides=(2, 1)), "outside of its storage"),
        (tensor(stored(), shape=(2, 2), strides=(5, 1)), "outside of its storage"),
        (tensor(stored(), shape=(10**9,), strides=(0,)), "1,000,000,000 numbers"),
        (tensor(stored(), offset=-1), "sizes that are none"),
        (tensor(stored(), shape=(3,), strides=(-1,)), "sizes that are none"),
        (tensor(stored(), shape=(3,), strides=(1, 1)), "sizes that are none"),
        (tensor(stored(), shape=("3",)), "sizes that are none"),
        (tensor(3), "no storage"),
        (tensor(stored(7)), "24 bytes for 7 numbers of 4"),
        (tensor(stored(5)), "24 bytes for 5 numbers of 4"),
        (tensor(stored(6, kind="DoubleStorage")), "24 bytes for 6 numbers of 8"),
        ([tensor(stored()), tensor(stored(kind="IntStorage"))], "of two kinds"),
        (tensor(stored(key="1")), "part archive/data/1 is missing"),
        (tensor(stored(key="../data.pkl")), "is missing"),
        (tensor(Stored("file", 3)), "storage of an unknown form"),
        (Name("torch._utils", "_rebuild_parameter", 3, True, {}), "a parameter is no tensor"),
    ],
)
def test_parts_that_do_not_fit_together(tmp_path, content, said):
    with pytest.raises(Damaged, match=said):
        torch_zip.read(write(tmp_path / "x", {"a": content}))


def test_archives_that_are_none_of_torchs(tmp_path):
    good = {"a": tensor(stored())}
    assert isinstance(torch_zip.read(write(tmp_path / "x", good))["a"], Tensor)
    with pytest.raises(Damaged, match="is compressed"):
        torch_zip.read(write(tmp_path / "x", good, data={"0": bytes(24)}, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(Damaged, match="byte order is b'middle'"):
        torch_zip.read(write(tmp_path / "x", good, order="middle"))
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(Damaged, match=r"none of torch\.save's"):
        torch_zip.read(tmp_path / "y")
    with zipfile.ZipFile(tmp_path / "x", "a") as archive:
        archive.writestr("archive/constants.pkl", b"")
    with pytest.raises(Refused, match="TorchScript"):
        torch_zip.read(tmp_path / "x")


def test_a_number_that_was_changed_on_the_way(tmp_path):
    content = bytearray(write(tmp_path / "x", {"a": tensor(stored())}).read_bytes())
    content[content.index(np.float32(3).tobytes())] ^= 1
    (tmp_path / "x").write_bytes(bytes(content))
    with pytest.raises(Damaged, match="archive/data/0 does not have its checksum"):
        torch_zip.read(tmp_path / "x")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_cut_short(tmp_path, share):
    content = (DATA / "tensors.pt").read_bytes()
    (tmp_path / "x").write_bytes(content[: int(share * len(content))])
    with pytest.raises(Damaged):
        torch_zip.read(tmp_path / "x")


@pytest.mark.torch
def test_files_written_without_torch_are_torchs(tmp_path):
    torch = pytest.importorskip("torch")
    save(tmp_path / "x", {"a": EXPECTED["shared"].reshape(2, 3, 4), "b": EXPECTED["scalar"]})
    for name, value in torch.load(tmp_path / "x", weights_only=True).items():
        np.testing.assert_array_equal(value.numpy(), torch_zip.read(tmp_path / "x")[name].array())
        assert value.shape == {"a": (2, 3, 4), "b": ()}[name]


@pytest.mark.torch
def test_the_same_as_torch(tmp_path):
    torch = pytest.importorskip("torch")
    make_torch_files = pytest.importorskip("tests.weights.make_torch_files")
    expected = make_torch_files.tensors()
    torch.save(expected, tmp_path / "x.pt")
    for path in (tmp_path / "x.pt", DATA / "tensors.pt"):
        found, again = torch_zip.read(path), torch.load(path, weights_only=True)
        assert set(found) == set(expected) == set(again)
        for name, value in again.items():
            array = found[name].array()
            assert torch.equal(torch.tensor(array.astype(np.float64)), value.detach().double()), name
            assert str(value.dtype) == f"torch.{array.dtype}"
