"""Devices to compile for that need not be there: slices of TPUs, processors, NVIDIA GPUs."""

import dataclasses
import importlib.util
import os
import re
from collections.abc import Sequence
from typing import Any

import jax
from jax.experimental import topologies

from real3d_jax.errors import UserError

# GiB of a chip, and the dimensions of its slices: Google's tables, https://cloud.google.com/tpu/docs/system-architecture
_CHIPS = {"v4": (32, 3), "v5e": (16, 2), "v5p": (95, 3), "v6e": (32, 2)}
_EXAMPLES = "v5e:16x16, v4:4x4x8, cpu:8 or cuda"
_MOST_CPUS = 1024
# Without a TPU libtpu takes v4's cores for devices, if it is not told that a chip is one.
_CHIP_CONFIG = {"v4": {"chip_config_name": "megacore"}}
# libtpu would ask the machine that it runs on which TPU it has.
_NO_TPU = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """What a program is compiled for.

    Attributes:
      name: as it was asked for.
      platform: 'tpu', 'cpu' or 'cuda'.
      devices: JAX's, to lay arrays out on; CPUs stand in for those of 'cuda'.
      memory_gib: of each device; None where that is no property of the topology.
    """

    name: str
    platform: str
    devices: Sequence[Any]
    memory_gib: float | None


def find(name: str) -> Topology:
    """The topology of a name: 'v5e:16x16' and the like, 'cpu:8', 'cuda' or 'cuda:8'.

    To be called before JAX is used, since it makes a CPU the machine's only device: what 'auto' means in a config
    follows the device.

    Raises:
      UserError: there is no such topology, or libtpu is missing.
    """
    kind, _, sizes = name.partition(":")
    count = "1" if name == "cuda" else sizes
    if kind in ("cpu", "cuda") and re.fullmatch(r"[1-9]\d{0,3}", count) and int(count) <= _MOST_CPUS:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", int(count))
        return Topology(name, kind, jax.devices(), None)
    if kind in _CHIPS and re.fullmatch(r"[1-9]\d*(x[1-9]\d*)+", sizes):
        return _tpu(name, kind, [int(size) for size in sizes.split("x")])
    raise UserError(f"--topology has no '{name}': give one such as {_EXAMPLES}; TPUs are {', '.join(_CHIPS)}.")


def _tpu(name: str, kind: str, sizes: list[int]) -> Topology:
    memory, dimensions = _CHIPS[kind]
    if len(sizes) != dimensions:
        example = "x".join("4" * dimensions)
        raise UserError(f"--topology {name}: slices of {kind} have {dimensions} dimensions, as {kind}:{example} has.")
    if importlib.util.find_spec("libtpu") is None:
        raise UserError(
            f"--topology {name} is compiled by libtpu, which is not installed: run `pip install 'jax[tpu]'`."
        )
    jax.config.update("jax_platforms", "cpu")
    for variable, value in _NO_TPU.items():
        os.environ.setdefault(variable, value)
    try:
        found = topologies.get_topology_desc(platform="tpu", topology_name=name, **_CHIP_CONFIG.get(kind, {}))
    except jax.errors.JaxRuntimeError as error:
        raise UserError(f"--topology {name}: libtpu has no such slice ({_first_line(error)}).") from error
    return Topology(name, "tpu", found.devices, memory)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
