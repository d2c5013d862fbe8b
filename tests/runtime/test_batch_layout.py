"""How examples are shared among devices: any number of either."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from real3d_jax.config.training import BatchConfig
from real3d_jax.errors import UserError
from real3d_jax.runtime.batch_layout import Share, lay_out


@pytest.mark.parametrize(
    ("synthetic", "real", "micro_batches", "devices", "expected"),
    [
        (40, 40, 0, 8, 5),
        (40, 40, 0, 1, 40),
        (40, 20, 0, 4, 5),
        (80, 0, 0, 8, 10),
        (0, 6, 2, 1, 2),
        (40, 40, 1, 8, 1),
        (40, 40, 0, 3, 14),
        (40, 40, 0, 256, 1),
        (40, 40, 7, 3, 7),
    ],
)
def test_micro_batches(synthetic, real, micro_batches, devices, expected):
    assert lay_out(BatchConfig(synthetic, real, micro_batches), devices).micro_batches == expected


@pytest.mark.parametrize(
    ("devices", "rows", "work", "busy"),
    [(8, 40, 1.0, 8), (3, 42, 40 / 42, 3), (16, 48, 40 / 48, 14), (64, 64, 40 / 64, 40), (256, 256, 40 / 256, 40)],
)
def test_what_the_devices_do_not_divide_is_filled_up(devices, rows, work, busy):
    layout = lay_out(BatchConfig(40, 40, 0), devices)
    assert layout.synthetic == layout.real == Share(40, rows)
    assert layout.work == pytest.approx(work)
    assert layout.busy_devices == busy


@pytest.mark.parametrize(
    ("synthetic", "real", "devices", "rows"),
    [
        (40, 20, 16, (64, 32)),  # 3 + 2 rows a device would be a single part
        (24, 9, 8, (32, 16)),  # likewise, where the devices divide one kind
        (17, 16, 8, (32, 16)),
    ],
)
def test_filler_makes_parts_as_small_as_one_example_of_the_rarer_kind(synthetic, real, devices, rows):
    layout = lay_out(BatchConfig(synthetic, real, 0), devices)
    assert (layout.micro_batches, layout.synthetic.rows, layout.real.rows) == (2, *rows)


def test_a_device_with_an_example_of_any_kind_is_busy():
    """One object that is read, seven that are drawn and two photographs, each on devices from the first one on."""
    assert lay_out(BatchConfig(8, 2, 0), 8, streamed=7).busy_devices == 7


@given(synthetic=st.integers(0, 90), real=st.integers(0, 90), devices=st.integers(1, 300), share=st.floats(0.0, 1.0))
def test_every_part_of_every_device_has_as_many_rows_of_each_kind(synthetic, real, devices, share):
    if synthetic + real == 0:
        return
    layout = lay_out(BatchConfig(synthetic, real, 0), devices, streamed=round(share * synthetic))
    assert layout.read.rows % devices == layout.streamed.rows % devices == 0
    for kind, examples in ((layout.synthetic, synthetic), (layout.real, real)):
        assert kind.examples == examples <= kind.rows
        assert kind.rows % (devices * layout.micro_batches) == 0
    assert 0 < layout.work <= 1


def test_filler_repeats_examples_and_weighs_nothing():
    share = Share(3, 8)
    assert share.examples_in([0, 2, 3, 7]) == [0, 2, 0, 1]
    np.testing.assert_allclose(share.weights_in([0, 2, 3, 7], whole=share), [8 / 3, 8 / 3, 0, 0])
    np.testing.assert_allclose(share.weights_in([2, 3], whole=Share(5, 12)), [12 / 5, 0])
    assert Share(4, 4).weights_in([1], whole=Share(8, 8)) is None


@pytest.mark.parametrize(
    ("synthetic", "real", "micro_batches", "devices", "message"),
    [
        (
            40,
            40,
            3,
            4,
            "config.batch.micro_batches = 3 cannot divide 40 synthetic + 40 real examples on 4 devices: set it to 2",
        ),
        (40, 40, 4, 3, "cannot divide 40 synthetic + 40 real examples on 3 devices: set it to 2"),
        (40, 40, -1, 4, "set it to 1, or to 0"),
        (0, 0, 0, 1, "config.batch has no examples"),
    ],
)
def test_parts_that_cannot_be_are_refused_with_the_nearest_that_can(synthetic, real, micro_batches, devices, message):
    with pytest.raises(UserError) as error:
        lay_out(BatchConfig(synthetic, real, micro_batches), devices)
    assert message in str(error.value)
