"""Serves a trained model: a page to try it in the browser, and an HTTP address for programs.

`python launch/demo.py --help` has examples and options; `real3d demo` is the same.
"""

from real3d_jax.commands.demo import main
from real3d_jax.runtime.cli import run

if __name__ == "__main__":
    run(main)
