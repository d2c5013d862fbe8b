"""What lies where. Several devices: see tests/distributed."""

import pytest
from jax.sharding import PartitionSpec as P

from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.runtime.sharding import leaf_spec, make_mesh


@pytest.mark.parametrize(
    ("shape", "fsdp", "spec"),
    [
        ((16, 1024, 8192), 8, P(None, None, "fsdp")),
        ((1024, 1024), 8, P("fsdp", None)),
        ((1, 197, 768), 8, P(None, None, "fsdp")),
        ((1021, 1021), 8, P()),  # nothing to divide
        ((1024,), 8, P()),  # too small to be worth it
        ((255, 256), 8, P()),  # likewise, by a little
        ((256, 256), 8, P("fsdp", None)),
        ((1024, 1024), 1, P()),
        ((), 8, P()),
    ],
)
def test_large_arrays_are_split_along_their_largest_divisible_dimension(shape, fsdp, spec):
    assert leaf_spec(shape, fsdp) == spec


@pytest.mark.parametrize(("fsdp", "devices", "nearest"), [(2, 1, 1), (5, 6, 6), (4, 6, 3), (0, 6, 1)])
def test_a_mesh_that_the_devices_cannot_form_is_refused(fsdp, devices, nearest):
    said = rf"config\.mesh\.fsdp = {fsdp} does not divide {devices} devices: set it to {nearest}\."
    with pytest.raises(UserError, match=said):
        make_mesh(MeshConfig(fsdp), range(devices))
