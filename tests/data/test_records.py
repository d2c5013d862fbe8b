"""Writing, resuming and reading data sets of records."""

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from real3d_jax.data import record_writer
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.data.records import MULTIVIEW, SINGLE_VIEW, Item, Source
from real3d_jax.errors import UserError
from tests.data.samples import VIEWS, multiview_source, photograph_source, picture, pose


class Killed(BaseException):
    pass


def counted(source: Source, made: list[str], kill_after: int | None = None) -> Source:
    """The same source; notes what it makes, and dies when so many items are made."""

    def items(split, chosen):
        for item in source.items(split, chosen):
            if kill_after is not None and len(made) == kill_after:
                raise Killed
            made.append(item.key)
            yield item

    return Source(source.schema, source.mask_threshold, source.settings, source.splits, items)


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_views_come_back(data_root):
    data = RecordSet(data_root / "objects", "train")
    assert (data.schema, data.mask_threshold, len(data), data.records) == (MULTIVIEW, 0, 5, 5 * VIEWS)
    view = data.read(3, 4)
    assert (view.object_id, view.view) == ("object3", "00004")
    np.testing.assert_array_equal(view.image, picture(3, 4))
    np.testing.assert_allclose(view.c2w, pose(3, 4), rtol=1e-6)
    assert view.c2w.dtype == np.float32


def test_photographs_come_back(data_root):
    data = RecordSet(data_root / "photographs", "train")
    assert (data.schema, data.mask_threshold, len(data)) == (SINGLE_VIEW, 225, 4)
    assert data.read(2).key == "photograph2"
    assert data.read(2).provenance == {"from": "a test"}
    assert len(RecordSet(data_root / "photographs", "test")) == 0


def test_tfds_reads_it(data_root):
    builder = tfds.builder_from_directory(data_root / "objects")
    source = builder.as_data_source("test")
    assert len(source) == 3 * VIEWS
    np.testing.assert_array_equal(source[VIEWS + 2]["image"], picture(6, 2))
    assert source[VIEWS + 2]["c2w"].shape == (4, 4)


def test_tensorflow_is_not_imported(tmp_path):
    code = (
        "import sys\n"
        "from real3d_jax.data import pipeline, record_writer\n"
        "from real3d_jax.data.embedded import preparation\n"
        "from real3d_jax.data.record_reader import RecordSet\n"
        "from tests.data.samples import photograph_source\n"
        f"record_writer.write({str(tmp_path / 'd')!r}, photograph_source(), progress=False)\n"
        f"RecordSet({str(tmp_path / 'd')!r}, 'train').read(1)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    root = pathlib.Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "JAX_PLATFORMS": "cpu"})


@pytest.mark.parametrize("kill_after", [0, 1, 2, 3, 7])
def test_killed_preparation_goes_on(tmp_path, kill_after):
    unbroken, folder = tmp_path / "unbroken", tmp_path / "broken"
    record_writer.write(unbroken, multiview_source(), items_per_shard=2, progress=False)
    made: list[str] = []
    with pytest.raises(Killed):
        source = counted(multiview_source(), made, kill_after)
        record_writer.write(folder, source, items_per_shard=2, progress=False)
    with pytest.raises(UserError, match="unfinished"):
        RecordSet(folder, "train")

    again: list[str] = []
    record_writer.write(folder, counted(multiview_source(), again), items_per_shard=2, progress=False)
    # Shards of the five training objects are 0 | 1, 2 | 3, 4, those of the three held-out ones 5 | 6, 7.
    kept = {0: 0, 1: 1, 2: 1, 3: 3, 7: 6}[kill_after]
    assert again == [f"object{i}" for i in range(kept, 8)]
    assert {k: v for k, v in contents(folder).items() if not k.endswith(".partial")} == contents(unbroken)


def test_finished_data_are_left_alone(tmp_path):
    record_writer.write(tmp_path / "d", photograph_source(), progress=False)
    made: list[str] = []
    record_writer.write(tmp_path / "d", counted(photograph_source(), made), progress=False)
    assert made == []


def test_other_settings_are_refused(tmp_path):
    record_writer.write(tmp_path / "d", photograph_source(3), progress=False)
    with pytest.raises(UserError, match=r"splits.*delete the folder"):
        record_writer.write(tmp_path / "d", photograph_source(4), progress=False)


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not empty"):
        record_writer.write(tmp_path, photograph_source(), progress=False)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        record_writer.write(tmp_path / "file" / "d", photograph_source(), progress=False)


def test_items_left_out_by_the_source(tmp_path):
    whole = multiview_source(6, 0)

    def items(split, chosen):
        return (item for item in whole.items(split, chosen) if item.key not in ("object1", "object4"))

    source = Source(whole.schema, 0, whole.settings, {"train": 6, "test": 0}, items)
    record_writer.write(tmp_path / "d", source, items_per_shard=3, progress=False)
    data = RecordSet(tmp_path / "d", "train")
    assert data.keys == ["object0", "object2", "object3", "object5"]
    np.testing.assert_array_equal(data.read(2, 1).image, picture(3, 1))


def test_missing_folder_says_how_to_prepare(tmp_path):
    with pytest.raises(UserError, match=r"launch/prepare_data\.py .*nowhere"):
        RecordSet(tmp_path / "nowhere", "train")


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.6])
def test_truncated_shard_names_the_file_and_the_remedy_works(tmp_path, kept):
    folder = tmp_path / "d"
    record_writer.write(folder, multiview_source(), items_per_shard=2, progress=False)
    shard = folder / "multiview-train.array_record-00001-of-00003"
    shard.write_bytes(shard.read_bytes()[: int(kept * shard.stat().st_size)])
    data = RecordSet(folder, "train")
    with pytest.raises(UserError, match=r"array_record-00001-of-00003' cannot be read .*delete that file"):
        data.read(2, VIEWS - 1)

    shard.unlink()
    made: list[str] = []
    record_writer.write(folder, counted(multiview_source(), made), items_per_shard=2, progress=False)
    assert made == ["object1", "object2"]
    np.testing.assert_array_equal(RecordSet(folder, "train").read(2, 3).image, picture(2, 3))


def test_a_record_of_another_object_is_noticed(tmp_path):
    folder = tmp_path / "d"
    record_writer.write(folder, multiview_source(4, 0), items_per_shard=2, progress=False)
    first, second = (folder / f"multiview-train.array_record-0000{i}-of-00002" for i in range(2))
    second.write_bytes(first.read_bytes())
    with pytest.raises(UserError, match="belongs to 'object0'"):
        RecordSet(folder, "train").read(2)


def test_pickles_without_open_files(data_root):
    data = RecordSet(data_root / "objects", "train")
    data.read(0)
    assert len(pickle.dumps(data)) < 10_000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(data)).read(1, 1).image, picture(1, 1))


@pytest.mark.usefixtures("unchecked_annotations")
def test_images_of_another_kind_are_refused(tmp_path):
    source = photograph_source(1)

    def items(split, chosen):
        for item in source.items(split, chosen):
            (photograph,) = item.records
            yield Item(item.key, (type(photograph)(item.key, photograph.image[..., :3], {}),))

    broken = Source(SINGLE_VIEW, 0, {}, {"train": 1}, items)
    with pytest.raises(ValueError, match="RGBA"):
        record_writer.write(tmp_path / "d", broken, progress=False)
    assert not list((tmp_path / "d").glob("*array_record-00000-of-00001"))
