"""Each package imports from the layers below its own alone, and CONTRIBUTING.md shows these layers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layers import LAYERS, diagram

ROOT = Path(__file__).parents[1]
PACKAGE = "real3d_jax"
HEIGHTS = {package: -number for number, packages in enumerate(LAYERS.values()) for package in packages}


def modules() -> list[Path]:
    return sorted(path for path in (ROOT / PACKAGE).rglob("*.py") if path != ROOT / PACKAGE / "__init__.py")


def package_of(path: Path) -> str:
    """The package, or the module of none, that a file belongs to."""
    return path.relative_to(ROOT / PACKAGE).with_suffix("").parts[0]


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and package of each import of our own, those within functions included."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: relative imports are not checked"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            root, _, rest = name.partition(".")
            if root == PACKAGE:
                yield node.lineno, rest.partition(".")[0]


def wrong_arrows(package: str, source: str) -> list[str]:
    """The imports of a module of `package` that the layers do not allow."""
    return [
        f"line {line}: {package} -> {other}"
        for line, other in imported(source)
        if other != package and (other not in HEIGHTS or HEIGHTS[other] >= HEIGHTS[package])
    ]


def test_every_package_has_one_layer_and_exists():
    listed = [package for packages in LAYERS.values() for package in packages]
    assert sorted(listed) == sorted({package_of(path) for path in modules()})


@pytest.mark.parametrize("package", HEIGHTS)
def test_imports_lead_down(package):
    wrong = [
        f"{path.relative_to(ROOT)}, {arrow}"
        for path in modules()
        if package_of(path) == package
        for arrow in wrong_arrows(package, path.read_text())
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from real3d_jax.training import loop", 1),
        ("import real3d_jax.evaluation.evaluate as e", 1),
        ("def f():\n    from real3d_jax import ablation", 1),
        ("from real3d_jax.nowhere import x", 1),
        ("import real3d_jax", 1),
        ("from real3d_jax.inference.run import x\nfrom real3d_jax import errors, cameras\nimport jax", 0),
    ],
)
def test_wrong_arrows_are_found(source, found):
    assert len(wrong_arrows("inference", source)) == found


def test_contributing_shows_the_layers():
    assert f"\n\n{diagram()}\n" in (ROOT / "CONTRIBUTING.md").read_text()
