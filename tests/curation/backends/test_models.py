"""Models of transformers as backends, on tiny random ones in the true files."""

import importlib.util
import json

import numpy as np
import pytest

from real3d_jax.curation.backends import depth_models, segmentation_models
from real3d_jax.curation.backends.depth_models import DepthModel, input_size
from real3d_jax.curation.backends.interfaces import Segmentation, SourceImage
from real3d_jax.curation.backends.segmentation_models import DetectorAndSam, UniversalSegmentation
from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.errors import UserError
from tests.curation import tiny_models

if importlib.util.find_spec("torch") is None:  # not imported here: all workers collect this file
    pytest.skip("needs the torch extra", allow_module_level=True)
pytestmark = pytest.mark.torch


def _image(name, size, seed=0):
    rgb = np.random.default_rng(seed).integers(0, 255, (*size, 3)).astype(np.uint8)
    return SourceImage(PhotographFile(f"{name}.jpg", (name,)), rgb)


WIDE, HIGH = _image("wide", (100, 140)), _image("high", (160, 90), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds models by the names of `tiny_models`, made when asked for."""
    root = tmp_path_factory.mktemp("models")

    def make(name, *, called=None, **options):
        path = root / (called or name)
        if not path.exists():
            getattr(tiny_models, name)(path, **options)
        return str(path)

    return make


@pytest.mark.parametrize("name", ["mask2former", "oneformer"])
def test_queries_become_instances(folder, name):
    backend = UniversalSegmentation(folder(name), min_score=0.0).load()
    for image, found in zip((WIDE, HIGH), backend([WIDE, HIGH]), strict=True):
        assert isinstance(found, Segmentation)
        assert found.instances
        assert len({instance.instance_id for instance in found.instances}) == len(found.instances)
        for instance in found.instances:
            assert instance.mask.shape == image.size
            assert instance.mask.any()
            assert instance.category in ("cat", "dog")
            assert 0 < instance.score < 1


def test_a_batch_gives_what_single_photographs_give(folder):
    backend = UniversalSegmentation(folder("mask2former"), min_score=0.0).load()
    (alone,) = backend([WIDE])
    again = backend([WIDE, _image("same", WIDE.size, 5)])[0]
    assert [i.category for i in again.instances] == [i.category for i in alone.instances]
    for one, other in zip(alone.instances, again.instances, strict=True):
        assert np.mean(one.mask == other.mask) > 0.999
        assert one.score == pytest.approx(other.score, rel=1e-4)


def test_what_of_a_padded_input_is_photograph():
    import torch

    assert segmentation_models._filled(torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]])) == (2, 2)


def test_masks_are_cut_to_the_photograph_before_they_are_enlarged(folder):
    import torch

    backend = UniversalSegmentation(folder("mask2former"), min_score=0.0).load()
    classes = torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.0, 9.0]])  # a cat, and nothing
    masks = torch.full((2, 16, 16), -10.0)
    masks[0, :4, 8:12] = 10.0  # the top right quarter of the part that is photograph
    (instance,) = backend._instances(classes, masks, (64, 64), (32, 48), (320, 480))
    rows, columns = np.nonzero(instance.mask)
    assert instance.category == "cat"
    assert rows.min() == 0
    assert abs(rows.max() - 160) <= 3
    assert abs(columns.min() - 320) <= 3
    assert columns.max() == 479
    assert instance.score == pytest.approx(float(torch.softmax(classes[0], -1)[0]), abs=0.05)


def test_the_least_score(folder):
    all_ = UniversalSegmentation(folder("mask2former"), min_score=0.0).load()([WIDE])[0].instances
    least = sorted(instance.score for instance in all_)[2]
    some = UniversalSegmentation(folder("mask2former"), min_score=least).load()([WIDE])[0].instances
    assert [i.instance_id for i in some] == [i.instance_id for i in all_ if i.score >= least]


def test_boxes_become_masks(folder):
    backend = DetectorAndSam(folder("grounding_dino"), folder("sam"), ("cat", "dog"), min_score=0.0).load()
    for image, found in zip((WIDE, HIGH), backend([WIDE, HIGH]), strict=True):
        assert len(found.instances) == 5
        assert all(instance.mask.shape == image.size for instance in found.instances)
        assert all(0 <= instance.score <= 1 for instance in found.instances)
    assert DetectorAndSam(folder("grounding_dino"), folder("sam"), ("cat",), 1.0).load()([WIDE])[0].instances == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [((518, 518), (518, 518)), ((480, 640), (518, 686)), ((1000, 2000), (518, 1036)), ((90, 50), (938, 518))],
)
def test_the_size_at_which_depth_anything_looks(size, expected):
    assert input_size(*size) == expected


def test_depth_anything_is_as_its_authors_run_it(folder):
    """The same, step by step, with the functions of transformers where there are any."""
    import torch
    from transformers import AutoModelForDepthEstimation

    name = folder("depth_anything")
    model = AutoModelForDepthEstimation.from_pretrained(name).eval()
    for image, found in zip((WIDE, HIGH), DepthModel(name).load()([WIDE, HIGH]), strict=True):
        pixels = torch.tensor(image.rgb / np.float32(255)).permute(2, 0, 1)[None]
        high, wide = {(100, 140): (518, 728), (160, 90): (924, 518)}[image.size]
        pixels = torch.nn.functional.interpolate(pixels, (high, wide), mode="bicubic")
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        with torch.no_grad():
            raw = model(pixel_values=(pixels - mean) / std).predicted_depth
        expected = torch.nn.functional.interpolate(raw[None], image.size, mode="bilinear")[0, 0].numpy()
        assert found.shape == image.size
        assert expected.std() > 0
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_photographs_of_one_size_share_a_pass(folder, monkeypatch):
    backend = DepthModel(folder("depth_anything")).load()
    shapes = []
    forward = backend._model.forward
    monkeypatch.setattr(
        backend._model,
        "forward",
        lambda pixel_values: shapes.append(tuple(pixel_values.shape)) or forward(pixel_values=pixel_values),
    )
    found = backend([WIDE, HIGH, _image("wide too", WIDE.size, 7)])
    assert shapes == [(2, 3, 518, 728), (1, 3, 924, 518)]
    assert [depth.shape for depth in found] == [WIDE.size, HIGH.size, WIDE.size]
    (alone,) = backend([_image("wide too", WIDE.size, 7)])
    np.testing.assert_allclose(found[2], alone, rtol=1e-4, atol=1e-5 * alone.max())


def test_other_models_keep_to_their_files(folder):
    found = DepthModel(folder("dpt")).load()([WIDE, HIGH])
    assert [depth.shape for depth in found] == [WIDE.size, HIGH.size]
    assert all(np.isfinite(depth).all() for depth in found)


def test_what_a_model_gives_is_known_or_said(folder, tmp_path):
    assert DepthModel(folder("depth_anything")).load().kind == "disparity"
    metric = folder("depth_anything", called="metric", kind="metric")
    assert DepthModel(metric).load().kind == "metric"
    assert DepthModel(metric, kind="disparity").load().kind == "disparity"
    assert DepthModel(folder("dpt")).load().kind == "disparity"

    class Unknown:
        model_type = "novel"

    with pytest.raises(UserError, match="say --depth_kind"):
        depth_models._kind(Unknown())


@pytest.mark.parametrize("broken", ["missing", "empty", "other"])
def test_models_that_are_none(folder, tmp_path, monkeypatch, broken):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "model"
    if broken != "missing":
        path.mkdir()
    if broken == "other":
        (path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="--depth_model"):
        DepthModel(str(path)).load()
    with pytest.raises(UserError, match="--segmentation_model"):
        UniversalSegmentation(str(path), 0.3).load()
    with pytest.raises(UserError, match="--detector"):
        DetectorAndSam(str(path), folder("sam"), ("cat",), 0.3).load()


def test_a_detector_without_words(folder):
    with pytest.raises(UserError, match="--labels"):
        DetectorAndSam(folder("grounding_dino"), folder("sam"), (), 0.3).load()


def test_a_device_that_is_not_there(folder):
    with pytest.raises(UserError, match="--device: 'warp'"):
        DepthModel(folder("dpt"), device="warp").load()


@pytest.mark.curation
def test_photographs_go_through_models(folder, few, tmp_path):
    pytest.importorskip("pycocotools")
    pytest.importorskip("apache_beam")
    from real3d_jax.curation.run.curate import Curation
    from real3d_jax.curation.settings import CurationSettings, FilterSettings

    curation = Curation(
        source=str(few / "images"),
        out=tmp_path / "out",
        segmentation=UniversalSegmentation(folder("mask2former"), 0.0),
        depth=DepthModel(folder("depth_anything")),
        rules=CurationSettings(FilterSettings(min_score=0.0, min_side=1, border=0)),
    )
    summary = curation.run(progress=False)
    assert summary["photographs"] == {"all": 4, "without_instances": 0}
    assert summary["instances"]["all"] >= 4
    assert summary["rejected"] == {}
