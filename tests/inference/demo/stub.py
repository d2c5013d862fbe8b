"""A model that makes a ball of every picture at once, in place of one that computes."""

import types

import numpy as np
import trimesh
from PIL import Image

from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.export.mesh import Mesh
from real3d_jax.inference.model import Model
from real3d_jax.inference.views import Views


class StubModel(Model):
    """Sees what a model sees; `asked` has the crop ratio and the numbers of each mesh, `told` its elevation."""

    def __init__(self):
        self.title = "stub"
        self.config = config_files.load_as(ReconstructionConfig, "reconstruct")
        self.asked, self.told = [], []

    def reconstruct(self, photograph, find_object=None, *, always=False, elevation=None):
        """A ball, whose colour is the picture's."""
        seen = self.prepare(photograph, find_object, always=always)
        colour = np.asarray(Image.fromarray(seen.image).resize((1, 1)), np.float32).reshape(3) / 255

        def mesh(resolution, *, threshold, texture):
            self.asked.append((self.config.input.crop_ratio, resolution, threshold, texture))
            self.told.append(elevation)
            if threshold > 50:
                raise UserError("The field is empty: lower the threshold.")
            ball = trimesh.creation.icosphere(2, 0.6)
            colours = np.broadcast_to(colour, ball.vertices.shape).astype(np.float32)
            return Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32), colours)

        def orbit():
            return Views(np.stack([seen.image] * 3))

        field = types.SimpleNamespace(planes=np.zeros((1, 3)))
        found = {"image": seen.image, "notes": seen.notes, "field": field, "mesh": mesh, "orbit": orbit}
        return types.SimpleNamespace(**found, elevation=31.0 if elevation == "estimate" else float(elevation))
