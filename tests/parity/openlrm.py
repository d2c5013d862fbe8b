"""OpenLRM's small published models as ours: configurations, the recipe's parameters, and its cameras in our world."""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from real3d_jax.cameras import Cameras
from real3d_jax.config.conditioned import ConditionedModelConfig, DinoV2Config, MetricRenderConfig
from real3d_jax.weights import openlrm
from real3d_jax.weights.mapping import export_tensors, import_tensors

RENDER = MetricRenderConfig(
    resolution=16,
    samples=16,
    radius=1.0,
    density_bias=-1.0,
    background=1.0,
    rays_per_chunk=100,
    implementation="xla",
)
REGION = 16  # pixels per side of what is rendered


def model_config(encoder_width: int) -> ConditionedModelConfig:
    """The one of separate matrices of cross-attention (48 wide), or of one matrix (64)."""
    encoder = DinoV2Config(
        width=encoder_width,
        layers=2,
        heads=encoder_width // 16,
        mlp_width=4 * encoder_width,
        patch_size=14,
        position_grid=7,
        registers=4,
    )
    return ConditionedModelConfig(
        image_size=56,
        encoder=encoder,
        camera_width=40,
        plane_tokens=4,
        token_width=64,
        layers=2,
        heads=4,
        plane_channels=16,
        decoder_width=64,
        decoder_layers=3,
    )


def seeded_tensors(shapes: dict[str, tuple[int, ...]], seed_prefix: str) -> dict[str, np.ndarray]:
    """The recipe's weights under the published names."""
    return {name: _seeded(name, shape, seed_prefix) for name, shape in shapes.items()}


def convert(tensors: dict[str, np.ndarray]) -> dict:
    """Published tensors (or their gradients) as our parameter tree."""
    where = "the parity file"
    params = import_tensors(openlrm.TABLE, openlrm.as_table(tensors, where=where), where=where).params
    return jax.tree.map(jnp.asarray, params)


def published(params: dict) -> dict[str, np.ndarray]:
    """The inverse of `convert`."""
    return openlrm.as_published(export_tensors(openlrm.TABLE, params, {}, where="the parameters"))


def in_world(vectors):
    """Points or directions (..., 3) of OpenLRM's world in ours, or the rows of poses (..., 3, 4)."""
    vectors = np.asarray(vectors)
    if vectors.shape[-2:] == (3, 4):
        return np.stack([-vectors[..., 1, :], vectors[..., 0, :], vectors[..., 2, :]], axis=-2)
    return np.stack([-vectors[..., 1], vectors[..., 0], vectors[..., 2]], axis=-1)


def source_cameras(numbers) -> Cameras:
    """Cameras of the embedding's 16 numbers."""
    return Cameras(_poses(numbers[..., :12].reshape(*numbers.shape[:-1], 3, 4)), jnp.asarray(numbers[..., 12:]))


def render_cameras(numbers, resolutions, anchors) -> Cameras:
    """Cameras of the renderer's 25 numbers, of the crops at `anchors` (row, column) of whole pictures."""
    poses = _poses(numbers[..., :12].reshape(*numbers.shape[:-1], 3, 4))
    matrix = numbers[..., 16:].reshape(*numbers.shape[:-1], 3, 3)
    size = resolutions[..., 0]
    intrinsics = [
        matrix[..., 0, 0] * size / REGION,
        matrix[..., 1, 1] * size / REGION,
        (matrix[..., 0, 2] * size - anchors[..., 1]) / REGION,
        (matrix[..., 1, 2] * size - anchors[..., 0]) / REGION,
    ]
    return Cameras(poses, jnp.asarray(np.stack(intrinsics, axis=-1)))


def _poses(rows):
    poses = np.zeros((*rows.shape[:-2], 4, 4), np.float32)
    poses[..., :3, :] = in_world(rows)
    poses[..., 3, 3] = 1
    return jnp.asarray(poses)


def _seeded(name: str, shape: tuple[int, ...], seed_prefix: str) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(zlib.crc32((seed_prefix + name).encode())))
    a = generator.standard_normal(shape, dtype=np.float32)
    kind = name.rsplit(".", 1)[-1]
    if name.endswith("decoder.net.6.bias"):
        return (0.1 * a + np.array([1, 0, 0, 0])).astype(np.float32)
    if name.endswith("decoder.net.6.weight"):
        return 2 * (a - a.mean(axis=1, keepdims=True)) * math.sqrt(2 / 64)
    if kind == "gamma" or (kind == "weight" and len(shape) == 1):
        return 1 + 0.1 * a
    if kind == "bias":
        return 0.1 * a
    if name.startswith("encoder") and kind in ("cls_token", "register_tokens", "pos_embed"):
        return 0.3 * a
    if name == "pos_embed":
        return 0.5 * a
    if name.endswith("mlp.1.weight"):
        return 0.5 * a / math.sqrt(shape[1])
    if name == "upsampler.weight":
        return 2 * a / math.sqrt(shape[0])
    if "decoder" in name and kind == "weight":
        return 1.12 * (a * math.sqrt(2 / shape[1]))
    if len(shape) == 4:
        return a / math.sqrt(shape[1] * shape[2] * shape[3])
    return a / math.sqrt(shape[-1])
