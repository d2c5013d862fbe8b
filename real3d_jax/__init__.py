"""Real3D in JAX: large reconstruction models trained on single-view photographs.

    import real3d_jax

    model = real3d_jax.load()                            # the model in the box; or a run, a file, a hub name
    result = model("chair.png")                          # a photograph whose object is cut out
    result.mesh(resolution=256).save("chair.glb")
    result.orbit(frames=60).save("chair.gif")
    result.render(model.cameras(azimuth=[0, 90, 180], elevation=20)).save("chair.png")

These are all the names of this door, each imported when it is asked for first:

    load            a trained model, wherever its weights are
    Model           what `load` gives: called with photographs, it reconstructs them
    Reconstruction  what a model gives: `mesh`, `orbit` and `render`, and the `field` itself
    Views           rendered pictures, which save themselves as an animation or side by side
    Mesh            a surface with colours, which saves itself as GLB, PLY, OBJ or STL
    Cameras         poses and intrinsics to render from; `Model.cameras` makes them of angles
    render_views    renders a field from any cameras, with gradients
    UserError       what is raised for all that the caller can put right: one sentence
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from real3d_jax.cameras import Cameras
    from real3d_jax.errors import UserError
    from real3d_jax.export.mesh import Mesh
    from real3d_jax.inference.loading import load
    from real3d_jax.inference.model import Model
    from real3d_jax.inference.reconstruction import Reconstruction
    from real3d_jax.inference.views import Views
    from real3d_jax.rendering import render_views

__all__ = ["Cameras", "Mesh", "Model", "Reconstruction", "UserError", "Views", "load", "render_views"]

_HOMES = {
    "Cameras": "cameras",
    "Mesh": "export.mesh",
    "Model": "inference.model",
    "Reconstruction": "inference.reconstruction",
    "UserError": "errors",
    "Views": "inference.views",
    "load": "inference.loading",
    "render_views": "rendering",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
