"""The networks that judge images; those that are not to be had are left out, and by which reason."""

import dataclasses
from collections.abc import Callable
from typing import Any

from real3d_jax.config.evaluation import NetworksConfig
from real3d_jax.errors import UserError
from real3d_jax.perceptual.frozen import Inception
from real3d_jax.perceptual.image_encoder import ImageEncoder
from real3d_jax.weights.networks import RANDOM, load_clip, load_inception, load_lpips

RANDOM_WEIGHTS = "_of_random_weights"


@dataclasses.dataclass(frozen=True)
class Networks:
    """What could be loaded.

    Attributes:
      lpips_params: of `perceptual.lpips.lpips`, or None.
      clip: the tower, or None.
      inception: of FID and KID, or None.
      left_out: why each missing metric is missing, by its name.
      meaningless: metrics whose network has random weights.
    """

    lpips_params: dict | None
    clip: ImageEncoder | None
    inception: Inception | None
    left_out: dict[str, str]
    meaningless: tuple[str, ...]

    def named(self, metric: str) -> str:
        """A metric's name; it tells where the network has random weights."""
        network = metric.rsplit("_", 1)[-1]
        return metric + RANDOM_WEIGHTS if network in self.meaningless else metric

    @property
    def compare_with_input(self) -> bool:
        """Whether there is any judge of views against the input view."""
        return any(judge is not None for judge in (self.lpips_params, self.clip, self.inception))


def load_networks(config: NetworksConfig, *, lpips: bool, semantic: bool, seed: int, where: str) -> Networks:
    """Loads the networks that the wanted metrics need.

    Args:
      config: where each comes from.
      lpips: whether LPIPS is wanted.
      semantic: whether CLIP similarity, FID and KID are.
      seed: of random weights.
      where: what stands before the names `vgg`, `clip` and `inception` where the user gave them.
    """
    left_out: dict[str, str] = {}

    def attempt(metrics: tuple[str, ...], key: str, source: str, load: Callable[[], Any]) -> Any:
        try:
            if not source:
                raise UserError(f"{where}{key} names no weights.")
            return load()
        except UserError as error:
            left_out.update(dict.fromkeys(metrics, str(error).replace("config.perceptual.", where)))
            return None

    lpips_params = clip = inception = None
    if lpips:
        lpips_params = attempt(("lpips",), "vgg", config.vgg, lambda: load_lpips(config.vgg, seed=seed))
    if semantic:
        clip = attempt(
            ("clip",),
            "clip",
            config.clip,
            lambda: load_clip(config.clip, random_size=config.clip_random_size, seed=seed),
        )
        inception = attempt(("fid", "kid"), "inception", config.inception, lambda: load_inception(config.inception))
    random = {"lpips": config.vgg, "clip": config.clip}
    meaningless = tuple(name for name, source in random.items() if source == RANDOM)
    return Networks(lpips_params, clip, inception, left_out, meaningless)
