"""How fast a model is scored: novel views against the true ones as an evaluation has them, on objects of noise."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.batches import as_float
from real3d_jax.benchmarks import fields
from real3d_jax.benchmarks.measuring import Case, Measurement, summarize, time_calls
from real3d_jax.benchmarks.random_batches import random_instance
from real3d_jax.benchmarks.work import encode_tflop, view_tflop
from real3d_jax.cameras import Cameras
from real3d_jax.config.agreement import canonical_model
from real3d_jax.config.evaluation import CalibrationConfig, EvaluationConfig, NetworksConfig, ScoredConfig
from real3d_jax.evaluation.networks import Networks, load_networks
from real3d_jax.evaluation.programs import score_views
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.runtime import compiler_options
from real3d_jax.weights.networks import RANDOM


def novel_views_alone(config: EvaluationConfig) -> EvaluationConfig:
    """The evaluation with the metrics of novel views and no others, LPIPS on random weights."""
    return dataclasses.replace(
        config,
        scored=ScoredConfig(novel_views=True, input_view=False, semantic=False, consistency=False, baselines=False),
        networks=NetworksConfig(vgg=RANDOM, clip="", clip_random_size="", inception=""),
        geometry=dataclasses.replace(config.geometry, meshes=""),
        calibration=CalibrationConfig(distances=(), scope="instance"),
    )


def stage_cases(config: EvaluationConfig, batch: int) -> list[Case]:
    """What the devices do for a batch, a program for each stage; LPIPS is measured with the other metrics and without.

    Args:
      config: of the evaluation; `novel_views_alone` of it is measured, on one device.
      batch: objects at a time.
    """
    config = novel_views_alone(config)
    novel = config.protocol.novel_views
    model = make_model(canonical_model(config.model), config.compute)
    lpips_params = _judges(config).lpips_params
    objects = [random_instance(config, seed) for seed in range(batch)]
    stacked = {name: np.stack([instance[name] for instance in objects]) for name in objects[0]}

    def encode(params, image):
        return reconstruct(params, as_float(image), model=model)

    def render(field, cameras):
        return render_views(field, cameras, config.render, resolution=novel.resolution)[0]

    def score(prediction, rgb, lpips_params):
        return score_views(prediction, as_float(rgb), lpips_params=lpips_params, window=novel.ssim_window)

    @jax.jit
    def params():
        return model.inference_weights(init_params(model, jax.random.key(0)))

    def field():
        """Planes of noise, of the type that encoding gives."""
        made = jax.eval_shape(lambda: encode(params(), jnp.asarray(stacked["image"])))
        planes = jax.random.normal(jax.random.key(2), made.planes.shape).astype(made.planes.dtype)
        return TriplaneField(planes, params()["decoder"], made.decoder)

    def pictures():
        return jax.random.uniform(jax.random.key(3), stacked["rgb"].shape)

    backend = fields.ray_implementation(config, config.render.implementation)

    def case(name, function, make_arguments, tflop, **settings):
        return Case("evaluate", name, _sizes(config, batch), backend, function, make_arguments, tflop, **settings)

    return [
        case(
            "encode",
            encode,
            lambda: (params(), jnp.asarray(stacked["image"])),
            batch * encode_tflop(canonical_model(config.model)),
            compiler_options=compiler_options.for_inference(config.model.token_width),
        ),
        case(
            "render",
            render,
            lambda: (field(), Cameras(jnp.asarray(stacked["c2w"]), jnp.asarray(stacked["intrinsics"]))),
            batch * novel.views * view_tflop(config, novel.resolution),
        ),
        case("PSNR, SSIM and LPIPS", score, lambda: (pictures(), jnp.asarray(stacked["rgb"]), lpips_params), 0.0),
        case("PSNR and SSIM alone", score, lambda: (pictures(), jnp.asarray(stacked["rgb"]), None), 0.0),
    ]


def measure_scorer(
    config: EvaluationConfig, batches: Sequence[int], *, runs: int, matrix_tflops: float
) -> Iterator[tuple[Case, Any]]:
    """Batches of objects in memory through an evaluation's `Scorer`, from arrays to rows.

    Args:
      config: of the evaluation; `novel_views_alone` of it is measured.
      batches: objects a device at a time.
      runs: timed batches.
      matrix_tflops: of a large matrix product.

    Yields:
      A whole batch, and the host's share that can be timed by itself (images stacked and sent to the devices), each as
      a case with its `Measurement`, or with the error of one that cannot run here, such as too little memory.
    """
    config = novel_views_alone(config)
    model, judges = make_model(canonical_model(config.model), config.compute), _judges(config)
    params = jax.device_get(jax.jit(lambda key: init_params(model, key))(jax.random.key(0)))
    work = encode_tflop(canonical_model(config.model)) + config.protocol.novel_views.views * view_tflop(
        config, config.protocol.novel_views.resolution
    )
    backend = fields.ray_implementation(config, config.render.implementation)
    for batch in batches:
        scorer = Scorer(dataclasses.replace(config, batch_per_device=batch), params, judges)
        count = scorer.batch_size
        objects = [(str(seed), random_instance(config, seed)) for seed in range(count)]
        instances = [instance for _, instance in objects]
        for name, run, tflop in (
            ("objects scored", functools.partial(scorer.score, objects), count * work),
            ("images stacked and sent", functools.partial(scorer.put, instances), 0.0),
        ):
            case = Case("evaluate", name, _sizes(config, count), backend, run, tuple, tflop)
            yield case, _measured(case, runs, matrix_tflops)


def _measured(case: Case, runs: int, matrix_tflops: float) -> Measurement | Exception:
    try:
        seconds = time_calls(case.function, case.make_arguments(), runs)
    except jax.errors.JaxRuntimeError as error:
        return error
    return summarize(case, seconds, peak_gib=0.0, matrix_tflops=matrix_tflops)


def _judges(config: EvaluationConfig) -> Networks:
    return load_networks(config.networks, lpips=True, semantic=False, seed=config.seed, where="config.networks.")


def _sizes(config: EvaluationConfig, objects: int) -> dict[str, int]:
    novel = config.protocol.novel_views
    return {"objects": objects, "views": novel.views, "resolution": novel.resolution}
