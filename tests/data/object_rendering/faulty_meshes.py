"""Stands in for `render_object` in worker processes: some names take their process along."""

import os
import signal
import time

from real3d_jax.data.object_rendering import object_renders
from real3d_jax.data.object_rendering.object_renders import partial_folder


def begin_worker(*_):
    raise KeyError("a driver that is gone")


def render_object(mesh_file, folder, settings):
    if mesh_file.name.startswith("crashes"):
        partial_folder(folder, mesh_file.name).mkdir()
        os.kill(os.getpid(), signal.SIGSEGV)
    if mesh_file.name.startswith("hangs"):
        partial_folder(folder, mesh_file.name).mkdir()
        time.sleep(600)
    if mesh_file.name.startswith("raises"):
        raise KeyError("nobody thought of this")
    if mesh_file.name.startswith("disk is full"):
        raise OSError(28, "No space left on device")
    return object_renders.render_object(mesh_file, folder, settings)
