"""Checkpoints in a bucket, by Orbax's own client and a server that is played on this machine."""

import json
from pathlib import Path

import pytest

from real3d_jax.checkpoints.checksums import SUMS, ChecksumError, verify
from real3d_jax.checkpoints.run_folder import COMMITTED, load_params, step_folder
from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.errors import UserError
from real3d_jax.runtime import stores
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.workdir import check_no_history
from tests.training.test_checkpoints import RECORDS, abstract, assert_equal, make_state


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("real3d_jax.training.checkpoints._WAITS", (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def saved(_gcs):
    """A bucket that has a run with the steps 1 and 2, and step 2 as the best."""
    bucket = stores.place("gs://saved")
    run = bucket / "run"
    checkpoints = Checkpoints(run, keep=2)
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.save(make_state(2), RECORDS, best=True)
    checkpoints.wait()
    checkpoints.close()
    return bucket


@pytest.fixture
def run(saved, bucket, gcs):
    """A copy of the run, to damage."""
    gcs.copy(saved, bucket)
    return bucket / "run"


def test_a_step_is_written_restored_and_deleted(run):
    step = run / "checkpoints" / "2"
    names = list(json.loads((step / SUMS).read_text())["files"])
    assert sorted([*names, SUMS, COMMITTED]) == stores.files_below(step)
    verify(step)
    checkpoints = Checkpoints(run, keep=2)
    assert checkpoints.steps() == [1, 2] and checkpoints.best_psnr() == RECORDS["run"]["psnr"]
    state, records = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(state, make_state(2))
    assert records == RECORDS
    checkpoints.save(make_state(3), RECORDS)
    checkpoints.wait()
    checkpoints.close()
    assert {name.split("/")[1] for name in stores.files_below(run) if name.startswith("checkpoints/")} == {"2", "3"}
    assert_equal(load_params(str(run)), make_state(3).params)


@pytest.mark.slow
def test_a_step_counts_only_once_it_is_said_to_be_whole(run):
    (run / "checkpoints" / "2" / COMMITTED).unlink()
    assert step_folder(run) == run / "checkpoints" / "1"
    checkpoints = Checkpoints(run, keep=2)
    assert checkpoints.steps() == [1]
    state, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(state, make_state(1))
    checkpoints.save(make_state(2), RECORDS)  # in the place of what was cut short
    checkpoints.wait()
    checkpoints.close()
    verify(run / "checkpoints" / "2")
    assert step_folder(run) == run / "checkpoints" / "2"


@pytest.mark.slow
def test_a_flipped_bit_gives_way_to_the_step_before(run, capsys):
    step = run / "checkpoints" / "2"
    name = max((n for n in stores.files_below(step) if n.startswith("params/d/")), key=lambda n: stores.size(step / n))
    contents = bytearray((step / name).read_bytes())
    contents[len(contents) // 2] ^= 4
    (step / name).write_bytes(bytes(contents))
    with pytest.raises(ChecksumError, match="its checksum differs"):
        verify(step)
    with pytest.raises(UserError, match="is not what was written"):
        load_params(run)
    checkpoints = Checkpoints(run, keep=2)
    state, _ = checkpoints.restore_latest(abstract(make_state()))
    checkpoints.close()
    assert_equal(state, make_state(1))
    assert "checkpoints/2 cannot be read" in capsys.readouterr().out
    assert not stores.files_below(step) and name in stores.files_below(run / "unreadable" / "2")


@pytest.mark.slow
def test_a_store_that_does_not_answer_leaves_every_step(run, gcs):
    checkpoints = Checkpoints(run, keep=2)
    gcs.refuse("params/d/")
    with pytest.raises(
        UserError, match=r"checkpoints/2' cannot be read now \(.*does not prove it damaged, so it stays"
    ):
        checkpoints.restore_latest(abstract(make_state()))
    gcs.refuse("", 0)
    checkpoints.close()
    verify(run / "checkpoints" / "2")


@pytest.mark.slow
def test_a_step_that_cannot_be_written_is_told_and_those_before_it_stay(run, gcs):
    checkpoints = Checkpoints(run, keep=2)
    gcs.refuse(SUMS)
    checkpoints.save(make_state(3), RECORDS)
    with pytest.raises(UserError, match="The checkpoint of step 3 could not be written"):
        checkpoints.wait()
    gcs.refuse("", 0)
    assert step_folder(run) == run / "checkpoints" / "2"
    checkpoints.save(make_state(4), RECORDS)
    checkpoints.wait()
    checkpoints.close()
    verify(run / "checkpoints" / "4")


def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew(run):
    stores.remove(run / "checkpoints")
    with pytest.raises(UserError, match=r"has no checkpoint, but 'gs://.*best' has that of step 2"):
        check_no_history(run)


def test_a_model_is_found_there_also_by_an_address_that_path_has_cut(run, bucket):
    for given in (str(run), Path(str(run)), run / "checkpoints" / "2"):
        model = find_model(given)
        assert model.step == 2 and model.folder == run / "checkpoints" / "2" and model.config == RECORDS["config"]
        assert str(model.source).startswith(str(run))
    with pytest.raises(UserError, match=r"There is no checkpoint in 'gs://.*/empty'"):
        find_model(bucket / "empty")
