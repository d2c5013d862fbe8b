"""A file of a seeded InceptionV3; apart from `seeded_references`, which needs nothing of the package."""

import numpy as np
from seeded_references import inception_tensor

from real3d_jax.weights.inception import TABLE


def inception_file() -> dict[str, np.ndarray]:
    """What pytorch-fid's file would hold, its classifier included."""
    shapes = {rule.source: tuple(map(int, rule.shape.split())) for rule in TABLE.rules}
    norms = [name.removesuffix("running_var") for name in shapes if name.endswith("running_var")]
    return {
        **{name: inception_tensor(name, shape) for name, shape in shapes.items()},
        **{f"{norm}num_batches_tracked": np.zeros((), np.int64) for norm in norms},
        "fc.weight": np.zeros((1008, 2048), np.float32),
        "fc.bias": np.zeros(1008, np.float32),
    }
