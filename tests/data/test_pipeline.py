"""What the batches of training and validation hold, and what they depend on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from real3d_jax import cameras
from real3d_jax.data import pipeline, record_writer
from real3d_jax.data.examples import ImageSizes, MultiviewExamples
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import SINGLE_VIEW, Item, Photograph, Source
from real3d_jax.errors import UserError
from real3d_jax.runtime.batch_layout import lay_out
from tests.data.samples import VIEWS, multiview_source, photograph_source, picture, pose


def with_data(config, **changes):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))


def with_source(config, **changes):
    source = dataclasses.replace(config.data.synthetic["objects"], **changes)
    return with_data(config, synthetic={"objects": source})


def take(config, count, **arguments):
    batches = pipeline.train_batches(config, **arguments)
    taken = [next(batches) for _ in range(count)]
    batches.close()
    return taken


def rows_of(host, hosts):
    """The rows of one of several hosts."""
    return lambda count: range(host * count // hosts, (host + 1) * count // hosts)


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def identities(rgb):
    """Object and view of each picture, from its colour in the middle."""
    middle = rgb[..., rgb.shape[-3] // 2, rgb.shape[-2] // 2, :].astype(int)
    return np.round(middle[..., 0] / 10).astype(int), np.round(middle[..., 1] / 40).astype(int)


def test_batches_have_the_contracts_shapes(config):
    (batch,) = take(config, 1)
    shapes = jax.tree.map(np.shape, dataclasses.asdict(batch))
    assert shapes["synthetic"] == {
        "image": (4, 12, 12, 3),
        "rgb": (4, 3, 8, 8, 3),
        "mask": (4, 3, 8, 8, 1),
        "cameras": {"c2w": (4, 3, 4, 4), "intrinsics": (4, 3, 4)},
        "weight": None,
        "source": None,
        "background": None,
    }
    assert shapes["real"] == {
        "image": (4, 12, 12, 3),
        "rgb": (4, 8, 8, 3),
        "mask": (4, 8, 8, 1),
        "cameras": {"c2w": (4, 4, 4), "intrinsics": (4, 4)},
        "weight": None,
    }
    for half in (batch.synthetic, batch.real):
        assert half.image.dtype == half.rgb.dtype == half.mask.dtype == np.uint8
        assert (half.image[:, 0, 0] == 128).all()
        assert (half.rgb[..., 0, 0, :] == 255).all()
        assert half.cameras.c2w.dtype == half.cameras.intrinsics.dtype == np.float32


def test_views_match_their_cameras(config):
    for batch in take(with_source(config, distance=3.1), 3):
        objects, views = identities(batch.synthetic.rgb)
        assert (objects == objects[:, :1]).all()
        input_object, input_view = identities(batch.synthetic.image)
        np.testing.assert_array_equal(input_object, objects[:, 0])
        np.testing.assert_array_equal(input_view, views[:, 0])
        for b in range(4):
            assert len(set(views[b])) == 3
            poses = jnp.stack([pose(objects[b, 0], v) for v in views[b]])
            expected = cameras.to_input_frame(poses[0], poses, 3.1)
            np.testing.assert_allclose(batch.synthetic.cameras.c2w[b], expected, atol=1e-5)


def test_an_epoch_shows_every_object_once(config):
    config = dataclasses.replace(config, batch=dataclasses.replace(config.batch, synthetic=5))
    for batch in take(config, 3):
        assert sorted(identities(batch.synthetic.image)[0]) == [0, 1, 2, 3, 4]


def test_input_view_is_among_the_first(config):
    batches = take(with_source(config, input_views=2), 8)
    inputs = np.concatenate([identities(b.synthetic.rgb)[1][:, 0] for b in batches])
    others = np.concatenate([identities(b.synthetic.rgb)[1][:, 1:].ravel() for b in batches])
    assert set(inputs) == {0, 1}
    assert set(others) == set(range(VIEWS))


def test_replacement_repeats_targets_but_never_the_input(config):
    repeated = 0
    for batch in take(with_source(config, replacement=True), 8):
        views = identities(batch.synthetic.rgb)[1]
        assert (views[:, 1:] != views[:, :1]).all()
        repeated += (views[:, 1] == views[:, 2]).sum()
    assert repeated > 0


def slow_unless(workers, start):
    """Reader processes take seconds to start."""
    return pytest.param(workers, start, marks=[] if workers == 0 or (workers, start) == (2, 3) else pytest.mark.slow)


@pytest.mark.parametrize(
    ("workers", "start"), [slow_unless(workers, start) for workers in range(4) for start in (0, 1, 3)]
)
def test_the_stream_is_the_same_for_any_workers_and_resumed(config, workers, start):
    """Over three epochs of the objects, whose edges lie within batches."""
    unbroken = take(config, 9)
    stream = take(with_data(config, workers=workers), 9 - start, start_step=start)
    for a, b in zip(stream, unbroken[start:], strict=True):
        assert_equal(a, b)


def test_seed_and_step_change_the_batch(config):
    first, second = take(config, 2)
    (other,) = take(dataclasses.replace(config, seed=config.seed + 1), 1)
    for batch in (second, other):
        assert (batch.synthetic.rgb != first.synthetic.rgb).any()


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_hosts_share_the_global_batch_and_nothing_is_lost_or_twice(config, hosts):
    """Their rows, one after the other, are the batch of one host."""
    whole = take(config, 3)
    parts = [take(config, 3, rows_of=rows_of(host, hosts)) for host in range(hosts)]
    for step, batch in enumerate(whole):
        joined = jax.tree.map(lambda *rows: np.concatenate(rows), *(part[step] for part in parts))
        assert_equal(joined, batch)


def test_hosts_see_every_object_of_an_epoch_once(config):
    """Without any single-host run to compare with."""
    photographs = dataclasses.replace(config.data.real["photographs"], path="more")
    config = with_data(config, real={"more": photographs})
    seen = [identities(batch.real.image)[0] for host in range(2) for batch in take(config, 2, rows_of=rows_of(host, 2))]
    assert sorted(np.concatenate(seen).tolist()) == list(range(10, 18))


@pytest.mark.parametrize("hosts", [3, 8])
def test_hosts_that_do_not_divide_the_batch_read_filler_without_weight(config, hosts):
    """Also more hosts than examples. Each half's weights make up for its own filler."""
    config = dataclasses.replace(config, batch=dataclasses.replace(config.batch, synthetic=5))
    (whole,) = take(config, 1)
    layout = lay_out(config.batch, hosts)
    parts = [take(config, 1, layout=layout, rows_of=rows_of(host, hosts))[0] for host in range(hosts)]
    joined = jax.tree.map(lambda *rows: np.concatenate(rows), *parts)
    for kind in ("synthetic", "real"):
        found, expected = getattr(joined, kind), getattr(whole, kind)
        count, rows = len(expected.image), len(found.image)
        assert rows > count == {"synthetic": 5, "real": 4}[kind]
        np.testing.assert_allclose(found.weight, [rows / count] * count + [0] * (rows - count))
        assert_equal(jax.tree.map(lambda x, n=count: x[:n], found.replace(weight=None)), expected)
        assert_equal(found.image[count:], expected.image[: rows - count])


def test_sets_are_shuffled_and_cropped_each_by_itself(config):
    """Of one data set under two names, in turns."""
    photographs = config.data.real["photographs"]
    batches = take(with_data(config, real={"a": photographs, "b": photographs}), 4)
    drawn = identities(np.concatenate([batch.real.image for batch in batches]))[0]
    assert sorted(drawn[:8:2]) == sorted(drawn[1:8:2]) == sorted(drawn[8::2]) and len(drawn) == 16
    assert drawn[::2].tolist() != drawn[1::2].tolist()


@pytest.mark.parametrize("weights", [(0.0, 0.0), (3.0, 1.0), (0.9, 0.1), (0.37, 0.63)])
def test_mixture_proportions_hold_at_every_step(config, weights):
    """After any number of examples a set has had its share of them, to within one; and each set runs its own epochs."""
    photographs = config.data.real["photographs"]
    real = {
        "photographs": dataclasses.replace(photographs, weight=weights[0]),
        "more": dataclasses.replace(photographs, path="more", weight=weights[1]),
    }
    drawn = np.concatenate([identities(b.real.image)[0] for b in take(with_data(config, real=real), 30)])
    shares = np.array(weights if any(weights) else (4, 8)) / sum(weights if any(weights) else (4, 8))
    from_more = np.cumsum(drawn >= 10)
    expected = shares[1] * np.arange(1, len(drawn) + 1)
    assert np.abs(from_more - expected).max() <= 1
    for chosen, size in ((drawn[drawn < 10], 4), (drawn[drawn >= 10], 8)):
        for start in range(0, len(chosen) - size + 1, size):
            assert len(set(chosen[start : start + size].tolist())) == size


def test_weights_of_both_kinds_are_refused(config):
    photographs = config.data.real["photographs"]
    real = {"a": photographs, "b": dataclasses.replace(photographs, path="more", weight=1.0)}
    with pytest.raises(UserError, match="all be 0 or all be above 0"):
        take(with_data(config, real=real), 1)


def test_photographs_are_cropped_by_the_ratio(config):
    for batch in take(config, 4):
        side = np.sqrt((batch.real.mask / 255).mean((1, 2, 3)))
        assert (side > 1 / 1.7 - 0.05).all()
        assert (side < 1 / 1.4 + 0.05).all()
        np.testing.assert_allclose(batch.real.cameras.c2w[0], cameras.canonical_c2w(2.4), atol=1e-6)


def test_crop_ratios_fill_their_range(config):
    """Appendix A's "random expanding ratio": of an object of 8 pixels, squares of 11 to 14."""
    sides = [8 / np.sqrt((batch.real.mask / 255).mean((1, 2, 3))) for batch in take(config, 16)]
    found, counts = np.unique(np.round(np.concatenate(sides)), return_counts=True)
    assert set(found) == {11, 12, 13, 14}
    assert counts.min() >= 5


@pytest.mark.parametrize(("distance", "fov_y"), [(3.0, 39.6), (2.4, 39.6), (3.0, 52.0)])
def test_photographs_are_seen_by_the_camera_that_their_set_assumes(config, distance, fov_y):
    photographs = dataclasses.replace(config.data.real["photographs"], distance=distance, fov_y=fov_y)
    (batch,) = take(with_data(config, real={"photographs": photographs}), 1)
    focal = 0.5 / np.tan(np.radians(fov_y) / 2)
    np.testing.assert_allclose(batch.real.cameras.intrinsics, [[focal, focal, 0.5, 0.5]] * 4, rtol=1e-6)
    looking = [[0, 0, 1, distance], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(batch.real.cameras.c2w, [looking] * 4, atol=1e-6)


def test_of_several_photographs_of_an_object_each_epoch_draws_one(config, tmp_path):
    """As the released code does with MVImgNet; an epoch still shows every object once."""

    def items(split, chosen):
        for i in chosen:
            shots = tuple(Photograph(f"object{i}", picture(i, view), {}) for view in range(VIEWS))
            yield Item(f"object{i}", shots)

    source = Source(SINGLE_VIEW, 225, {"made by": "a test"}, {"train": 4, "test": 0}, items)
    record_writer.write(tmp_path / "several", source, progress=False)
    several = dataclasses.replace(config.data.real["photographs"], path=str(tmp_path / "several"))
    config = with_data(config, real={"several": several})
    batches = take(config, 20)
    objects, views = map(np.stack, zip(*(identities(batch.real.rgb) for batch in batches), strict=True))
    assert (np.sort(objects, axis=1) == [0, 1, 2, 3]).all()
    assert set(views.ravel()) == set(range(VIEWS))
    assert_equal(take(config, 3), batches[:3])
    assert "real several: 4 objects of 24 photographs" in pipeline.describe(config)


def test_only_needed_views_are_read(config, monkeypatch):
    data = RecordSet(pipeline.dataset_path(config.data.root, "objects"), "train")
    source, read = data._data, []

    class Noted:
        def __getitem__(self, position):
            read.append(position)
            return source[position]

    monkeypatch.setitem(data.__dict__, "_data", Noted())
    examples = MultiviewExamples(data, config.data.synthetic["objects"], ImageSizes(12, 8, True), views=3)
    examples(2, np.random.default_rng(0))
    assert len(read) == len(set(read)) == 3
    assert all(2 * VIEWS <= position < 3 * VIEWS for position in read)


def test_one_half_only(config):
    (batch,) = take(dataclasses.replace(config, batch=dataclasses.replace(config.batch, real=0)), 1)
    assert batch.real is None
    (batch,) = take(dataclasses.replace(config, batch=dataclasses.replace(config.batch, synthetic=0)), 1)
    assert batch.synthetic is None


def test_a_batch_of_one_is_the_first_row_of_greater_ones(config):
    (batch,) = take(dataclasses.replace(config, batch=dataclasses.replace(config.batch, synthetic=1, real=1)), 1)
    (greater,) = take(config, 1)
    assert_equal(batch, jax.tree.map(lambda x: x[:1], greater))


def test_validation_is_held_out_fixed_and_without_the_input(config):
    ((name, first),) = pipeline.validation_sets(config).items()
    again = pipeline.validation_sets(dataclasses.replace(config, seed=config.seed + 1))[name]
    assert_equal(first, again)
    objects, views = identities(first.rgb)
    assert objects[:, 0].tolist() == [5, 6]
    # What another version scored is scored by this one, too.
    assert views.tolist() == [[1, 2, 5, 4, 0], [5, 1, 0, 3, 2]]
    np.testing.assert_array_equal(identities(first.image)[1], views[:, 0])


def test_validation_with_too_many_views(config):
    config = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, validation_views=VIEWS))
    with pytest.raises(UserError, match="has 6 views where 7 are needed"):
        pipeline.validation_sets(config)


def test_describe_and_fingerprint(config):
    assert "synthetic objects: 5 objects of 30 views" in pipeline.describe(config)
    assert "validation objects: 3 objects of 18 views" in pipeline.describe(config)
    before = pipeline.fingerprint(config)
    photographs = config.data.real["photographs"]
    more = with_data(config, real={"photographs": dataclasses.replace(photographs, path="more")})
    assert len({before, pipeline.fingerprint(more), pipeline.fingerprint(dataclasses.replace(config, seed=1))}) == 3


def test_missing_data_set(config):
    with pytest.raises(UserError, match="launch/prepare_data"):
        take(with_source(config, path="nowhere"), 1)


def test_data_of_the_other_kind(config):
    with pytest.raises(UserError, match="does not hold multi-view records"):
        take(with_source(config, path="photographs"), 1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_camera_names_the_record(config, tmp_path, workers):
    def broken(number, view):
        c2w = pose(number, view)
        c2w[0, 3] = np.nan
        return c2w

    record_writer.write(tmp_path / "d", multiview_source(c2w=broken), progress=False)
    with pytest.raises(UserError, match=r"View '0000\d' of 'object\d'.*no rotation and position"):
        take(with_data(with_source(config, path=str(tmp_path / "d")), workers=workers), 1)


def test_a_photograph_of_nothing_names_the_record(config, tmp_path):
    source = photograph_source()
    empty = dataclasses.replace(source, mask_threshold=255)
    record_writer.write(tmp_path / "d", empty, progress=False)
    real = dataclasses.replace(config.data.real["photographs"], path=str(tmp_path / "d"))
    with pytest.raises(UserError, match=r"Photograph 'photograph\d'.*shows nothing"):
        take(with_data(config, real={"photographs": real}), 1)
