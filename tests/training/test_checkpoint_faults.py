"""Real faults of a checkpoint's storage: flipped bits, lost items, a full disk; nothing is wrong without a word."""

import contextlib
import random
import resource
import shutil
import time

import jax
import pytest

from real3d_jax.checkpoints.checksums import SUMS, ChecksumError, verify
from real3d_jax.checkpoints.run_folder import load_config_tree, load_params
from real3d_jax.errors import UserError
from real3d_jax.training import checkpoint_writing
from real3d_jax.training.checkpoints import Checkpoints
from tests.training.test_checkpoints import RECORDS, abstract, assert_equal, make_params, make_state


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("real3d_jax.training.checkpoints._WAITS", (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A workdir with the steps 1 and 2, and step 2 as the best."""
    workdir = tmp_path_factory.mktemp("saved")
    checkpoints = Checkpoints(workdir, keep=2)
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.save(make_state(2), RECORDS, best=True)
    checkpoints.wait()
    checkpoints.close()
    return workdir


@pytest.fixture
def workdir(saved, tmp_path):
    """A copy of it, to damage."""
    return shutil.copytree(saved, tmp_path / "run")


@pytest.fixture
def checkpoints(workdir):
    checkpoints = Checkpoints(workdir, keep=2)
    yield checkpoints
    checkpoints.close()


def files_of(step):
    return sorted(path for path in step.rglob("*") if path.is_file())


def flip(path, rng):
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def test_every_flipped_bit_is_noticed_in_every_file(workdir):
    step, rng, kinds = workdir / "checkpoints" / "2", random.Random(0), set()
    verify(step)
    for path in files_of(step):
        whole = path.read_bytes()
        for _ in range(3):
            flip(path, rng)
            with pytest.raises(ChecksumError, match=r"its checksum differs|is missing|is damaged|has not the size"):
                verify(step)
            path.write_bytes(whole)
        kinds.add(path.parent.name if path.parent.name == "d" else path.name)
    verify(step)
    assert kinds >= {"d", "manifest.ocdbt", "_METADATA", "_sharding", "metadata", "process_0", SUMS}
    assert len(files_of(step)) >= 24


def test_a_flipped_bit_in_an_array_gives_way_to_the_step_before(checkpoints, workdir, capsys):
    largest = max((workdir / "checkpoints" / "2" / "params").rglob("d/*"), key=lambda path: path.stat().st_size)
    flip(largest, random.Random(1))
    with pytest.raises(UserError, match=r"cannot be read \(params/.* is not what was written.*use another step"):
        load_params(workdir)
    restored, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(restored, make_state(1))
    told = capsys.readouterr().out
    assert "checkpoints/2 cannot be read" in told and "its checksum differs" in told
    assert (workdir / "unreadable" / "2").is_dir()


def test_lost_averages_are_damage_where_they_were_saved(checkpoints, workdir):
    shutil.rmtree(workdir / "checkpoints" / "2" / "ema")
    with pytest.raises(UserError, match=r"cannot be read \(ema/.* is missing"):
        load_params(workdir, ema=True)
    restored, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(restored, make_state(1))


def test_a_flipped_bit_in_the_config_is_told(workdir):
    flip(workdir / "checkpoints" / "2" / "config" / "metadata", random.Random(0))
    with pytest.raises(UserError, match="config/metadata is not what was written"):
        load_config_tree(workdir)


def test_checkpoints_of_older_versions_are_read_and_said_to_be_unchecked(checkpoints, workdir, capsys):
    (workdir / "checkpoints" / "2" / SUMS).unlink()
    assert_equal(checkpoints.restore_latest(abstract(make_state()))[0], make_state(2))
    assert f"has no {SUMS}" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["flipped", "cut", "lost"])
def test_an_unreadable_best_one_stops_no_run(checkpoints, workdir, capsys, how):
    record = workdir / "best" / "2" / "run" / "metadata"
    if how == "flipped":
        flip(record, random.Random(0))
    elif how == "cut":
        record.write_text("{")
    else:
        shutil.rmtree(record.parent)
    assert_equal(checkpoints.restore_latest(abstract(make_state()))[0], make_state(2))
    assert checkpoints.best_psnr() == -float("inf")
    assert "best/2 cannot be read" in capsys.readouterr().out
    assert (workdir / "unreadable" / "best-2").is_dir()
    checkpoints.save(make_state(3), RECORDS | {"run": {"psnr": 21.0}}, best=True)
    checkpoints.wait()
    assert checkpoints.best_psnr() == 21.0


@pytest.mark.parametrize("lost", ["checkpoints", "checkpoints/*"])
def test_a_run_with_a_best_one_and_no_other_never_begins_anew(workdir, lost):
    for path in workdir.glob(lost):
        shutil.rmtree(path)
    checkpoints = Checkpoints(workdir, keep=2)
    with pytest.raises(UserError, match=r"has no checkpoint, but '.*best' has that of step 2.*`cp -r .*best/2"):
        checkpoints.restore_latest(abstract(make_state()))
    assert (workdir / "best" / "2").is_dir()
    checkpoints.close()
    shutil.copytree(workdir / "best" / "2", workdir / "checkpoints" / "2")  # what the message says
    checkpoints = Checkpoints(workdir, keep=2)
    assert_equal(checkpoints.restore_latest(abstract(make_state()))[0], make_state(2))
    checkpoints.close()


@pytest.mark.parametrize(
    ("file", "text"), [("summary.json", "{}"), ("metrics.jsonl", '{"step": 4, "saved_step": 4}\n{"step": 5, "lo')]
)
def test_a_run_that_told_of_a_checkpoint_never_begins_anew(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    checkpoints = Checkpoints(tmp_path, keep=2)
    with pytest.raises(UserError, match=r"has no checkpoint, but the run in .*(saved step 4|was finished)"):
        checkpoints.restore_latest(abstract(make_state()))
    checkpoints.close()


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 4, "loss": 1.0}\n')
    checkpoints = Checkpoints(tmp_path, keep=2)
    assert checkpoints.restore_latest(abstract(make_state())) is None
    checkpoints.save(make_state(1), RECORDS, best=True)
    checkpoints.wait()
    assert checkpoints.steps() == [1]  # a best one is never alone
    checkpoints.close()


def no_room(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("best", [False, True])
def test_a_full_disk_is_told_at_once_and_costs_nothing_kept(checkpoints, workdir, monkeypatch, capfd, best):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_writing, "seal", no_room)
        checkpoints.save(make_state(3), RECORDS, best=best)
        told = None
        for _ in range(100):
            try:
                checkpoints.check()
            except UserError as error:
                told = str(error)
                break
            time.sleep(0.05)
    assert told is not None and "step 3 could not be written" in told and "No space left on device" in told
    assert checkpoints.steps() == [1, 2]
    checkpoints.check()  # it is told once
    assert not list(workdir.rglob("*orbax-checkpoint-tmp*"))
    assert "Traceback" not in "".join(capfd.readouterr())
    checkpoints.save(make_state(4), RECORDS, best=best)  # with room again, it goes on
    checkpoints.wait()
    assert checkpoints.steps() == ([1, 2] if best else [2, 4])
    assert_equal(load_params(workdir / "best"), make_state(4 if best else 2).params)


def test_what_cannot_be_written_at_the_end_is_told(checkpoints, monkeypatch):
    monkeypatch.setattr(checkpoint_writing, "seal", no_room)
    checkpoints.save(make_state(3), RECORDS)
    with pytest.raises(UserError, match="step 3 could not be written"):
        checkpoints.wait()


@contextlib.contextmanager
def files_of_at_most(size):
    """A disk that takes no file of more bytes, for all of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of writes that nobody waits for
def test_a_disk_that_takes_no_arrays_is_told_by_the_writer_itself(checkpoints, workdir):
    large = make_state(3, make=lambda key: make_params(key) | {"c": jax.random.normal(key, (128, 128))})
    with files_of_at_most(2**15), pytest.raises(UserError, match=r"step 3 could not be written .*File too large"):
        checkpoints.save(large, RECORDS)
        checkpoints.wait()
    assert checkpoints.steps() == [1, 2]
    assert not list(workdir.rglob("*orbax-checkpoint-tmp*"))
    checkpoints.save(large, RECORDS)
    checkpoints.wait()
    assert checkpoints.steps() == [2, 3]
    assert_equal(load_params(workdir), large.params)
