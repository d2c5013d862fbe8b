"""TripoSR's architecture in PyTorch, written for the tests from its description: what autograd says of the full size.

A function of tensors under the published names. It shares no computation with the package: the position table and the
planes are read by PyTorch's own operators.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from real3d_jax.config.model import ModelConfig

Tensors = Mapping[str, Tensor]
VIT = "image_tokenizer.model."
RADIUS = 0.87
SAMPLES = 128


def loss_and_gradients(
    tensors: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], config: ModelConfig
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]:
    """The loss of a batch as `tsr_tiny` has it, its colours and opacities, and the gradient of every tensor.

    Of `config` only the numbers of heads are taken; all else the tensors tell.
    """
    p = {name: torch.from_numpy(tensor).requires_grad_() for name, tensor in tensors.items()}
    image, origins, directions, target_rgb, target_mask = (
        torch.from_numpy(batch[key]) for key in ("image", "rays_o", "rays_d", "target_rgb", "target_mask")
    )
    planes = encode(p, image, heads=config.heads, vit_heads=config.vit.heads)
    rgb, opacity = (x.unflatten(1, origins.shape[1:-1]) for x in render(p, planes, origins, directions))
    loss = F.mse_loss(rgb, target_rgb) + F.mse_loss(opacity, target_mask)
    loss.backward()
    gradients = {name: np.zeros(x.shape, np.float32) if x.grad is None else x.grad.numpy() for name, x in p.items()}
    return tuple(x.detach().numpy() for x in (loss, rgb, opacity)), gradients


@torch.no_grad()
def planes_of(tensors: Mapping[str, np.ndarray], image: np.ndarray, config: ModelConfig) -> np.ndarray:
    """`encode` of arrays."""
    p = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    return encode(p, torch.from_numpy(image), heads=config.heads, vit_heads=config.vit.heads).numpy()


def render(p: Tensors, planes: Tensor, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (B, R, 3) and opacities (B, R, 1) of rays (B, *rays, 3), R in all."""
    origins, directions = origins.flatten(1, -2), directions.flatten(1, -2)
    near, far, hit = _through_box(origins, directions, half=RADIUS * (1 - 1e-3))
    middles = (torch.arange(SAMPLES) + 0.5) / SAMPLES
    distances = near[..., None] + (far - near)[..., None] * middles
    points = origins[..., None, :] + distances[..., None] * directions[..., None, :]
    raw = _decoder(p, _features(planes, points / RADIUS))
    alpha = 1 - torch.exp(-torch.exp(raw[..., 0] - 1) / SAMPLES)
    passed = torch.cumprod(1 - alpha + 1e-10, -1)
    weights = alpha * torch.cat([torch.ones_like(passed[..., :1]), passed[..., :-1]], -1) * hit[..., None]
    opacity = weights.sum(-1, keepdim=True)
    return (weights[..., None] * torch.sigmoid(raw[..., 1:])).sum(-2) + 1 - opacity, opacity


def encode(p: Tensors, images: Tensor, *, heads: int, vit_heads: int) -> Tensor:
    """The planes (B, 3, K, h, w) of images (B, S, S, 3) in [0, 1]."""
    context = _image_tokens(p, images, vit_heads)
    start = p["tokenizer.embeddings"]
    _, width, side, _ = start.shape
    start = start.permute(0, 2, 3, 1).reshape(1, -1, width).expand(len(images), -1, -1)
    normed = F.group_norm(start.mT, 32, p["backbone.norm.weight"], p["backbone.norm.bias"], eps=1e-6).mT
    x = _linear(p, "backbone.proj_in", normed)
    for i in range(_count(p, "backbone.transformer_blocks.")):
        at = f"backbone.transformer_blocks.{i}."
        y = _norm(p, at + "norm1", x, 1e-5)
        x = x + _attention(p, at + "attn1.", y, y, heads)
        x = x + _attention(p, at + "attn2.", _norm(p, at + "norm2", x, 1e-5), context, heads)
        value, gate = _linear(p, at + "ff.net.0.proj", _norm(p, at + "norm3", x, 1e-5)).chunk(2, -1)
        x = x + _linear(p, at + "ff.net.2", value * F.gelu(gate))
    x = start + _linear(p, "backbone.proj_out", x)
    cells = x.reshape(-1, side, side, width).permute(0, 3, 1, 2)
    planes = F.conv_transpose2d(cells, p["post_processor.upsample.weight"], p["post_processor.upsample.bias"], stride=2)
    return planes.unflatten(0, (-1, 3))


def _image_tokens(p, images, heads):
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    projection, table = VIT + "embeddings.patch_embeddings.projection", p[VIT + "embeddings.position_embeddings"]
    weight, images = p[projection + ".weight"], ((images - mean) / std).permute(0, 3, 1, 2)
    patches = F.conv2d(images, weight, p[projection + ".bias"], stride=weight.shape[-1])
    grid, rows = math.isqrt(table.shape[1] - 1), patches.shape[-1]
    places = table[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
    places = F.interpolate(places, scale_factor=(rows + 0.1) / grid, mode="bicubic")  # as transformers 4.35 asks for it
    first = (p[VIT + "embeddings.cls_token"] + table[:, :1]).expand(len(images), -1, -1)
    x = torch.cat([first, (patches + places).flatten(2).mT], 1)
    for i in range(_count(p, VIT + "encoder.layer.")):
        at = f"{VIT}encoder.layer.{i}."
        y = _norm(p, at + "layernorm_before", x, 1e-12)
        q, k, v = (_linear(p, f"{at}attention.attention.{name}", y) for name in ("query", "key", "value"))
        x = x + _linear(p, at + "attention.output.dense", _attend(q, k, v, heads))
        y = F.gelu(_linear(p, at + "intermediate.dense", _norm(p, at + "layernorm_after", x, 1e-12)))
        x = x + _linear(p, at + "output.dense", y)
    return _norm(p, VIT + "layernorm", x, 1e-12)


def _attention(p, at, x, context, heads):
    q, k, v = _linear(p, at + "to_q", x), _linear(p, at + "to_k", context), _linear(p, at + "to_v", context)
    return _linear(p, at + "to_out.0", _attend(q, k, v, heads))


def _attend(q, k, v, heads):
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def _features(planes, points):
    """Features (B, R, N, 3 K) of points in [-1, 1]: planes (x, y), (x, z), (y, z), nothing outside."""
    found = [
        F.grid_sample(planes[:, plane], points[..., axes], mode="bilinear", padding_mode="zeros", align_corners=False)
        for plane, axes in enumerate(([0, 1], [0, 2], [1, 2]))
    ]
    return torch.cat(found, 1).permute(0, 2, 3, 1)


def _decoder(p, x):
    last = _count(p, "decoder.layers.", step=2) - 1
    for i in range(last):
        x = F.silu(_linear(p, f"decoder.layers.{2 * i}", x))
    return _linear(p, f"decoder.layers.{2 * last}", x)


def _through_box(origins, directions, half):
    directions = torch.where(directions.abs() < 1e-6, 1e-6, directions)
    ends = torch.stack([(-half - origins) / directions, (half - origins) / directions])
    near, far = ends.amin(0).amax(-1).clamp(min=0), ends.amax(0).amin(-1)
    return near, far, far - near > 0.01


def _linear(p, name, x):
    return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def _norm(p, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], eps)


def _count(p, prefix, step=1):
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in p if name.startswith(prefix)) // step
