"""The layers of the package, from top to bottom: a package imports from the layers below its own, and no other.

`test_layers.py` holds the code to it, and CONTRIBUTING.md to `diagram`.
"""

LAYERS = {
    "command lines": ("commands",),
    "studies": ("ablation", "benchmarks"),
    "programs": ("curation", "evaluation", "inference", "training"),
    "trained models": ("checkpoints",),
    "measures and weights": ("export", "losses", "metrics", "weights"),
    "pictures and data": ("data", "perceptual", "rendering"),
    "models and machines": ("models", "runtime"),
    "settings and kernels": ("batches", "config", "kernels"),
    "ground": ("cameras", "errors", "images", "reports"),
}


def diagram() -> str:
    """The table as CONTRIBUTING.md shows it, indented as a block of code."""
    width = max(map(len, LAYERS)) + 2
    return "".join(f"    {layer:{width}}{', '.join(packages)}\n" for layer, packages in LAYERS.items())
