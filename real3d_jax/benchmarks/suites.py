"""What is measured: the cases of each suite, at the sizes of the paper or at a CPU's."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from real3d_jax.benchmarks import fields
from real3d_jax.benchmarks.drawing import draw_cases
from real3d_jax.benchmarks.measuring import Case
from real3d_jax.benchmarks.random_batches import random_batch
from real3d_jax.benchmarks.scoring import stage_cases
from real3d_jax.benchmarks.work import decode_tflop, encode_tflop, step_tflop, view_tflop
from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.config import files as config_files
from real3d_jax.config.agreement import canonical_model
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.training import BatchConfig, Config
from real3d_jax.models.layers import choose_attention
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.perceptual.frozen import FrozenNetworks
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.grid import density_grid
from real3d_jax.runtime import compiler_options
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.training.state import new_state
from real3d_jax.training.step import train_step
from real3d_jax.weights.networks import load_frozen

SUITES = ("encode", "render", "mesh", "step", "evaluate", "draw")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a benchmark.

    Attributes:
      config: config file whose model and rendering are measured.
      released: config file of the step with the released recipe; '' measures none.
      encode_batches: images encoded at a time.
      gradient_batches: images encoded at a time, with gradients.
      views: numbers of views rendered with gradients.
      view_resolutions: pixels per side of views rendered with gradients.
      view_samples: samples on a ray of views rendered with gradients.
      preview_resolution: pixels per side of a view rendered alone, without gradients.
      grid: points per side of the density grid.
      step_batches: examples of each kind computed at a time in a training step.
      evaluation: config file of the evaluation whose novel views are measured.
      evaluation_batches: objects scored at a time on each device; the stages are measured for the first.
      drawn_views: views of procedural objects in a call of their renderer.
    """

    config: str
    released: str
    encode_batches: tuple[int, ...]
    gradient_batches: tuple[int, ...]
    views: tuple[int, ...]
    view_resolutions: tuple[int, ...]
    view_samples: tuple[int, ...]
    preview_resolution: int
    grid: int
    step_batches: tuple[int, ...]
    evaluation: str
    evaluation_batches: tuple[int, ...]
    drawn_views: int


SIZES = {
    "full": Sizes(
        config="real3d:embedded",
        released="real3d_released:embedded",
        encode_batches=(1, 4, 16),
        gradient_batches=(1, 8),
        views=(1, 4, 16),
        view_resolutions=(64, 256),
        view_samples=(64, 256),
        preview_resolution=224,
        grid=256,
        step_batches=(1, 4, 8),
        evaluation="eval/co3d",
        evaluation_batches=(4, 8, 16),
        drawn_views=512,
    ),
    "small": Sizes(
        config="smoke:scratch",
        released="",
        encode_batches=(1, 4),
        gradient_batches=(4,),
        views=(1, 4),
        view_resolutions=(32,),
        view_samples=(32,),
        preview_resolution=32,
        grid=32,
        step_batches=(1, 2),
        evaluation="eval/smoke:scratch",
        evaluation_batches=(2,),
        drawn_views=2,
    ),
}


def make_cases(suite: str, config: Config, sizes: Sizes) -> list[Case]:
    """The cases of one of `SUITES`; `config` is `sizes.config`, loaded.

    Raises:
      UserError: its model is not the canonical one, which they measure.
    """
    canonical_model(config.model)
    makers = {
        "encode": _encode,
        "render": _render,
        "mesh": _mesh,
        "step": _steps,
        "evaluate": _evaluate,
        "draw": lambda config, sizes: draw_cases(sizes.drawn_views),
    }
    return makers[suite](config, sizes)


def _encode(config: Config, sizes: Sizes) -> list[Case]:
    model = make_model(canonical_model(config.model), config.compute)
    attention = choose_attention(config.compute.attention, config.compute.dtype)

    def images(batch):
        size = config.model.image_size
        return jax.random.uniform(jax.random.key(1), (batch, size, size, 3))

    def encode(params, images):
        return model.apply({"params": params}, images)

    def gradient(params, images):
        def total(params):
            return jnp.sum(jnp.square(jnp.asarray(model.apply({"params": model.cast_weights(params)}, images))))

        return jax.grad(total)(params)

    def case(name, batch, function, params, passes, options=None):
        return Case(
            suite="encode",
            name=name,
            sizes={"batch": batch, "image": config.model.image_size},
            backend=attention,
            function=function,
            make_arguments=lambda: (params(), images(batch)),
            tflop=passes * batch * encode_tflop(canonical_model(config.model)),
            compiler_options=options,
        )

    def params():
        return init_params(model, jax.random.key(0))

    inference_weights = jax.jit(model.inference_weights)
    forward = [
        case(
            "forward",
            batch,
            encode,
            lambda: inference_weights(params()),
            1,
            compiler_options.for_inference(config.model.token_width),
        )
        for batch in sizes.encode_batches
    ]
    return forward + [
        case(
            "forward and backward", batch, gradient, params, 3, compiler_options.for_gradients(config.model.token_width)
        )
        for batch in sizes.gradient_batches
    ]


def _render(config: Config, sizes: Sizes) -> list[Case]:
    side, samples = config.render.resolution, config.render.samples
    four = 4

    def both(name, views, resolution, samples):
        return [
            _views(config, name, backend, views, resolution, samples, gradient=name == "forward and backward")
            for backend in _backends(config)
        ]

    cases = both("forward", 1, sizes.preview_resolution, samples) + both("forward", four, side, samples)
    cases += both("forward and backward", four, side, samples)
    fast = dataclasses.replace(config, render=dataclasses.replace(config.render, implementation=_backends(config)[0]))
    growth = [(views, side, samples) for views in sizes.views if views != four]
    growth += [(four, resolution, samples) for resolution in sizes.view_resolutions]
    growth += [(four, side, count) for count in sizes.view_samples]
    growth += [(1, max(sizes.view_resolutions), samples)]  # as others tell their memory
    backend = _backends(config)[0]
    return cases + [_views(fast, "forward and backward", backend, *numbers, gradient=True) for numbers in growth]


def _views(config: Config, name: str, backend: str, views: int, resolution: int, samples: int, *, gradient: bool):
    render = dataclasses.replace(config.render, implementation=backend, samples=samples)
    config = dataclasses.replace(config, render=render)
    decoder = fields.decoder(config)

    def arguments():
        planes, decoder_params = fields.noise(config)
        angles = jnp.linspace(-1.0, 1.0, views)[None]
        intrinsics = jnp.broadcast_to(intrinsics_from_fov(jnp.radians(39.6)), (1, views, 4))
        return planes, decoder_params, Cameras(spherical_c2w(2 * angles, 0.5 * angles, 2.4), intrinsics)

    def forward(planes, decoder_params, cameras):
        field = TriplaneField(planes, decoder_params, decoder)
        return render_views(field, cameras, render, resolution=resolution)

    def backward(planes, decoder_params, cameras):
        def total(planes, decoder_params):
            rgb, opacity = forward(planes, decoder_params, cameras)
            return jnp.mean(jnp.square(rgb - 0.3)) + jnp.mean(jnp.square(opacity - 0.3))

        return jax.value_and_grad(total, argnums=(0, 1))(planes, decoder_params)

    return Case(
        suite="render",
        name=name,
        sizes={"views": views, "resolution": resolution, "samples": samples},
        backend=backend,
        function=backward if gradient else forward,
        make_arguments=arguments,
        tflop=(3 if gradient else 1) * views * view_tflop(config, resolution),
    )


def _mesh(config: Config, sizes: Sizes) -> list[Case]:
    decoder = fields.decoder(config)

    def case(backend):
        render = dataclasses.replace(config.render, implementation=backend)
        return Case(
            suite="mesh",
            name="density grid",
            sizes={"grid": sizes.grid},
            backend=backend,
            function=lambda planes, params: density_grid(TriplaneField(planes, params, decoder), sizes.grid, render),
            make_arguments=lambda: fields.noise(config),
            tflop=decode_tflop(canonical_model(config.model), sizes.grid**3),
        )

    return [case(backend) for backend in _backends(config, fields.implementation)]


def _steps(config: Config, sizes: Sizes) -> list[Case]:
    frozen = load_frozen(config.perceptual, need_encoder=True, need_lpips=True)
    released = [_step("released recipe", config_files.load(sizes.released), 1, frozen)] if sizes.released else []
    return released + [_step("paper's recipe", config, batch, frozen) for batch in sizes.step_batches]


def _step(name: str, config: Config, batch: int, frozen: FrozenNetworks) -> Case:
    config = dataclasses.replace(config, batch=BatchConfig(batch, batch, 1))
    model = make_model(canonical_model(config.model), config.compute)
    optimizer = make_optimizer(config.optimizer, config.schedule.steps)
    step = functools.partial(train_step, model=model, config=config, optimizer=optimizer, micro_batches=1)

    fresh = jax.jit(functools.partial(new_state, optimizer=optimizer, keep_ema=False), donate_argnums=0)

    def arguments():
        # Parameters apart: random ones take long to compile, and every case of a model has the same program for them.
        params = init_params(model, jax.random.key(0))
        return fresh(params), random_batch(config), frozen, jax.random.key(1)

    return Case(
        suite="step",
        name=name,
        sizes={"synthetic": batch, "real": batch},
        backend=_backends(config)[0],
        function=step,
        make_arguments=arguments,
        tflop=step_tflop(config),
        feeds_back=True,
        compiler_options=compiler_options.for_gradients(config.model.token_width),
    )


def _evaluate(config: Config, sizes: Sizes) -> list[Case]:
    return stage_cases(config_files.load_as(EvaluationConfig, sizes.evaluation), sizes.evaluation_batches[0])


def _backends(config: Config, choose: Callable[[Config, str], str] = fields.ray_implementation) -> list[str]:
    """The renderer's implementations that are worth measuring here, the one that 'auto' takes first."""
    chosen = choose(config, "auto")
    return [chosen, "xla"] if chosen != "xla" else ["xla"]
