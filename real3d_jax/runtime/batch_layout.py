"""How the examples of a step are shared among devices, whatever the number of either."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from real3d_jax.config.training import BatchConfig
from real3d_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Share:
    """Examples of one kind in a step, in rows that all devices have the same number of.

    Row r holds example r; those behind the last example are filler, which repeats examples and has no weight.

    Attributes:
      examples: of the step.
      rows: of the step, filler included; the devices divide them.
    """

    examples: int
    rows: int

    def examples_in(self, rows: Sequence[int]) -> list[int]:
        """Which examples lie in the given rows."""
        return [row % self.examples for row in rows]

    def weights_in(self, rows: Sequence[int], *, whole: "Share") -> Float[np.ndarray, "rows"] | None:
        """Of the given rows in a mean over the `whole` that this share belongs to; None where that has no filler."""
        if whole.examples == whole.rows:
            return None
        return np.array([whole.rows / whole.examples * (row < self.examples) for row in rows], np.float32)


@dataclasses.dataclass(frozen=True)
class BatchLayout:
    """What a step is made of, and in which parts.

    Attributes:
      devices: that share it.
      micro_batches: parts that a step is computed in, one after another.
      read: synthetic objects read from records.
      streamed: synthetic objects drawn as training goes on; on each device they follow those that were read.
      real: photographs.
    """

    devices: int
    micro_batches: int
    read: Share
    streamed: Share
    real: Share

    @property
    def synthetic(self) -> Share:
        """Synthetic objects of both sorts."""
        return Share(self.read.examples + self.streamed.examples, self.read.rows + self.streamed.rows)

    @property
    def work(self) -> float:
        """The share of all rows that are examples, in (0, 1]."""
        kinds = (self.synthetic, self.real)
        return sum(kind.examples for kind in kinds) / sum(kind.rows for kind in kinds)

    @property
    def busy_devices(self) -> int:
        """Devices that have an example of any kind; the others compute filler alone."""
        shares = (self.read, self.streamed, self.real)
        return max(math.ceil(share.examples * self.devices / share.rows) for share in shares if share.rows)


def lay_out(config: BatchConfig, devices: int, *, streamed: int = 0) -> BatchLayout:
    """Shares the examples of a step: all devices get the same number of rows of each kind, in every part of the step.

    Args:
      config: the examples of a step, and its parts.
      devices: any number of them.
      streamed: how many of the synthetic examples are drawn as training goes on.

    Raises:
      UserError: there are no examples, or the rows of a device do not divide into the parts that are asked for; the
        nearest number that works is named.
    """
    counts = (config.synthetic - streamed, streamed, config.real)
    if not any(counts):
        raise UserError("config.batch has no examples: set batch.synthetic or batch.real to more than 0.")
    read, drawn, real = (math.ceil(count / devices) for count in counts)
    rows = [number for number in (read + drawn, real) if number]
    parts = config.micro_batches
    if parts == 0:
        # Filler is there anyway where the devices do not divide the examples: some more may make smaller parts.
        parts = min(rows) if any(count % devices for count in counts) else math.gcd(*rows)
    elif parts < 0 or math.gcd(*rows) % parts:
        raise UserError(_describe_parts(config, devices, math.gcd(*rows)))
    filler = -(read + drawn) % parts
    read, drawn, real = read + filler * (read > 0), drawn + filler * (read == 0), real + -real % parts
    shares = (Share(count, number * devices) for count, number in zip(counts, (read, drawn, real), strict=True))
    return BatchLayout(devices, parts, *shares)


def _describe_parts(config: BatchConfig, devices: int, rows: int) -> str:
    counts = ((config.synthetic, "synthetic"), (config.real, "real"))
    examples = " + ".join(f"{count} {kind}" for count, kind in counts if count)
    nearest = min((n for n in range(1, rows + 1) if rows % n == 0), key=lambda n: abs(n - config.micro_batches))
    return (
        f"config.batch.micro_batches = {config.micro_batches} cannot divide {examples} examples on {devices} "
        f"device{'s' * (devices > 1)}: set it to {nearest}, or to 0 for as many as possible."
    )
