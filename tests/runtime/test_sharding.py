"""What lies where, and how examples are shared. Several devices: see tests/distributed."""

import pytest
from jax.sharding import PartitionSpec as P

from real3d_jax.config.training import BatchConfig, MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.runtime.sharding import count_micro_batches, leaf_spec, make_mesh


@pytest.mark.parametrize(
    ("shape", "fsdp", "spec"),
    [
        ((16, 1024, 8192), 8, P(None, None, "fsdp")),
        ((1024, 1024), 8, P("fsdp", None)),
        ((1, 197, 768), 8, P(None, None, "fsdp")),
        ((1021, 1021), 8, P()),  # nothing to divide
        ((1024,), 8, P()),  # too small to be worth it
        ((1024, 1024), 1, P()),
        ((), 8, P()),
    ],
)
def test_large_arrays_are_split_along_their_largest_divisible_dimension(shape, fsdp, spec):
    assert leaf_spec(shape, fsdp) == spec


@pytest.mark.parametrize(
    ("synthetic", "real", "micro_batches", "devices", "expected"),
    [(40, 40, 0, 8, 5), (40, 40, 0, 1, 40), (40, 20, 0, 4, 5), (80, 0, 0, 8, 10), (0, 6, 2, 1, 2), (40, 40, 1, 8, 1)],
)
def test_micro_batches(synthetic, real, micro_batches, devices, expected):
    assert count_micro_batches(BatchConfig(synthetic, real, micro_batches), devices) == expected


@pytest.mark.parametrize(
    ("synthetic", "real", "micro_batches", "devices", "message"),
    [
        (40, 40, 0, 3, "3 devices cannot share 40 synthetic + 40 real examples: use 2 or 4 devices"),
        (40, 40, 0, 64, "64 devices cannot share 40 synthetic + 40 real examples: use 40 devices"),
        (3, 0, 0, 2, "2 devices cannot share 3 synthetic examples: use 1 or 3 devices"),
        (
            40,
            40,
            3,
            4,
            "config.batch.micro_batches = 3 cannot divide 40 synthetic + 40 real examples on 4 devices: set it to 2",
        ),
        (40, 40, -1, 4, "set it to 1, or to 0"),
        (0, 0, 0, 1, "config.batch has no examples"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_the_nearest_that_can(synthetic, real, micro_batches, devices, message):
    with pytest.raises(UserError) as error:
        count_micro_batches(BatchConfig(synthetic, real, micro_batches), devices)
    assert message in str(error.value)


def test_a_mesh_that_the_devices_cannot_form_is_refused():
    with pytest.raises(UserError, match=r"config\.mesh\.fsdp = 2 does not divide 1 devices: set it to 1"):
        make_mesh(MeshConfig(2), 1)
