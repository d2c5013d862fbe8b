"""`import real3d_jax`: few names, documented, and nothing heavy until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import real3d_jax

ROOT = Path(__file__).parents[1]
HEAVY = ("jax", "flax", "numpy", "optax", "orbax", "grain", "tensorflow", "transformers", "PIL", "trimesh", "torch")


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_importing_it_imports_nothing_else():
    done = run(
        f"import sys, time\nstart = time.perf_counter()\nimport real3d_jax\ntook = time.perf_counter() - start\n"
        f"assert took < 0.3, took\nassert not set({HEAVY}) & set(sys.modules)\n"
        "assert [m for m in sys.modules if m.startswith('real3d_jax')] == ['real3d_jax']\n"
        "dir(real3d_jax)\nassert 'jax' not in sys.modules\n"
        "real3d_jax.UserError\nassert 'jax' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_every_name_is_there_documented_and_the_same_for_people_and_for_tools():
    names = real3d_jax.__all__
    assert len(names) <= 10 and names == sorted(names)
    assert {"load", "Model", "Reconstruction", "Cameras", "render_views"} <= set(names)
    assert set(names) <= set(dir(real3d_jax))
    for name in names:
        assert getattr(real3d_jax, name).__doc__
        assert f"\n    {name} " in (real3d_jax.__doc__ or "")
    seen_by_tools = {
        (f"{node.module}", alias.name)
        for outer in ast.parse(Path(real3d_jax.__file__).read_text()).body
        if isinstance(outer, ast.If)
        for node in ast.walk(outer)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen_by_tools == {(f"real3d_jax.{home}", name) for name, home in real3d_jax._HOMES.items()}
    assert set(real3d_jax._HOMES) == set(names)


def test_other_names_are_modules_or_refused():
    done = run("from real3d_jax import cameras\nassert cameras.__name__ == 'real3d_jax.cameras'")
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="module 'real3d_jax' has no attribute 'laod'"):
        real3d_jax.laod  # noqa: B018
