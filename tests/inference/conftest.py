"""A model that is small enough for a test, and photographs for it."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from real3d_jax.checkpoints.trained_model import Checkpoint
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.inference.model import Model
from real3d_jax.inference.reconstructor import Reconstructor
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.evaluation.tiny_evaluation import random_params

CONFIG = Path(__file__).parents[2] / "configs" / "reconstruct.py"
SMALL = {
    "model": {"image_size": 32, "plane_tokens": 2, "token_width": 32, "layers": 2, "heads": 2, "decoder_layers": 1},
    "model.vit": {"width": 32, "layers": 2, "heads": 2, "mlp_width": 32, "patch_size": 16, "position_grid": 2},
    "render": {"resolution": 8, "samples": 8},
    "input": {"elevation": "0"},
    "orbit": {"frames": 5, "resolution": 16, "frames_at_once": 2, "least_density": 0.0},
    "surface": {"format": "ply", "resolution": 16, "threshold": 0.5, "least_share": 0.0},
}


@pytest.fixture(scope="module", autouse=True)
def _shared_programs():
    """Models of the same settings, as each call of the command makes one, have the same programs within a file."""
    make, known = Reconstructor.__init__, {}

    def make_with_known_programs(self, config, params):
        make(self, config, params)
        settings = config.model, config.compute, config.render, config.orbit
        programs = {name: value for name, value in vars(self).items() if hasattr(value, "lower")}  # jitted functions
        vars(self).update(known.setdefault(settings, programs))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reconstructor, "__init__", make_with_known_programs)
        yield


@pytest.fixture(scope="session")
def words():
    """The changes that make configs/reconstruct.py:smoke so small, for a command line."""
    return [f"--config.{group}.{key}={value}" for group, keys in SMALL.items() for key, value in keys.items()]


@pytest.fixture(scope="session")
def tiny(words):
    """The same as a configuration."""
    return config_files.load_as(ReconstructionConfig, f"{CONFIG}:smoke", words)


@pytest.fixture(scope="session")
def params(tiny):
    """Random parameters of its model, with a density that shows."""
    return jax.tree.map(np.asarray, random_params(tiny))


@pytest.fixture(scope="session")
def checkpoint(params, tmp_path_factory):
    """The same as converted weights."""
    folder = tmp_path_factory.mktemp("checkpoint") / "weights"
    save_weights(folder, weights_from_params(params, {}, where="a test"))
    return folder


@pytest.fixture(scope="session")
def refining(tiny):
    """The configuration with few rays, so that a step of refinement takes some of a view's."""
    return dataclasses.replace(tiny, refine=dataclasses.replace(tiny.refine, resolution=8, rays=48, learning_rate=0.05))


@pytest.fixture(scope="session")
def refining_model(refining, params):
    return Model(refining, Checkpoint(params, Path("a test"), None, "0"))


def photograph(colour=(200, 100, 50)):
    """60 x 40 pixels, an object of 20 x 10 with its centre at (25, 15), left of and above the middle."""
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[10:20, 15:35] = (*colour, 255)
    return rgba


@pytest.fixture
def photographs(tmp_path):
    """Two photographs, one of them in a folder of its own, and a damaged one."""
    folder = tmp_path / "photographs"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(photograph()).save(folder / "box.png")
    Image.fromarray(photograph((20, 90, 220))).save(folder / "more" / "blue.png")
    (folder / "broken.png").write_bytes((folder / "box.png").read_bytes()[:60])
    return folder
