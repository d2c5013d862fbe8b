"""What XLA is asked for, by the model's width."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from small_model import SMALL, initialized

from real3d_jax.config import files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.evaluation.scorer import _compiled
from real3d_jax.inference.reconstructor import Reconstructor
from real3d_jax.models.choice import make_any_model
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training import compiled_step
from real3d_jax.training.optimizer import make_optimizer


@pytest.mark.parametrize(
    ("backend", "width", "expected"),
    [
        ("gpu", 1024, {"xla_gpu_enable_dynamic_slice_fusion": False, "xla_gpu_enable_triton_gemm": False}),
        ("gpu", 384, {"xla_gpu_enable_dynamic_slice_fusion": False}),
        ("cpu", 1024, None),
    ],
)
def test_gradients_have_no_slice_fusions_and_those_of_wide_models_no_search(backend, width, expected, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    options = compiler_options.for_gradients(width)
    assert options == expected
    jax.jit(jnp.sin).lower(1.0).compile(compiler_options=options)  # XLA knows them, and takes such values


def test_inference_of_wide_models_merges_no_products(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    expected = {"xla_gpu_enable_triton_gemm": False, "xla_gpu_dot_merger_threshold_mb": "0"}
    assert compiler_options.for_inference(1024) == expected
    assert compiler_options.for_inference(384) is None
    options = compiler_options.for_inference(1024)
    jax.jit(jnp.sin).lower(1.0).compile(compiler_options=options)  # XLA knows them, and takes such values


def test_whoever_encodes_asks_for_its_own_model(monkeypatch):
    used, jit = [], jax.jit

    def noting(function, **settings):
        used.append(settings.get("compiler_options"))
        return jit(function, **settings)

    monkeypatch.setattr(compiler_options, "for_inference", lambda width: {"of_width": width})
    monkeypatch.setattr(jax, "jit", noting)
    config = dataclasses.replace(files.load_as(ReconstructionConfig, "reconstruct"), model=SMALL)
    params = initialized(SMALL)
    Reconstructor(config, params)
    assert [options for options in used if options] == [{"of_width": SMALL.token_width}]
    evaluation = dataclasses.replace(files.load_as(EvaluationConfig, "eval/smoke"), model=SMALL)
    _compiled.__wrapped__(make_mesh(evaluation.mesh), SMALL, evaluation.compute, evaluation.render, evaluation.protocol)
    assert [options for options in used if options][1:] == [{"of_width": SMALL.token_width}] * 2  # encoding, the cycle


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
