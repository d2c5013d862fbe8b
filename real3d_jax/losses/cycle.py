"""The cycle (Eq. 3 and 4): a novel view becomes the input of a second reconstruction, which looks back.

Self-training closes it over photographs, and the consistency score of Section 5 over test objects.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from real3d_jax.cameras import Cameras, canonical_c2w, compose, cycle_return_pose, invert_rigid, with_intrinsics
from real3d_jax.config.conditioned import AnyRenderConfig
from real3d_jax.data.transforms import GREY, behind_input
from real3d_jax.images import resize_bilinear
from real3d_jax.losses.reconstruction import View
from real3d_jax.models.choice import AnyModel
from real3d_jax.models.lrm import LRM
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import reconstruct_any


def cycle_views(
    params: dict,
    field: TriplaneField,
    cameras: Cameras,
    novel_c2w: Float[Array, "B 4 4"],
    *,
    model: AnyModel,
    render: AnyRenderConfig,
    intermediate_resolution: int,
    resolution: int,
    mask_threshold: float,
    end_to_end: bool,
) -> tuple[Float[Array, "B S S 3"], View]:
    """Renders a novel view, reconstructs from it, and looks back from where the first input was.

    Args:
      params: of the model.
      field: the first reconstruction.
      cameras: of the input views, leading shape (B,).
      novel_c2w: the poses Phi of the novel views.
      model: the module.
      render: samples, box and background.
      intermediate_resolution: pixels per side that the novel view is rendered with.
      resolution: likewise, of the view that closes the cycle.
      mask_threshold: as in `intermediate_input`.
      end_to_end: False stops the gradient between the two reconstructions (SG in Eq. 3).

    Returns:
      The novel view as it entered the model, and the view that closes the cycle.
    """
    source = field if end_to_end else jax.lax.stop_gradient(field)
    novel = _render_one(source, novel_c2w, cameras, render, intermediate_resolution)
    image = intermediate_input(
        novel,
        image_size=model.config.image_size,
        mask_threshold=mask_threshold,
        end_to_end=end_to_end,
        background=behind_input(conditioned=not isinstance(model, LRM)),
    )
    if isinstance(model, LRM):
        second, back = reconstruct_any(params, image, None, model=model), cycle_return_pose(novel_c2w, cameras.c2w)
    else:
        # The first input camera may look past the object, but the novel one does not: it becomes the canonical one.
        told = canonical_c2w(jnp.linalg.norm(novel_c2w[:, :3, 3], axis=-1))
        second = reconstruct_any(params, image, Cameras(told, cameras.intrinsics), model=model)
        back = compose(compose(told, invert_rigid(novel_c2w)), cameras.c2w)
    return image, _render_one(second, back, cameras, render, resolution)


def intermediate_input(
    novel: View,
    *,
    image_size: int,
    mask_threshold: float,
    end_to_end: bool,
    background: float = GREY,
) -> Float[Array, "B S S 3"]:
    """The novel view as the second input of the cycle (Eq. 3).

    The model expects its input on grey, so the rendered density mask cuts the view out (Appendix A): colour stays
    where opacity exceeds `mask_threshold`. A view of another size is then resized bilinearly.

    Args:
      novel: the rendered view, of shape (B, h, w, ...).
      image_size: pixels per side of the model's input.
      mask_threshold: in [0, 1].
      end_to_end: False stops the gradient here (SG in Eq. 3); True is the ablation without it.
      background: grey value in place of what is cut out; that of the model's input.
    """
    image = jnp.where(novel.opacity > mask_threshold, novel.rgb, background)
    image = resize_bilinear(image, image_size, image_size)
    return image if end_to_end else jax.lax.stop_gradient(image)


def _render_one(
    field: TriplaneField, c2w: Float[Array, "B 4 4"], cameras: Cameras, config: AnyRenderConfig, resolution: int
) -> View:
    """One view of each field, with the intrinsics of `cameras`."""
    rgb, opacity = render_views(field, with_intrinsics(c2w[:, None], cameras), config, resolution=resolution)
    return View(rgb[:, 0], opacity[:, 0])
