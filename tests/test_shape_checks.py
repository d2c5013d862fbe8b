"""What is checked of annotations while tests run."""

import jaxtyping
import numpy as np
import pytest
import shape_checks
from jaxtyping import Float

from real3d_jax.cameras import intrinsics_from_fov, spherical_c2w
from real3d_jax.models.presets import preset

checked = jaxtyping.jaxtyped(typechecker=shape_checks.check)


def test_the_packages_functions_are_checked():
    with pytest.raises(Exception, match=r"(?i)type"):
        spherical_c2w("far", 0.0, 0.0)
    with pytest.raises(Exception, match=r"(?i)violat"):
        preset(3)
    assert intrinsics_from_fov(40.0).shape == (4,)


@checked
def _joined(a: dict[str, Float[np.ndarray, "n"]], b: Float[np.ndarray, "n"] | None) -> int:
    return len(a) + (b is not None)


@checked
def _counted(a: list[int], *, b: float = 1) -> str:
    return "" if b else 3


def test_shapes_agree_between_arguments():
    assert _joined({"x": np.zeros(2)}, np.zeros(2)) == 2
    with pytest.raises(jaxtyping.TypeCheckError):
        _joined({"x": np.zeros(2)}, np.zeros(3))


def test_what_names_no_shape_is_checked_too():
    assert _counted([1]) == ""
    for wrong in (lambda: _counted(["1"]), lambda: _counted([1], b="2"), lambda: _counted([1], b=0)):
        with pytest.raises(Exception, match=r"(?i)violat"):
            wrong()


@pytest.mark.usefixtures("unchecked_annotations")
def test_neither_is_where_a_test_says_so():
    assert _joined({"x": np.zeros(2)}, np.zeros(3)) == 2
    assert _counted("1", b=0) == 3
