"""What a training step receives: the contract between the data pipeline and the losses.

Images are channels last. On the host they are numpy arrays of uint8, and become float in [0, 1] on the device
(`as_float`), so that a batch crosses the bus in a quarter of the bytes; both forms have the same shapes.
"""

from typing import Any, TypeVar, no_type_check

import flax.struct
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from real3d_jax.cameras import Cameras

_Batch = TypeVar("_Batch")


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class MultiviewBatch:
    """Synthetic objects with known views (Eq. 1). View 0 is the input view.

    Attributes:
      image: the model's input, the object on grey 0.5; on white for a camera-conditioned model.
      rgb: target views on white, or on `background`.
      mask: 1 (255) where the object is, 0 elsewhere; binary at the source, fractional at edges once resized.
      cameras: poses in the input-camera frame (view 0 canonical) and intrinsics, leading shape (B, V).
      weight: of each example in the batch's means, 1 on average; None is 1 for all. Filler has 0.
      source: the camera of `image`, leading shape (B,), for a camera-conditioned model; `cameras` are then in the frame
        of `data.posed_frames`, and where targets are patches view 0 has other intrinsics. None for other models.
      background: grey value behind each target, in [0, 1]; None is white.
    """

    image: Shaped[Array, "B S S 3"]
    rgb: Shaped[Array, "B V h w 3"]
    mask: Shaped[Array, "B V h w 1"]
    cameras: Cameras
    weight: Float[Array, "B"] | None = None
    source: Cameras | None = None
    background: Float[Array, "B V"] | None = None


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class SingleViewBatch:
    """Photographs of one object each (Eq. 2-10): the input image and its own view as the only target.

    `cameras` has leading shape (B,): the canonical pose at the data set's distance, with its field of view. `weight` is
    as in `MultiviewBatch`.
    """

    image: Shaped[Array, "B S S 3"]
    rgb: Shaped[Array, "B h w 3"]
    mask: Shaped[Array, "B h w 1"]
    cameras: Cameras
    weight: Float[Array, "B"] | None = None


@no_type_check  # JAX rebuilds it around placeholders
@flax.struct.dataclass
class TrainBatch:
    """One optimiser step's examples. A part is None when its share of the batch is zero.

    Attributes:
      synthetic: objects with known views.
      real: photographs.
      streamed: objects that are still to be drawn (`data.procedural.streaming.ObjectBatch`); None once they stand among
        the synthetic ones.
    """

    synthetic: MultiviewBatch | None
    real: SingleViewBatch | None
    streamed: Any = None


def as_float(batch: _Batch) -> _Batch:
    """Turns every uint8 leaf of a batch into float32 in [0, 1]; other leaves stay."""
    return jax.tree.map(lambda x: x.astype(jnp.float32) / 255.0 if x.dtype == jnp.uint8 else x, batch)
