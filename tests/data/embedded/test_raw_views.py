"""Single views that are spoilt as photographs are before curation, and shares of data sets."""

import dataclasses

import numpy as np
import pytest

from real3d_jax.data import pipeline, record_writer
from real3d_jax.data.embedded.preparation import embedded_source
from real3d_jax.data.embedded.raw_views import occlude, truncate, with_raw_share
from real3d_jax.data.names import place
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import SINGLE_VIEW, Item, Photograph, Source
from real3d_jax.errors import UserError
from tests.data.samples import photograph_source

SIZE = 32
COUNT = 400


def disc(number):
    """A photograph of a disc of its own size, in its own colour."""
    y, x = np.indices((SIZE, SIZE)) - SIZE / 2 + 0.5
    inside = x**2 + y**2 < (6 + number % 5) ** 2
    return np.where(inside[..., None], np.array([number % 256, 100, 50, 255]), 0).astype(np.uint8)


def discs():
    def items(split, chosen):
        for number in chosen:
            yield Item(f"disc{number}", (Photograph(f"disc{number}", disc(number), {"from": "a test"}),))

    return Source(SINGLE_VIEW, 0, {"made by": "a test"}, {"train": COUNT, "test": 0}, items)


def pictures(source, *ranges):
    return {item.key: item.records[0] for chosen in ranges for item in source.items("train", chosen)}


def test_the_share_that_is_spoilt_and_how():
    found = pictures(with_raw_share(discs(), 0.3), range(COUNT))
    how = [photograph.provenance.get("raw") for photograph in found.values()]
    assert abs(len([h for h in how if h]) / COUNT - 0.3) < 3 * np.sqrt(0.3 * 0.7 / COUNT)
    assert abs(how.count("occluded") - how.count("truncated")) < 3 * np.sqrt(0.3 * COUNT)
    for number, photograph in enumerate(found.values()):
        clean = disc(number)
        if "raw" not in photograph.provenance:
            np.testing.assert_array_equal(photograph.image, clean)
            continue
        lost = 1 - np.count_nonzero(photograph.image[..., 3]) / np.count_nonzero(clean[..., 3])
        assert 0.12 < lost < 0.58  # 20 to 50 %, to a column or a step of the occluder
        assert photograph.provenance["lost"] == pytest.approx(lost, abs=1e-3)
        assert photograph.provenance["from"] == "a test"
        assert (photograph.image.shape == clean.shape) == (photograph.provenance["raw"] == "occluded")


def test_it_depends_on_the_name_alone():
    source = with_raw_share(discs(), 0.5)
    whole, parts = pictures(source, range(40)), pictures(source, range(20, 40), range(7), range(7, 20))
    assert sum("raw" in photograph.provenance for photograph in whole.values()) > 5
    for key, photograph in whole.items():
        np.testing.assert_array_equal(photograph.image, parts[key].image)


def test_a_smaller_share_is_among_the_greater():
    def spoilt(share):
        found = pictures(with_raw_share(discs(), share), range(COUNT))
        return {key for key, photograph in found.items() if "raw" in photograph.provenance}

    assert spoilt(0.2) < spoilt(0.6) < spoilt(1.0)
    assert len(spoilt(1.0)) == COUNT


@pytest.mark.parametrize("side", range(4))
def test_truncation_cuts_the_named_side(side):
    image = np.zeros((20, 20, 4), np.uint8)
    image[..., 3] = 255
    image[..., 0], image[..., 1] = np.indices((20, 20))
    kept = truncate(image, wanted=0.25, side=side)
    rows, columns = np.unique(kept[..., 0]), np.unique(kept[..., 1])
    expected = [np.arange(5, 20), np.arange(20), np.arange(15), np.arange(20)][side]
    np.testing.assert_array_equal(columns, expected)
    expected = [np.arange(20), np.arange(5, 20), np.arange(20), np.arange(15)][side]
    np.testing.assert_array_equal(rows, expected)


def test_an_occluder_covers_about_what_is_wanted_from_its_side():
    image = disc(4)
    front = disc(3)[..., 3] > 0
    for wanted in (0.2, 0.35, 0.5):
        seen = occlude(image, front, wanted=wanted, angle=0.0)  # from the right
        gone = (image[..., 3] > 0) & (seen[..., 3] == 0)
        assert np.count_nonzero(gone) / np.count_nonzero(image[..., 3]) == pytest.approx(wanted, abs=0.06)
        assert np.nonzero(gone)[1].mean() > SIZE / 2 + 1
        np.testing.assert_array_equal(seen[seen[..., 3] > 0], image[seen[..., 3] > 0])


def test_procedural_views_can_be_raw():
    options = {"family": "b", "objects": 3, "held_out": 0, "views": 1, "image_size": 32, "seed": 1}
    clean = embedded_source("procedural_single", raw=0.0, **options)
    raw = embedded_source("procedural_single", raw=1.0, **options)
    assert "raw" not in clean.settings and raw.settings["raw"] == 1.0
    before, after = pictures(clean, range(3)), pictures(raw, range(3))
    assert list(before) == list(after)
    assert all(0.05 < after[key].provenance["lost"] < 0.8 for key in after)
    with pytest.raises(UserError, match=r"set raw to 0 for .photographs., not 0\.5"):
        embedded_source("photographs", raw=0.5, **options)
    for share in (-0.1, 1.5):
        with pytest.raises(UserError, match="must lie above 0 and be at most 1"):
            embedded_source("procedural_single", raw=share, **options)


def test_places_are_even_and_independent():
    a = np.array([place(f"b1-{n:06d}", purpose="raw") for n in range(2000)])
    b = np.array([place(f"b1-{n:06d}", purpose="fraction") for n in range(2000)])
    for share in (0.1, 0.5, 0.9):
        assert (a < share).mean() == pytest.approx(share, abs=0.04)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.07
    assert ((a < 0.5) & (b < 0.5)).mean() == pytest.approx(0.25, abs=0.04)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A data set of twenty-five photographs."""
    folder = tmp_path_factory.mktemp("many") / "photographs"
    record_writer.write(folder, photograph_source(25), progress=False)
    return folder


def test_a_fraction_of_a_data_set(many):
    whole, half, tenth = (RecordSet(many, "train", fraction=share) for share in (1.0, 0.5, 0.1))
    assert set(tenth.keys) < set(half.keys) < set(whole.keys)
    assert 6 <= len(half) == half.records <= 19
    for item, key in enumerate(half.keys):
        photograph = half.read(item)
        assert photograph.key == key
        np.testing.assert_array_equal(photograph.image, whole.read(whole.keys.index(key)).image)


def test_training_reads_the_fraction_only(config, many):
    source = dataclasses.replace(config.data.real["photographs"], path=str(many), fraction=0.1)
    data = dataclasses.replace(config.data, real={"photographs": source})
    config = dataclasses.replace(config, data=data)
    chosen = RecordSet(many, "train", fraction=0.1)
    batches = pipeline.train_batches(config)
    seen = {int(image[4, 4, 0]) for _ in range(8) for image in next(batches).real.rgb}
    assert seen == {10 * int(key.removeprefix("photograph")) for key in chosen.keys}
    assert f"real photographs: {len(chosen)} photographs" in pipeline.describe(config)


@pytest.mark.parametrize(
    ("fraction", "message"), [(0.0, "above 0 and be at most 1"), (1.2, "at most 1, not 1.2"), (1e-6, "1e-06 are taken")]
)
def test_fractions_that_cannot_be(config, fraction, message):
    source = dataclasses.replace(config.data.real["photographs"], fraction=fraction)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, real={"photographs": source}))
    with pytest.raises(UserError, match=message):
        next(pipeline.train_batches(config))
