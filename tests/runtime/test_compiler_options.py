"""What XLA is asked for, by the model's width."""

import dataclasses

import jax
import pytest

from real3d_jax.config import files
from real3d_jax.models.choice import make_any_model
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training import compiled_step
from real3d_jax.training.optimizer import make_optimizer


@pytest.mark.parametrize(
    ("backend", "width", "searches"), [("gpu", 1024, False), ("gpu", 384, True), ("cpu", 1024, True)]
)
def test_only_wide_models_on_gpus_go_without_the_search(backend, width, searches, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert compiler_options.for_gradients(width) == (None if searches else {"xla_gpu_enable_triton_gemm": False})


@pytest.fixture
def drawing(monkeypatch):
    """JAX's setting, put back after the test."""
    monkeypatch.delenv(compiler_options._BY_KERNELS.upper(), raising=False)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    before = getattr(jax.config, compiler_options._BY_KERNELS)
    yield lambda: getattr(jax.config, compiler_options._BY_KERNELS)
    jax.config.update(compiler_options._BY_KERNELS, before)


def test_nvidia_gpus_draw_random_numbers_by_a_kernel(drawing):
    def rounds(platform):
        draw = jax.jit(lambda key: jax.random.uniform(key, (4,))).trace(jax.random.key(0))
        text = draw.lower(lowering_platforms=(platform,)).as_text()
        return text.count("cu_threefry2x32"), text.count("stablehlo.xor")

    plain = rounds("cuda")
    compiler_options.draw_by_kernels()
    assert drawing()
    assert plain[0] == 0 and plain[1] > 20
    assert rounds("cuda")[0] == 1 and rounds("cuda")[1] <= plain[1] - 20
    assert rounds("cpu")[0] == rounds("tpu")[0] == 0


def test_what_the_environment_says_of_random_numbers_stays(drawing, monkeypatch):
    monkeypatch.setenv("JAX_THREEFRY_GPU_KERNEL_LOWERING", "false")
    compiler_options.draw_by_kernels()
    assert not drawing()


def test_elsewhere_random_numbers_are_drawn_as_ever(drawing, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    compiler_options.draw_by_kernels()
    assert not drawing()


def test_the_step_asks_for_its_own_model(monkeypatch):
    asked = []
    monkeypatch.setattr(compiler_options, "for_gradients", asked.append)
    config = files.load("mini")
    mesh = make_mesh(config.mesh, jax.devices()[:1])
    for width in (384, 1024):
        sized = dataclasses.replace(config, model=dataclasses.replace(config.model, token_width=width))
        model, optimizer = make_any_model(sized.model, sized.compute), make_optimizer(sized.optimizer, 10_000)
        compiled_step.jit_step(sized, {}, model=model, optimizer=optimizer, micro_batches=1, mesh=mesh)
    assert asked == [384, 1024]
