"""Data sets in a bucket are read where they are, by array_record's own client; the server is played on this machine."""

import dataclasses

import jax
import numpy as np
import pytest

from real3d_jax.config.data import EmbeddedSourceConfig
from real3d_jax.data import pipeline, record_reader, record_writer
from real3d_jax.data.embedded.preparation import prepare_embedded
from real3d_jax.data.record_reader import BadRecordError, RecordSet
from real3d_jax.errors import MissingDataError, UserError
from real3d_jax.runtime import stores
from tests.data.test_pipeline import assert_equal, take


@pytest.fixture
def data(data_root, bucket):
    """The small data sets in a bucket."""
    for name in stores.files_below(data_root):
        stores.upload(data_root / name, bucket / "data" / name)
    return bucket / "data"


def in_bucket(config, data):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, root=str(data)))


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_reads_from_a_bucket_what_it_reads_from_a_disk(config, data, workers):
    there = in_bucket(config, data)
    assert pipeline.fingerprint(there) == pipeline.fingerprint(config)
    there = dataclasses.replace(there, data=dataclasses.replace(there.data, workers=workers))
    jax.tree.map(assert_equal, take(there, 3), take(config, 3))
    ours, expected = pipeline.validation_sets(there), pipeline.validation_sets(config)
    np.testing.assert_array_equal(ours["objects"].rgb, expected["objects"].rgb)


def test_a_set_that_is_missing_is_told_with_its_address(data):
    with pytest.raises(MissingDataError, match=f"There is no data set at '{data}/other'"):
        RecordSet(data / "other", "train")
    with pytest.raises(UserError, match=r"is the address of an object store.*mount the bucket"):
        RecordSet("s3://bucket/objects", "train")


@pytest.mark.parametrize("found", ["refused", "gone", "damaged"])
def test_a_bucket_that_does_not_answer_proves_nothing_about_a_record(data, gcs, monkeypatch, found):
    monkeypatch.setattr(record_reader, "_WAITS", (0.0, 0.0))
    records = RecordSet(data / "objects", "train")
    shard = data / "objects" / next(n for n in stores.files_below(data / "objects") if "train.array_record" in n)
    if found == "refused":
        gcs.refuse("train.array_record")
    elif found == "gone":
        shard.unlink()
    else:
        contents = bytearray(shard.read_bytes())
        contents[100:-100] = bytes(len(contents) - 200)
        shard.write_bytes(bytes(contents))
    with pytest.raises(UserError, match=f"in '{data}/objects/multiview-train") as told:
        for item in range(len(records)):
            records.read(item)
    assert isinstance(told.value, BadRecordError) == (found == "damaged")


def test_embedded_data_are_made_on_a_disk_alone(config, data, bucket):
    source = EmbeddedSourceConfig("new", "photographs", "", 0, 0, 0, 32, 0, 0)
    settings = dataclasses.replace(config.data, root=str(bucket), embedded={"new": source})
    with pytest.raises(UserError, match=r"/new', and embedded data are made on a disk: set config\.data\.root"):
        prepare_embedded(settings, progress=False)
    assert record_writer.is_complete(data / "objects")
    assert not record_writer.is_complete(bucket / "new")
