"""The training step compiled for devices that are not there."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from real3d_jax.benchmarks import compile_check, topologies
from real3d_jax.benchmarks.collectives import Exchange, by_kind, collectives
from real3d_jax.benchmarks.compile_check import Checked, Memory, describe, notes
from real3d_jax.benchmarks.step_programs import StepProgram, shrunken
from real3d_jax.benchmarks.topologies import Topology
from real3d_jax.config import files as config_files
from real3d_jax.errors import UserError
from real3d_jax.models.presets import PRESETS
from real3d_jax.runtime.batch_layout import lay_out

ROOT = Path(__file__).parents[2]
# Objects alone, and no network that judges: what compiles soonest and still has the exchange of gradients.
SOON = ["batch.synthetic=6", "batch.real=0", "losses.supervised.lpips=0", "compute.unroll=1"]
GIB = 2**30

HLO = """\
HloModule jit_step
%body (p: f32[4]) -> f32[4] {
  %g.1 = bf16[8,16]{1,0:T(8,128)} all-gather(%p), dimensions={0}
  %g.2 = bf16[4]{0} all-gather-start(%p), dimensions={0}
}
ENTRY %main (p: f32[4]) -> f32[4] {
  %r = (f32[100]{0}, f32[]) all-reduce(%a, %b), to_apply=%add
  %s = f32[4]{0} reduce-scatter(%a), dimensions={0}
  %d = f32[4]{0} all-reduce-done(%s)
}
"""


@pytest.fixture(scope="module")
def config():
    return config_files.load("real3d:embedded")


def checked(config, memory=None, *, used=None, room=16.0, **changes):
    """For eight played devices."""
    layout = lay_out(config.batch, 8)
    topology = Topology("v5e:2x4", "tpu", jax.devices()[:1] * 8, 16.0)
    program = StepProgram(None, layout, 5 * GIB, 418_685_036)
    exchanges = by_kind(collectives(HLO))
    return dataclasses.replace(
        Checked(program, topology, memory, "", used, room, exchanges, 1.5, 600.0, 1200.0), **changes
    )


def test_what_jaxlib_cannot_read_is_told_as_such(config, monkeypatch):
    """A libtpu of another day compiles what it cannot show; the memory is known all the same."""

    class Compiled:
        def memory_analysis(self):
            return SimpleNamespace(
                argument_size_in_bytes=GIB, output_size_in_bytes=0, alias_size_in_bytes=0, temp_size_in_bytes=0,
                generated_code_size_in_bytes=0,
            )  # fmt: skip

        def as_text(self):
            raise jax.errors.JaxRuntimeError("INTERNAL: RET_CHECK failure")

        def cost_analysis(self):
            return {"flops": 2e12}

    traced = SimpleNamespace(lower=lambda *_, **__: SimpleNamespace(compile=Compiled))
    program = StepProgram(traced, lay_out(config.batch, 8), 5 * GIB, 418_685_036)
    monkeypatch.setattr(compile_check, "trace_step", lambda *_: program)
    found = compile_check.check(config, Topology("v6e:2x4", "tpu", jax.devices()[:1] * 8, 32.0))
    assert found.exchanges is None and found.fits
    lines = list(describe(config, found))
    assert "exchanged    not told: this jaxlib cannot read what this libtpu has compiled" in lines
    assert any(line.endswith("1.000 GiB arguments") for line in lines)


@pytest.mark.parametrize(("name", "told"), [("v4:2x2x1", {"chip_config_name": "megacore"}), ("v6e:2x4", {})])
def test_a_chip_of_v4_is_one_device(name, told, monkeypatch):
    """Its cores were taken for devices, of which JAX lays out no mesh."""
    seen = []

    def describe_slice(**how):
        seen.append(how)
        return SimpleNamespace(devices=jax.devices()[:1] * 8)

    monkeypatch.setattr(topologies.topologies, "get_topology_desc", describe_slice)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    for variable in topologies._NO_TPU:
        monkeypatch.setenv(variable, "")
    found = topologies.find(name)
    assert seen == [{"platform": "tpu", "topology_name": name, **told}]
    assert len(found.devices) == 8 and found.memory_gib == 32


def test_who_waits_for_every_layer_is_told_what_is_sooner(config):
    slice_, gpus = (Topology(name, name, jax.devices(), 16.0) for name in ("tpu", "cuda"))
    (note,) = notes(config, slice_)
    assert "--config.compute.unroll=1" in note
    looped = dataclasses.replace(config, compute=dataclasses.replace(config.compute, unroll=1))
    assert list(notes(looped, slice_)) == list(notes(config, gpus)) == []


def test_collectives_of_a_kind_are_summed():
    assert by_kind(collectives(HLO)) == [
        Exchange("all-reduce", ("f32",), False, 1, 404),
        Exchange("all-gather", ("bf16",), True, 2, 264),
        Exchange("reduce-scatter", ("f32",), False, 1, 16),
    ]


def test_what_fits(config):
    memory = Memory(arguments=5 * GIB, outputs=0, temporaries=6 * GIB, code=GIB // 4)
    found = checked(config, memory, used=memory.together / GIB)
    lines = list(describe(config, found))
    assert found.fits and not any(line.startswith("try") for line in lines)
    assert "model        418,685,036 parameters, 5 GiB of state a device" in lines
    assert "topology     v5e:2x4: 8 x cpu of 16 GiB" in lines
    assert "batch        5 synthetic + 5 real a device, in 5 micro-batches; 100% of it counts" in lines
    assert "memory         11.250 GiB together, of 16: fits, 4.75 GiB to spare" in lines
    assert "exchanged    2 x all-gather, 0.0 MiB of bf16 together, in a loop" in lines
    assert "compiled     in 600 s of the processor, 1200 s on the clock" in lines


@pytest.mark.parametrize(
    "refusal",
    [
        "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 20.25G of 15.75G hbm. Exceeded ...",
        "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory required for HLO "
        "temporaries (20.25G) exceeds available HBM (15.75G).",
    ],
)
def test_what_does_not_fit_is_told_with_the_keys_that_help(refusal, config, monkeypatch):
    def compile_():
        raise jax.errors.JaxRuntimeError(f"{refusal} HLO module: jit_step.\nSee https://openxla.org")

    lowered = SimpleNamespace(compile=compile_)
    program = dataclasses.replace(checked(config).program, traced=SimpleNamespace(lower=lambda: lowered))
    monkeypatch.setattr(compile_check, "trace_step", lambda *_: program)
    config = dataclasses.replace(config, batch=dataclasses.replace(config.batch, micro_batches=1))
    found = compile_check.check(config, checked(config).topology)
    assert not found.fits
    lines = list(describe(config, found))
    assert "memory         20.250 GiB at least together, of 15.75: does not fit, 4.50 GiB too much" in lines
    assert f"refused      {refusal}" in lines
    tried = [line.split()[1].rstrip(",") for line in lines if line.startswith("try ")]
    assert tried == [
        "--config.batch.micro_batches=0",
        "--config.compute.remat=full",
        "--config.mesh.fsdp=2",
        "--config.render.rays_per_chunk=2048",
    ]
    config_files.load("real3d:embedded", tried)  # such keys there are


def test_a_refusal_in_other_words_is_one(config):
    found = checked(config, refusal="RESOURCE_EXHAUSTED: Ran out of memory.", used=None)
    assert not found.fits
    assert "refused      RESOURCE_EXHAUSTED: Ran out of memory." in list(describe(config, found))


def test_other_errors_of_the_compiler_are_not_taken_for_it(config, monkeypatch):
    def compile_():
        raise jax.errors.JaxRuntimeError("INTERNAL: Mosaic failed")

    lowered = SimpleNamespace(compile=compile_)
    program = dataclasses.replace(checked(config).program, traced=SimpleNamespace(lower=lambda: lowered))
    monkeypatch.setattr(compile_check, "trace_step", lambda *_: program)
    with pytest.raises(jax.errors.JaxRuntimeError, match="Mosaic"):
        compile_check.check(config, checked(config).topology)


def test_a_twin_keeps_the_batch_and_the_losses(config):
    twin = shrunken(config, "tiny")
    assert twin.model == PRESETS["tiny"] and twin.render.resolution == 16
    assert (twin.batch, twin.optimizer, twin.mesh, twin.compute) == (
        config.batch,
        config.optimizer,
        config.mesh,
        config.compute,
    )
    assert twin.losses.semantic == config.losses.semantic
    assert shrunken(config, "small") == dataclasses.replace(config, model=PRESETS["small"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v5e", "--topology has no 'v5e'"),
        ("v7:2x2", "--topology has no 'v7:2x2'"),
        ("v5e:4x4x4", "slices of v5e have 2 dimensions, as v5e:4x4 has"),
        ("v4:4x4", "slices of v4 have 3 dimensions, as v4:4x4x4 has"),
        ("v5e:0x4", "--topology has no"),
        ("cpu:0", "--topology has no"),
        ("cpu:", "--topology has no"),
        ("cuda:x", "--topology has no"),
    ],
)
def test_topologies_that_there_are_not(name, said):
    with pytest.raises(UserError, match=said):
        topologies.find(name)


def test_libtpu_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"is compiled by libtpu, which is not installed: run `pip install 'jax\[tpu\]'`"
    ):
        topologies.find("v5e:2x4")


def run(topology, *changes):
    """Exit code, stdout and stderr of the command."""
    words = ["--config", "real3d:embedded", "--topology", topology, "--size", "tiny"]
    command = [sys.executable, "launch/compile_check.py", *words, *(f"--config.{change}" for change in changes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_four_processors():
    code, said, error = run("cpu:4", *SOON)
    assert code == 0, error
    assert "topology     cpu:4: 4 x cpu" in said
    assert "batch        2 synthetic a device, in 2 micro-batches; 75% of it counts" in said
    assert "exchanged    1 x all-reduce, 1.2 MiB of f32 together\n" in said  # float32 gradients of 303,124 parameters
    assert "fits" not in said


@pytest.mark.slow
def test_cuda_is_lowered_only():
    code, said, error = run("cuda", *SOON)
    assert code == 0, error
    assert "\nlowered      in" in said and "not known    memory, speed" in said and "exchanged" not in said


@pytest.mark.tpu
def test_a_slice_of_tpus():
    pytest.importorskip("libtpu")
    code, said, error = run("v5e:2x4", *SOON)
    assert code == 0, error
    assert "topology     v5e:2x4: 8 x TPU v5 lite of 16 GiB" in said
    assert "exchanged    1 x all-reduce, 1.2 MiB of f32 together\n" in said
    assert "GiB together, of 16: fits" in said


@pytest.mark.tpu
def test_a_slice_that_there_is_not():
    pytest.importorskip("libtpu")
    code, _, error = run("v5e:3x5")
    assert code == 2 and error.startswith("error: --topology v5e:3x5: libtpu has no such slice")
