"""Converted weights as the start of a model."""

import os
from collections.abc import Mapping

import numpy as np

from real3d_jax.errors import UserError
from real3d_jax.weights.converted import Weights, load_architecture, load_weights
from real3d_jax.weights.mapping import flatten, list_problems

TOKENIZERS = ("vit", "dinov2")


def load_params_for(path: str | os.PathLike, expected: Mapping) -> tuple[dict, dict[str, np.ndarray]]:
    """Converted weights to start a model from, checked against its shapes.

    Args:
      path: a converted folder of a whole model, or of kind 'vit' or 'dinov2' for the image tokenizer alone.
      expected: the model's parameter tree; its leaves need a `shape` only.

    Returns:
      The parameters, float32, and the unused tensors by their names in TripoSR's file (to be kept with what is
      trained). Of an image tokenizer the tree has the key `image_tokenizer` alone; the caller keeps the rest.

    Raises:
      UserError: there are no such weights, they belong to a model of another size, or they are not finite.
    """
    weights = load_weights(path)
    return params_for(weights, expected, where=f"'{path}'"), dict(weights.unused)


def params_for(weights: Weights, expected: Mapping, *, where: str) -> dict:
    """The parameters of `load_params_for` in weights that are read; `where` says in messages what holds them."""
    if weights.kind not in ("lrm", "conditioned", *TOKENIZERS):
        raise UserError(f"{where} holds weights of kind '{weights.kind}', which no model starts from: give an lrm.")
    params = weights.params
    conditioned = "camera_embedder" in expected
    if conditioned != (weights.kind in ("conditioned", "dinov2")):
        kinds = ("the canonical model", "the camera-conditioned model (OpenLRM's)")
        raise UserError(
            f"{where} holds weights of {kinds[not conditioned]}, but config.model is {kinds[conditioned]}: name its "
            "size (config.model; the variant of real3d_jax.load), or give other weights."
        )
    if weights.kind in TOKENIZERS:
        params, expected = {"image_tokenizer": params}, {"image_tokenizer": expected["image_tokenizer"]}
    if weights.kind == "dinov2":
        _check_registers(params, expected, where=where)
    check_shapes(params, expected, where=where)
    check_finite(params, where=where)
    return params


def check_heads(path: str | os.PathLike, heads: int, *, key: str) -> None:
    """Raises UserError if an image tokenizer's converted weights are known to have other attention heads.

    No shape tells them: with the wrong number a model would begin with what its weights do not mean.

    Args:
      path: the converted folder.
      heads: of the model that is to begin with it.
      key: of the configuration, that says so.
    """
    known = load_architecture(path).get("heads", heads)
    if known != heads:
        raise UserError(f"'{path}' has {known} attention heads, and {key} is {heads}: set it to {known}.")


def _check_registers(params: Mapping, expected: Mapping, *, where: str) -> None:
    have, want = (tree["image_tokenizer"]["register_tokens"].shape[1] for tree in (params, expected))
    if have != want:
        raise UserError(
            f"{where} has {have or 'no'} registers, and config.model.encoder.registers is {want}: set it to {have}, or "
            f"give DINOv2 {'without' if have else 'with'} registers."
        )


def check_finite(params: Mapping, *, where: str) -> None:
    """Raises UserError, naming the first ones, if a parameter holds NaN or infinity."""
    broken = [name for name, array in flatten(params).items() if not np.isfinite(np.asarray(array, np.float32)).all()]
    if broken:
        raise UserError(
            f"{where} has weights that are not finite numbers ({list_problems({'arrays': broken})}): give those of a "
            "step before the training broke."
        )


def check_shapes(params: Mapping, expected: Mapping, *, where: str) -> None:
    """Raises UserError, naming what is missing, surplus and mis-shaped, unless the trees have the same shapes."""
    have, want = flatten(params), flatten(expected)
    problems = list_problems(
        {
            "missing": sorted(want.keys() - have.keys()),
            "surplus": sorted(have.keys() - want.keys()),
            "mis-shaped": [
                f"{name} is {tuple(have[name].shape)} instead of {tuple(want[name].shape)}"
                for name in sorted(have.keys() & want.keys())
                if tuple(have[name].shape) != tuple(want[name].shape)
            ],
        }
    )
    if problems:
        raise UserError(
            f"{where} belongs to a model of another size, with parameters {problems}: "
            "name its size (config.model; the variant of real3d_jax.load), or give other weights."
        )
