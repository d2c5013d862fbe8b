"""FID and KID of whole evaluations, with a seeded InceptionV3, against features and distances computed by hand."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from seeded_inception import inception_file

from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras, intrinsics_from_fov, spherical_c2w
from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.config.evaluation import NetworksConfig
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.results import ROWS
from real3d_jax.evaluation.score_renders import evaluate_renders
from real3d_jax.evaluation.scored_objects import open_instances
from real3d_jax.metrics.frechet import few_images_warning, fid, kid
from real3d_jax.models.lrm import make_model
from real3d_jax.rendering import render_views
from real3d_jax.rendering.field import reconstruct
from real3d_jax.weights.networks import load_inception
from tests.evaluation.tiny_evaluation import make_tiny_evaluation

OBJECTS = 3  # in batches of two, the last of which is filled up
AZIMUTHS = (45.0, 225.0)  # of the seven that are rendered


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A seeded InceptionV3 in pytorch-fid's layout."""
    path = tmp_path_factory.mktemp("inception") / "pt_inception.safetensors"
    safetensors.numpy.save_file(inception_file(), path)
    return path


@pytest.fixture(scope="module")
def config(data_root, file):
    """Nothing but semantic metrics, and of those only FID and KID."""
    return make_tiny_evaluation(
        data_root,
        scored__novel_views=False,
        scored__consistency=False,
        data__limit=OBJECTS,
        protocol__semantic__fid_azimuths=AZIMUTHS,
        networks__inception=str(file),
        cases=0,
    )


@pytest.fixture(scope="module")
def pictures(config, params):
    """By hand, as bytes: the views that FID compares, objects first, and the input views."""
    semantic, instances = config.protocol.semantic, open_instances(config)
    read = [instances.read(number) for number in range(OBJECTS)]

    @jax.jit
    def render(image):
        azimuths = jnp.radians(jnp.array([AZIMUTHS] * OBJECTS))
        cameras = Cameras(
            spherical_c2w(azimuths, jnp.zeros_like(azimuths), semantic.distance),
            jnp.broadcast_to(intrinsics_from_fov(np.radians(semantic.fov_y)), (*azimuths.shape, 4)),
        )
        field = reconstruct(params, as_float(image), model=make_model(config.model, config.compute))
        return render_views(field, cameras, config.render, resolution=semantic.resolution)[0]

    rendered = np.asarray(render(np.stack([instance["image"] for instance in read])))
    return np.round(rendered * 255).astype(np.uint8), np.stack([instance["semantic_rgb"] for instance in read])


@pytest.fixture(scope="module")
def expected(pictures, file):
    """FID and KID of these pictures."""
    images = np.concatenate([part.reshape(-1, *part.shape[-3:]) for part in pictures])
    features = np.asarray(load_inception(file).features(images / np.float32(255)))
    rendered, inputs = features[:-OBJECTS], features[-OBJECTS:]
    return {"semantic_fid": fid(rendered, inputs), "semantic_kid": kid(rendered, inputs, subset_size=OBJECTS).mean}


def check(out, expected):
    """The numbers, in the summary and in the table, with what has to be said of so few images."""
    summary = json.loads((out / "summary.json").read_text())
    for name, value in expected.items():
        found = summary[name]
        assert found["mean"] == pytest.approx(value, rel=1e-3), name
        assert (found["count"], found["unit"], found["views"]) == (OBJECTS, "image", len(AZIMUTHS) * OBJECTS)
        assert (found["interval"], found["non_finite"]) == (None, 0)
    warning = few_images_warning(OBJECTS)
    assert warning in summary["about"]["warnings"]
    table = (out / "table.md").read_text()
    assert "| **FID ↓** | **KID ↓** |" in table
    assert f"| {expected['semantic_fid']:.1f} | {expected['semantic_kid']:.4f} |" in table
    assert f"- {warning}" in table
    assert "biased upwards" in (out / "report.html").read_text()


def test_an_evaluation_that_was_killed_and_goes_on(config, checkpoint, expected, tmp_path, killed_after):
    with killed_after(1):
        evaluate(config, find_model(checkpoint), tmp_path / "killed", method="tiny")
    assert len((tmp_path / "killed" / ROWS).read_text().splitlines()) == 2
    for name in ("killed", "unbroken"):
        assert evaluate(config, find_model(checkpoint), tmp_path / name, method="tiny") == 0
    check(tmp_path / "killed", expected)
    for name in ("summary.json", "table.md", "report.html"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes(), name


def test_renders_of_any_method(pictures, file, expected, tmp_path):
    poses = {
        "fov_y": 40.0,
        "distance": 3.0,
        "views": [{"azimuth": azimuth, "elevation": 0} for azimuth in (0.0, *AZIMUTHS)],
    }
    for number, (views, source) in enumerate(zip(*pictures, strict=True)):
        folder = tmp_path / "renders" / f"object{number}"
        (folder / "pred").mkdir(parents=True)
        (folder / "poses.json").write_text(json.dumps(poses))
        Image.fromarray(source).save(folder / "input.png")
        for name, view in enumerate((source, *views)):  # the view at azimuth 0 is left out, whatever it shows
            Image.fromarray(view).save(folder / "pred" / f"{name:03d}.png")
    options = NetworksConfig(vgg="", clip="", clip_random_size="base", inception=str(file))
    assert evaluate_renders(tmp_path / "renders", tmp_path / "out", method="theirs", options=options) == 0
    check(tmp_path / "out", expected)
