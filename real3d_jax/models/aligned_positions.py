"""The aligned start: position tables in which triplane tokens and image patches name places in one code.

The input camera is canonical: it stands on +x and looks along -x, so the (y, z) plane lies in the picture. From random
tables cross-attention has to find that map by chance, which is the slow part of training from scratch. Here a token and
the patch that sees its place begin alike. Both tables stay learnable, and nothing of the architecture changes.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from real3d_jax.config.conditioned import AnyModelConfig, ConditionedModelConfig
from real3d_jax.config.model import ModelConfig
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.models.vit import cubic_resize_matrix

POSITION_STARTS = ("aligned", "random")

_LOWEST, _HIGHEST = -1.0, 4.5  # frequencies in octaves above a quarter of a turn per unit
_TABLE_SCALE = 0.5  # of the code in the image tokenizer's table
_TOKEN_NOISE = 0.3  # share of their random embeddings that the triplane tokens keep


def check_position_start(name: str, model: AnyModelConfig | None = None) -> None:
    """Refuses what is no `config.position_start`, or none of that model.

    Raises:
      UserError: with the nearest valid name, or the one that fits.
    """
    if name not in POSITION_STARTS:
        raise UserError(f"config.position_start has no value '{name}': {did_you_mean(name, POSITION_STARTS)}")
    if name == "aligned" and isinstance(model, ConditionedModelConfig):
        patches, grid = model.image_size // model.encoder.patch_size, model.encoder.position_grid
        if patches != grid:
            raise UserError(
                f"config.position_start = 'aligned' needs a position table of the picture's own {patches} patches a "
                f"side in a camera-conditioned model, and config.model.encoder.position_grid is {grid}: set either."
            )


def align_any_positions(params: dict, config: AnyModelConfig) -> dict:
    """`align_positions`, or the same of a camera-conditioned model, whose planes have axes of their own."""
    if isinstance(config, ConditionedModelConfig):
        encoder = config.encoder
        width = min(config.token_width, encoder.width)
        planes = conditioned_plane_codes(config.plane_tokens, width)
        return _written(params, planes, patch_codes(encoder.position_grid, width), config.token_width, encoder.width)
    return align_positions(params, config)


def align_positions(params: dict, config: ModelConfig) -> dict:
    """Random parameters with both position tables written in one code; all others stay, the class token's entry too.

    A triplane token has the code of its two coordinates, as large as its random embedding, plus a share of that; a
    patch has the code of its (y, z). Of two widths both tables have the smaller one's code, and zeros after it.

    Args:
      params: from `models.lrm.init_params`.
      config: of the model that they belong to.
    """
    width = min(config.token_width, config.vit.width)
    patches = patch_codes(config.image_size // config.vit.patch_size, width)
    entries = _before_interpolation(patches, config.vit.position_grid)
    return _written(params, plane_codes(config.plane_tokens, width), entries, config.token_width, config.vit.width)


def _written(params: dict, planes: np.ndarray, entries: np.ndarray, token_width: int, table_width: int) -> dict:
    """The parameters with codes in both tables."""
    tokens, table = params["triplane_tokens"]["embeddings"], params["image_tokenizer"]["position_embedding"]
    planes = _widen(planes, token_width) * token_width**-0.5
    table = table.at[0, 1:].set(_TABLE_SCALE * _widen(entries, table_width).reshape(-1, table_width))
    return params | {
        "image_tokenizer": params["image_tokenizer"] | {"position_embedding": table},
        "triplane_tokens": {"embeddings": jnp.asarray(planes, tokens.dtype) + _TOKEN_NOISE * tokens},
    }


def plane_codes(side: int, width: int) -> Float[np.ndarray, "3 {side} {side} {width}"]:
    """The codes of the tokens of the planes (x, y), (x, z), (y, z), whose first coordinate runs along the width."""
    first, second = np.meshgrid(_centres(side), _centres(side))
    return np.stack(
        [
            _position_code(width, x=first, y=second),
            _position_code(width, x=first, z=second),
            _position_code(width, y=first, z=second),
        ]
    )


def conditioned_plane_codes(side: int, width: int) -> Float[np.ndarray, "3 {side} {side} {width}"]:
    """Likewise of a camera-conditioned model: the planes (x, y), (x, z), (z, y) of OpenLRM's world, our (y, -x, z)."""
    first, second = np.meshgrid(_centres(side), _centres(side))
    return np.stack(
        [
            _position_code(width, y=first, x=-second),
            _position_code(width, y=first, z=second),
            _position_code(width, z=first, x=-second),
        ]
    )


def patch_codes(grid: int, width: int) -> Float[np.ndarray, "{grid} {grid} {width}"]:
    """The codes of the patches' (y, z) by row and column: y is the canonical camera's right, z its up.

    The box is taken to fill the picture, as it nearly does at a distance of 2.4 and 39.6 degrees.
    """
    y, z = np.meshgrid(_centres(grid), -_centres(grid))
    return _position_code(width, y=y, z=z)


def _before_interpolation(patches: Float[np.ndarray, "n n C"], grid: int) -> Float[np.ndarray, "{grid} {grid} C"]:
    """The table that `vit.interpolate_positions` brings nearest to `patches`, by least squares.

    A coarser table cannot hold the high frequencies: sampled there, they would come back as wrong ones.
    """
    if len(patches) == grid:
        return patches
    inverse = np.linalg.pinv(cubic_resize_matrix(grid, len(patches)))
    return np.einsum("ir,jc,rck->ijk", inverse, inverse, patches, optimize=True)


def _position_code(width: int, **coordinates: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns C"]:
    """Sines, then cosines, of each of x, y, z in [-1, 1], one after the other; zeros for the one that is missing."""
    shape = next(iter(coordinates.values())).shape
    frequencies = 2.0 ** np.linspace(_LOWEST, _HIGHEST, width // 6) * np.pi / 2
    slots = np.zeros((*shape, 3, 2, len(frequencies)))
    for slot, name in enumerate("xyz"):
        if name in coordinates:
            phases = coordinates[name][..., None] * frequencies
            slots[..., slot, 0, :], slots[..., slot, 1, :] = np.sin(phases), np.cos(phases)
    return _widen(slots.reshape(*shape, -1), width)


def _centres(count: int) -> Float[np.ndarray, "{count}"]:
    """Of equal cells of [-1, 1]."""
    return (np.arange(count) + 0.5) / count * 2 - 1


def _widen(code: Float[np.ndarray, "*shape K"], width: int) -> Float[np.ndarray, "*shape {width}"]:
    return np.pad(code, [(0, 0)] * (code.ndim - 1) + [(0, width - code.shape[-1])])
