"""Renders a folder of meshes into the `views` layout of docs/own_data.md. Killed, it goes on when it is run again.

`python launch/render_objects.py --help` has examples and options; `real3d render-objects` is the same.
"""

from real3d_jax.commands.render_objects import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
