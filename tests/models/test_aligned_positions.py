"""The aligned start: which token goes with which patch, told by the canonical camera and the renderer's own lookup."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import FLOAT32, SMALL, initialized

from real3d_jax.cameras import canonical_c2w, intrinsics_from_fov, invert_rigid
from real3d_jax.errors import UserError
from real3d_jax.models.aligned_positions import align_positions, check_position_start
from real3d_jax.models.lrm import make_model
from real3d_jax.models.presets import PRESETS
from real3d_jax.models.vit import interpolate_positions
from real3d_jax.rendering.plane_query import query_planes
from real3d_jax.training.initialization import random_params

RADIUS, DISTANCE, FOV_Y = 0.87, 2.4, np.deg2rad(39.6)
# Patches, tokens and table each of their own number, and the widths differ.
UNEQUAL = dataclasses.replace(
    PRESETS["mini"],
    plane_tokens=12,
    token_width=256,
    vit=dataclasses.replace(PRESETS["mini"].vit, position_grid=14),
)


@functools.partial(jax.jit, static_argnames=("config", "noise"))
def aligned_tables(config, noise=1.0):
    """What a step sees: the tokens' embeddings (3, n, n, width), and the patches' entries (g, g, width)."""
    keys = jax.random.split(jax.random.key(0))
    tokens = jax.random.normal(keys[0], (3, config.plane_tokens, config.plane_tokens, config.token_width))
    table = 0.02 * jax.random.normal(keys[1], (1, 1 + config.vit.position_grid**2, config.vit.width))
    params = {
        "triplane_tokens": {"embeddings": noise * tokens * config.token_width**-0.5},
        "image_tokenizer": {"position_embedding": table},
    }
    params = align_positions(params, config)
    grid = config.image_size // config.vit.patch_size
    entries = interpolate_positions(params["image_tokenizer"]["position_embedding"], grid, grid)
    return params["triplane_tokens"]["embeddings"], entries[0, 1:].reshape(grid, grid, -1)


def scores(tokens, entries):
    """Inner products (patches, planes, n, n) of every patch's entry with every token."""
    width = min(tokens.shape[-1], entries.shape[-1])
    tokens, entries = np.asarray(tokens), np.asarray(entries)
    return np.einsum("rcd,phwd->rcphw", entries[..., :width], tokens[..., :width], optimize=True)


look_up = jax.jit(query_planes)


def seen_at(points):
    """Column and row of points (N, 3) in the canonical picture, as fractions of its side."""
    in_camera = points @ invert_rigid(canonical_c2w(DISTANCE))[:3, :3].T + jnp.array([0.0, 0.0, -DISTANCE])
    fx, fy, cx, cy = intrinsics_from_fov(FOV_Y)
    depth = -in_camera[:, 2]
    return np.stack([cx + fx * in_camera[:, 0] / depth, cy - fy * in_camera[:, 1] / depth], -1)


def test_a_token_lies_where_the_patch_that_names_it_looks():
    tokens, entries = aligned_tables(PRESETS["mini"])
    found = scores(tokens, entries)
    centres = ((np.arange(16) + 0.5) / 16 * 2 - 1) * RADIUS
    y, z = (a.ravel() for a in np.meshgrid(centres, centres))
    places = np.stack([np.zeros(256), y, z], -1)
    columns, rows = (np.floor(seen_at(places).T * 16)).astype(int)
    for point, row, column in zip(places / RADIUS, rows, columns, strict=True):
        planes = found[row, column][None, ..., None]
        at_point = look_up(planes, np.float32(point)[None, None])[0, 0]
        np.testing.assert_allclose(at_point[2], planes[0, 2].max(), rtol=1e-5)


@pytest.mark.parametrize("plane", [0, 1])
def test_planes_across_the_picture_peak_along_the_line_of_sight(plane):
    """(x, y): everything at the patch's y; (x, z): everything at its z; alike for every x."""
    tokens, entries = aligned_tables(PRESETS["mini"], noise=0.0)
    found = scores(tokens, entries)
    values = ((np.arange(16) + 0.5) / 16 * 2 - 1) * RADIUS
    for depth in (-0.5, 0.0, 0.5):
        points = np.zeros((16, 3))
        points[:, 1 + plane] = values
        columns, rows = np.floor(seen_at(points).T * 16).astype(int)
        points[:, 0] = depth * RADIUS
        for point, row, column in zip(points / RADIUS, rows, columns, strict=True):
            planes = found[row, column][None, ..., None]
            at_point = look_up(planes, np.float32(point)[None, None])[0, 0]
            np.testing.assert_allclose(at_point[plane], planes[0, plane].max(), rtol=1e-5)
            profile = planes[0, plane, :, 0, 0]
            assert np.sort(profile)[-1] > 1.05 * np.sort(profile)[-2], "one row stands out"


@pytest.mark.parametrize("name", [*PRESETS, "unequal"])
def test_any_grids_and_widths_agree_within_a_patch(name):
    """Also where the table is interpolated to another patch grid, and where the two widths differ."""
    config = PRESETS.get(name, UNEQUAL)
    tokens, entries = aligned_tables(config)
    grid, count = entries.shape[0], config.plane_tokens
    best = np.asarray(scores(tokens, entries)[:, :, 2].reshape(grid, grid, -1).argmax(-1))
    row, column = np.divmod(best, count)
    centres = ((np.arange(count) + 0.5) / count * 2 - 1) * RADIUS
    points = np.stack([np.zeros(best.shape), centres[column], centres[row]], -1)
    seen = seen_at(points.reshape(-1, 3)).reshape(grid, grid, 2) * grid - 0.5
    wanted = np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), -1)
    off = np.abs(seen - wanted).max(-1)
    half_a_token = 0.5 * grid / count
    assert off.max() < 1.0 + max(half_a_token, 0.25)
    assert off.mean() < 0.5
    tables = (config.vit.position_grid, count)
    assert off.max() < 0.5 or tables != (grid, grid), "equal grids agree exactly"


def test_without_interpolation_the_settings_are_those_that_were_measured():
    """Written out for one patch and one token of (x, z), and the scales of both tables."""
    tokens, entries = aligned_tables(PRESETS["mini"], noise=0.0)
    frequencies = 2.0 ** np.linspace(-1, 4.5, 64) * np.pi / 2

    def wave(value):
        return np.concatenate([np.sin(value * frequencies), np.cos(value * frequencies)])

    column, row = (3 + 0.5) / 8 - 1, (9 + 0.5) / 8 - 1
    nothing = np.zeros(128)
    np.testing.assert_allclose(entries[9, 3], 0.5 * np.concatenate([nothing, wave(column), wave(-row)]), atol=1e-6)
    expected = np.concatenate([wave(column), nothing, wave(row)]) / np.sqrt(384)
    np.testing.assert_allclose(tokens[1, 9, 3], expected, atol=1e-6)
    noisy, _ = aligned_tables(PRESETS["mini"])
    assert np.std(noisy - tokens) == pytest.approx(0.3 / np.sqrt(384), rel=0.01)


def test_a_random_start_is_as_before_and_an_aligned_one_changes_two_tables_only():
    model, key = make_model(SMALL, FLOAT32), jax.random.key(3)
    before = initialized(SMALL, seed=3)
    start = jax.jit(random_params, static_argnums=(0, 1))
    jax.tree.map(np.testing.assert_array_equal, start(model, "random", key), before)
    aligned = start(model, "aligned", key)
    flat, treedef = jax.tree_util.tree_flatten_with_path(before)
    assert treedef == jax.tree.structure(aligned)
    changed = {
        jax.tree_util.keystr(path, simple=True, separator="/")
        for (path, old), new in zip(flat, jax.tree.leaves(aligned), strict=True)
        if np.abs(old - new).max() > 1e-6
    }
    assert changed == {"image_tokenizer/position_embedding", "triplane_tokens/embeddings"}
    old, new = (p["image_tokenizer"]["position_embedding"] for p in (before, aligned))
    np.testing.assert_allclose(new[0, 0], old[0, 0], rtol=1e-6)
    assert new.dtype == old.dtype


def test_another_start_is_refused():
    with pytest.raises(UserError, match=r"position_start has no value 'alligned': did you mean 'aligned'"):
        check_position_start("alligned")
