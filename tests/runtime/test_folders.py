"""Files that are whole or not there, and folders that go on with the settings that they were begun with."""

import json
import threading
from pathlib import Path

import pytest

from real3d_jax.data.pipeline import dataset_path
from real3d_jax.data.record_reader import RecordSet
from real3d_jax.errors import UserError
from real3d_jax.runtime import folders, stores
from real3d_jax.training.workdir import prepare_workdir
from real3d_jax.weights.boxed import find_checkpoint


@pytest.mark.parametrize("several", [False, True])
def test_a_file_that_fails_leaves_the_one_that_stood_there(tmp_path, several):
    path = tmp_path / "made" / "file.txt"
    folders.replace_text(path, "old")
    with pytest.raises(ZeroDivisionError), folders.replacing(path, several_writers=several) as partial:
        partial.write_text("half")
        assert folders.is_leftover(partial) and path.read_text() == "old"
        raise ZeroDivisionError
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"] and path.read_text() == "old"


def test_several_writers_do_not_meet(tmp_path):
    path = tmp_path / "file.txt"
    with (
        folders.replacing(path, several_writers=True) as one,
        folders.replacing(path, several_writers=True) as other,
    ):
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the outer one is over last


def test_a_folder_goes_on_with_its_own_plan_alone(tmp_path):
    plan = tmp_path / "folder" / "plan.json"
    folders.begin(plan, {"size": (3, 4), "deep": {"seed": 1}}, made="made")
    folders.begin(plan, {"deep": {"seed": 1}, "size": [3, 4]}, made="made")
    with pytest.raises(UserError, match=r"folder' was made with deep\.seed = 1, not 2: delete the folder"):
        folders.begin(plan, {"size": (3, 4), "deep": {"seed": 2}}, made="made")


def test_a_plan_that_was_cut_short_is_begun_again_and_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "plan.json.partial").write_text("{")
    folders.begin(tmp_path / "plan.json", {}, made="made")
    (tmp_path / "plan.json").rename(tmp_path / "mine.json")
    with pytest.raises(UserError, match="is not empty and was not made by this program: choose a new folder"):
        folders.begin(tmp_path / "plan.json", {}, made="made")


def test_a_result_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written \(.+\): choose another --out"):
        folders.write_result(tmp_path / "file" / "table.md", "")


def test_other_settings_are_refused_but_for_those_that_may_differ():
    before, now = {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}
    folders.check_same(before, now, str, where="config", may_differ=("config.a.c",))
    with pytest.raises(UserError, match=r"^changed: a\.c: 2 -> 3$"):
        folders.check_same(before, now, lambda change: f"changed: {change}")


def test_damaged_json_is_told_with_its_remedy(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"a": 1}))
    assert folders.read_json(path, remedy="throw it away") == {"a": 1}
    path.write_text("{")
    with pytest.raises(UserError, match="is not valid JSON any more: throw it away"):
        folders.read_json(path, remedy="throw it away")


def test_a_single_file_is_not_written_to_a_bucket(bucket):
    for write in (folders.replace_text, lambda path, text: folders.begin(path, {}, made="prepared")):
        for address in (bucket / "run", stores.place(Path(str(bucket)) / "run")):
            with pytest.raises(UserError, match=r"gs://.*is the address of an object store.*mount the bucket"):
                write(address / "plan.json", "")


@pytest.mark.parametrize("address", ["s3://bucket/run", "az://bucket/run", Path("s3://bucket/run")])
def test_an_address_of_an_object_store_is_refused_wherever_it_is_given(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    places = [
        lambda: prepare_workdir(Path(address)),
        lambda: RecordSet(address, "train"),
        lambda: dataset_path("data", str(address)),
        lambda: dataset_path(str(address), "mine"),
        lambda: find_checkpoint(address),
        lambda: folders.replace_text(Path(address) / "file", ""),
        lambda: folders.begin(Path(address) / "plan.json", {}, made="prepared"),
    ]
    for place in places:
        with pytest.raises(UserError, match=r"bucket.*is the address of an object store.*mount the bucket"):
            place()
    assert not list(tmp_path.iterdir())
    folders.check_local(tmp_path / "a:b" / "c")


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    folder, order = tmp_path / "data", []

    def wait_for_it():
        with folders.one_at_a_time(folder):
            order.append("second")

    second = threading.Thread(target=wait_for_it)
    with folders.one_at_a_time(folder):
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(10)
    assert order == ["first", "second"]
    (tmp_path / "file").touch()
    with folders.one_at_a_time(tmp_path / "file" / "below"):
        pass  # whoever writes there says so
