"""A record that cannot be read: another one takes its place, always the same, and the data stay the same data."""

import dataclasses
import json
import threading

import jax
import numpy as np
import pytest

from real3d_jax.data import pipeline, record_reader, record_writer
from real3d_jax.data.quarantine import Quarantine
from real3d_jax.errors import UserError
from tests.data.samples import VIEWS, multiview_source, photograph_source, pose
from tests.data.test_pipeline import assert_equal, identities, take, with_data, with_source


@pytest.fixture
def broken(config, tmp_path):
    """The config of a data set whose view 2 of object 1 has no camera."""

    def camera(number, view):
        c2w = pose(number, view)
        c2w[0, 3] = np.nan if (number, view) == (1, 2) else c2w[0, 3]
        return c2w

    record_writer.write(tmp_path / "d", multiview_source(c2w=camera), progress=False)
    return with_source(config, path=str(tmp_path / "d"))


def quarantine(tmp_path, limit=2):
    return Quarantine.of(tmp_path / "quarantine", limit=limit)


@pytest.mark.parametrize("workers", [0, 1])
def test_another_view_of_the_object_takes_its_place(broken, tmp_path, workers):
    with pytest.raises(UserError, match="no rotation and position"):
        take(broken, 12)
    batches = take(with_data(broken, workers=workers), 12, quarantine=quarantine(tmp_path))
    objects, views = identities(np.concatenate([batch.synthetic.rgb for batch in batches]))
    assert (objects == objects[:, :1]).all()  # an example is of one object
    assert not ((objects == 1) & (views == 2)).any()
    (entry,) = quarantine(tmp_path).entries(set())
    assert (entry["item"], entry["record"]) == ("object1", 2) and "no rotation and position" in entry["reason"]


def test_a_resumed_run_sees_the_same_also_once_the_record_is_mended(broken, config, tmp_path):
    batches = take(broken, 12, quarantine=quarantine(tmp_path))
    again = take(broken, 4, start_step=8, quarantine=quarantine(tmp_path))
    jax.tree.map(assert_equal, again, batches[8:])
    record_writer.write(tmp_path / "mended" / "d", multiview_source(), progress=False)
    mended = with_source(broken, path=str(tmp_path / "mended" / "d"))
    jax.tree.map(assert_equal, take(mended, 12, quarantine=quarantine(tmp_path)), batches)


def test_the_list_leaves_the_identity_of_the_data(broken, tmp_path):
    before = pipeline.fingerprint(broken)
    take(broken, 12, quarantine=quarantine(tmp_path))
    assert pipeline.fingerprint(broken) == before


def test_the_identity_is_of_the_index_and_older_ones_are_known(config, tmp_path):
    current = pipeline.fingerprint(config)
    renamed = multiview_source()
    items = renamed.items

    def others(split, chosen):
        return (item._replace(key=item.key.upper()) for item in items(split, chosen))

    record_writer.write(tmp_path / "d", dataclasses.replace(renamed, items=others), progress=False)
    assert pipeline.fingerprint(with_source(config, path=str(tmp_path / "d"))) != current  # as many, but others
    assert pipeline.is_fingerprint_of(current, current)
    older = "seed 0; real photographs: 4 photographs; synthetic objects: 5 objects of 30 views"
    assert pipeline.is_fingerprint_of(older, f"{older} [0123456789abcdef]".replace("4 photo", "4 photo"))
    assert not pipeline.is_fingerprint_of(older, older.replace("5 objects", "6 objects") + " [0123456789abcdef]")


def test_an_object_without_readable_views_gives_way_to_the_next(config, tmp_path):
    def camera(number, view):
        return pose(number, view) * (np.nan if number == 1 else 1)

    record_writer.write(tmp_path / "d", multiview_source(c2w=camera), progress=False)
    batches = take(with_source(config, path=str(tmp_path / "d")), 8, quarantine=quarantine(tmp_path, limit=VIEWS))
    objects, _ = identities(np.concatenate([batch.synthetic.rgb for batch in batches]))
    assert not (objects == 1).any() and (objects == objects[:, :1]).all()
    assert (objects[:, 0] == 2).sum() > (objects[:, 0] == 3).sum()


def test_a_full_list_ends_the_run_and_names_the_setting(config, tmp_path):
    empty = dataclasses.replace(photograph_source(), mask_threshold=255)  # all photographs show nothing
    record_writer.write(tmp_path / "d", empty, progress=False)
    real = dataclasses.replace(config.data.real["photographs"], path=str(tmp_path / "d"))
    with pytest.raises(UserError, match=r"shows nothing.*raise config\.data\.max_quarantined.*\(2 others are listed"):
        take(with_data(config, real={"photographs": real}), 4, quarantine=quarantine(tmp_path))
    assert len(list((tmp_path / "quarantine").glob("*.json"))) == 2


def test_a_storage_that_does_not_answer_is_no_damage(config, tmp_path, monkeypatch):
    """What passes is asked for again; what stays ends the run with nothing in the list."""
    errors = [OSError(5, "Input/output error"), RuntimeError("open() failed: Stale file handle; opening /x")]
    decode = record_reader.records.decode

    def failing(fields):
        if errors and threading.current_thread() is threading.main_thread():  # others may still read ahead
            raise errors.pop()
        return decode(fields)

    monkeypatch.setattr(record_reader, "_WAITS", (0.0, 0.0))
    monkeypatch.setattr(record_reader.records, "decode", failing)
    data = record_reader.RecordSet(config.data.root + "/" + config.data.synthetic["objects"].path, "train")
    assert data.read(0).object_id == "object0"
    errors += [OSError(5, "Input/output error")] * 3
    with pytest.raises(UserError, match="Input/output error") as told:
        data.read(0)
    assert not isinstance(told.value, record_reader.BadRecordError)


def test_entries_are_json_that_people_can_read(broken, tmp_path):
    take(broken, 12, quarantine=quarantine(tmp_path))
    (path,) = (tmp_path / "quarantine").glob("*.json")
    assert set(json.loads(path.read_text())) == {"data", "split", "item", "record", "reason"}
