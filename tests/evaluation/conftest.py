"""What the tests of evaluation runs share."""

import contextlib

import jax
import numpy as np
import pytest

from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.data.record_writer import write
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.data.samples import multiview_source
from tests.evaluation.tiny_evaluation import OBJECTS, make_tiny_evaluation, random_params


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """A folder with the data set `views`."""
    root = tmp_path_factory.mktemp("data")
    write(root / "views", multiview_source(objects=0, held_out=OBJECTS, views=5), progress=False)
    return root


@pytest.fixture(scope="session")
def tiny(data_root):
    """The tiny evaluation: novel views and consistency."""
    return make_tiny_evaluation(data_root)


@pytest.fixture(scope="session")
def params(tiny):
    """Parameters of its model, numpy arrays."""
    return jax.tree.map(np.asarray, random_params(tiny))


@pytest.fixture(scope="session")
def checkpoint(params, tmp_path_factory):
    """The same as converted weights."""
    folder = tmp_path_factory.mktemp("checkpoint") / "weights"
    save_weights(folder, weights_from_params(params, {}, where="a test"))
    return folder


@pytest.fixture(scope="session")
def finished(tiny, checkpoint, tmp_path_factory):
    """The results of an unbroken evaluation."""
    out = tmp_path_factory.mktemp("finished")
    assert evaluate(tiny, find_model(checkpoint), out, method="tiny") == 0
    return out


@pytest.fixture
def killed_after(monkeypatch):
    """`with killed_after(n):` around an evaluation, which must then be interrupted as it begins batch n + 1."""

    @contextlib.contextmanager
    def interrupting(batches):
        score, calls = Scorer.score, []

        def killed(self, instances):
            if len(calls) == batches:
                raise KeyboardInterrupt
            calls.append(len(instances))
            return score(self, instances)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Scorer, "score", killed)
            yield

    return interrupting
