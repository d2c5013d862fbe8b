"""Folders in an object store, with the client's own library and a server that is played on this machine."""

import json
from pathlib import Path

import pytest

from real3d_jax.errors import UserError
from real3d_jax.runtime import stores
from real3d_jax.runtime.mirror import Mirror


def texts(folder):
    return {name: (folder / name).read_text() for name in stores.files_below(folder)}


def test_an_address_is_known_also_after_path_has_cut_it(bucket):
    for written in (str(bucket), Path(str(bucket)), bucket):
        assert stores.is_address(written) and str(stores.place(written)) == str(bucket)
        assert stores.place(written) / "a" == bucket / "a"
    assert stores.absolute(bucket / "a") == bucket / "a"
    for other in ("s3://bucket/a", "a/gs:/b", "gs", "gs://", Path("gs/b")):
        assert not stores.is_address(other)


@pytest.mark.parametrize("where", ["bucket", "disk"])
def test_a_folder_is_moved_with_all_that_is_in_it(bucket, tmp_path, where):
    root = bucket / "a" if where == "bucket" else tmp_path / "a"
    (root / "b").mkdir(parents=True, exist_ok=True)
    (root / "c").mkdir(parents=True, exist_ok=True)
    stores.write_bytes(root / "b" / "whole", b"yes")
    stores.write_bytes(root / "c" / "d", b"12345")
    assert stores.files_below(root) == ["b/whole", "c/d"] and stores.size(root / "c" / "d") == 5
    to = root.parent / "e"
    (to / "b").mkdir(parents=True, exist_ok=True)
    (to / "old").write_text("of a former one")
    stores.move(root, to, marker="b/whole")
    assert texts(to) == {"b/whole": "yes", "c/d": "12345"} and not stores.files_below(root)
    stores.remove(to)
    stores.remove(to)
    assert not stores.files_below(to)


def test_what_says_that_a_folder_is_whole_goes_last_and_leaves_first(bucket, gcs):
    for name in ("a/b", "a/whole", "a/z"):
        (bucket / name).write_text("")
    stores.move(bucket / "a", bucket / "c", marker="whole")
    asked = [line for line in gcs.requests() if bucket.name in line or str(bucket)[5:] in line]
    done = [line.split("/o/")[1].split("/")[1].split("?")[0] for line in asked if line.startswith("DELETE")]
    copied = [line.split("/o/")[1].split("/")[1] for line in asked if "rewriteTo" in line]
    assert copied == ["b", "z", "whole"] and done == ["whole", "z", "b"]


def test_a_bucket_that_takes_nothing_is_told(gcs, bucket):
    for _ in range(2):
        stores.check_writable(bucket / "run")
    assert not stores.files_below(bucket)
    # Of several processes that ask at once none deletes what another one is about to.
    own = f"/b/{str(bucket).removeprefix('gs://')}/"  # the store is one for all tests
    deleted = [line for line in gcs.requests() if line.startswith("DELETE") and own in line and ".probe" in line]
    assert len(set(deleted)) == len(deleted) == 2
    with pytest.raises(UserError, match=r"'gs://missing/run' cannot be written .*see that the bucket exists"):
        stores.check_writable(stores.place("gs://missing/run"))
    gcs.refuse(".probe")
    with pytest.raises(UserError, match=r"cannot be written \(.*this account may not"):
        stores.check_writable(bucket / "run")


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'gs://a/b' is read and written with gcsfs, .*real3d-jax\[gcs\]'"):
        stores.place("gs://a/b")


def test_small_files_are_written_here_and_copied_there(bucket):
    run = bucket / "run"
    (run / "config.json").write_text("{}")
    (run / "quarantine" / "1.json").write_text("1")
    (run / "checkpoints" / "4" / "large").write_text("not fetched")
    with Mirror(run, shared=("quarantine",)) as mirror:
        assert texts(mirror.folder) == {"config.json": "{}", "quarantine/1.json": "1"}
        metrics = (mirror.folder / "metrics.jsonl").open("a")
        metrics.write("1\n")
        metrics.flush()
        (mirror.folder / "summary.json.partial").write_text("not whole")
        (run / "quarantine" / "2.json").write_text("2")  # by another process
        mirror.copy()
        assert texts(run)["metrics.jsonl"] == "1\n"
        assert (mirror.folder / "quarantine" / "2.json").read_text() == "2"
        metrics.write("2\n")
        metrics.close()
        assert mirror.shown(mirror.folder / "pictures" / "a.png") == run / "pictures" / "a.png"
    assert texts(run) == {
        "config.json": "{}",
        "metrics.jsonl": "1\n2\n",
        "quarantine/1.json": "1",
        "quarantine/2.json": "2",
        "checkpoints/4/large": "not fetched",
    }
    assert not mirror.folder.exists()


def test_only_what_has_changed_is_copied(bucket, gcs):
    with Mirror(bucket / "run") as mirror:
        (mirror.folder / "config.json").write_text("{}")
        for _ in range(3):
            mirror.copy()
    written = [line for line in gcs.requests() if "upload" in line and f"{str(bucket)[5:]}/o" in line]
    assert len(written) == 1


def test_a_store_that_fails_is_told_once_and_tried_again(bucket, gcs, capsys):
    run = bucket / "run"
    with Mirror(run) as mirror:
        (mirror.folder / "config.json").write_text("{}")
        gcs.refuse("/upload/")
        mirror.copy()
        mirror.copy()
        assert capsys.readouterr().out.count(f"warning: '{run}' cannot be written") == 1
        gcs.refuse("", 0)
    assert texts(run) == {"config.json": "{}"}


def test_files_that_could_not_be_copied_at_the_end_stay_here(bucket, gcs):
    with (
        pytest.raises(UserError, match=r"could not be written .*copy them there") as told,
        Mirror(bucket / "run") as mirror,
    ):
        (mirror.folder / "metrics.jsonl").write_text(json.dumps({"step": 1}))
        gcs.refuse("/upload/")
    assert str(mirror.folder) in str(told.value)
    assert (mirror.folder / "metrics.jsonl").read_text() == '{"step": 1}'
