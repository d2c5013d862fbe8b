"""Writes the PyTorch files of `data/`, which `test_torch_zip.py` reads without PyTorch."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / "data"


def tensors() -> dict[str, torch.Tensor]:
    """Every type that is read, and views: transposed, shifted, of every second number, of one storage."""
    line = torch.arange(24, dtype=torch.float32)
    kinds = {
        str(kind).removeprefix("torch."): torch.tensor([[1, 0, 2], [3, 0, 100]]).to(kind)
        for kind in (
            torch.float64, torch.float32, torch.float16, torch.bfloat16,
            torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
        )
    }  # fmt: skip
    return {
        **kinds,
        "shared": line,
        "transposed": line.view(4, 6).T,
        "shifted": line[5:9],
        "strided": line[1::2],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.tensor([1.5, -2.0])),
    }


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    state = OrderedDict(tensors())
    state._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]  # as modules have it
    torch.save(state, DATA / "tensors.pt")
    run = {"epoch": 3, "state_dict": {"module.a": torch.ones(2)}, "best": np.float64(20.5), "seen": {1, 2}}
    torch.save(run, DATA / "run.pt")
