"""Configurations shrunk until a step takes a second."""

import dataclasses

from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.training import BatchConfig, Config


def shrink(config: Config) -> Config:
    """The same run with a model, pictures and batch of the smallest sizes; losses, laws and switches stay."""
    small = {"width": 32, "layers": 1, "heads": 2, "mlp_width": 32, "patch_size": 16, "position_grid": 3}
    if isinstance(config.model, ConditionedModelConfig):
        encoder = {"encoder": dataclasses.replace(config.model.encoder, **small), "camera_width": 8}
    else:
        encoder = {"vit": dataclasses.replace(config.model.vit, **small)}
    model = dataclasses.replace(
        config.model,
        image_size=32,
        **encoder,
        plane_tokens=4,
        token_width=32,
        layers=1,
        heads=2,
        plane_channels=4,
        decoder_width=8,
        decoder_layers=2,
    )
    cycle = dataclasses.replace(config.losses.cycle, rerender=20 if config.losses.cycle.rerender else 0)
    return dataclasses.replace(
        config,
        model=model,
        render=dataclasses.replace(config.render, resolution=16, samples=8, rays_per_chunk=256),
        compute=dataclasses.replace(config.compute, dtype="float32", matmul_precision="highest"),
        losses=dataclasses.replace(config.losses, cycle=cycle),
        perceptual=dataclasses.replace(config.perceptual, clip="random", clip_random_size="tiny", vgg="random"),
        batch=BatchConfig(
            synthetic=4 * (config.batch.synthetic > 0), real=4 * (config.batch.real > 0), micro_batches=2
        ),
    )


def shrink_model(tree) -> None:
    """Gives a config tree, still to be parsed, a model that tests can train, save and score, and small renders."""
    tree.model.update(image_size=32, plane_tokens=2, token_width=32, layers=2, heads=2, decoder_layers=1)
    tree.model.vit.update(width=32, layers=2, heads=2, mlp_width=32, patch_size=16, position_grid=2)
    tree.render.update(resolution=8, samples=8)
