"""Checkpoints: what is saved comes back; other sizes, damage and unwritable folders are told."""

import errno
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from real3d_jax.checkpoints.run_folder import is_training_folder, load_config_tree, load_params
from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.runtime.sharding import make_mesh, state_shardings
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.state import create
from real3d_jax.training.workdir import check_same_run, prepare_workdir

RECORDS = {"data": {"batches_read": 3}, "config": {"name": "x"}, "run": {"psnr": 20.5}}
MESH = make_mesh(MeshConfig(1), 1)


def make_params(key):
    return {"a": {"kernel": jax.random.normal(key, (4, 3)), "bias": jnp.zeros(3)}, "b": jnp.arange(5.0)}


def make_state(step=0, *, keep_ema=True, make=make_params):
    state = create(make, jax.random.key(step), optimizer=optax.adamw(1e-3), keep_ema=keep_ema, mesh=MESH)
    return state.replace(step=jnp.array(step, jnp.int32), skipped=jnp.array(2, jnp.int32))


def abstract(state):
    return jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), state, state_shardings(state, MESH)
    )


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("real3d_jax.training.checkpoints._WAITS", (0.0, 0.0, 0.0))


@pytest.fixture
def checkpoints(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    yield checkpoints
    checkpoints.close()


def assert_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("keep_ema", [True, False])
def test_a_state_comes_back_with_its_records(checkpoints, keep_ema):
    state = make_state(3, keep_ema=keep_ema)
    checkpoints.save(state, RECORDS)
    checkpoints.wait()
    restored, records = checkpoints.restore_latest(abstract(state))
    assert_equal(restored, state)
    assert records == RECORDS


@pytest.mark.parametrize("keep", [0, 1])
def test_at_least_the_last_one_is_kept_and_no_more_than_are_asked_for(tmp_path, keep):
    checkpoints = Checkpoints(tmp_path, keep=keep)
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.wait()
    assert checkpoints.steps() == [2]
    checkpoints.close()


def test_the_last_ones_and_the_best_are_kept(checkpoints, tmp_path):
    for step in (1, 2, 3, 4):
        checkpoints.save(make_state(step), RECORDS)
        if step == 2:
            checkpoints.save(make_state(step), RECORDS, best=True)
    checkpoints.wait()
    assert checkpoints.steps() == [3, 4]
    assert [step for step, _ in checkpoints.written()] == [1, 2, 3, 4]
    assert checkpoints.written() == [], "each is told once"
    assert checkpoints.best_psnr() == 20.5
    assert_equal(load_params(tmp_path / "best"), make_state(2).params)


def test_nothing_to_restore(checkpoints):
    assert checkpoints.restore_latest(abstract(make_state())) is None
    assert checkpoints.best_psnr() == -np.inf


def test_parameters_are_read_alone(checkpoints, tmp_path):
    state = make_state(3).replace(ema=make_params(jax.random.key(9)))
    checkpoints.save(state, RECORDS)
    checkpoints.wait()
    for path in (tmp_path, tmp_path / "checkpoints", tmp_path / "checkpoints" / "3"):
        assert is_training_folder(path)
        params = load_params(path)
        assert_equal(params, state.params)
        assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(params))
        assert load_config_tree(path) == {"name": "x"}
    assert_equal(load_params(tmp_path, ema=True), state.ema)


def test_reading_what_is_not_there_is_told(checkpoints, tmp_path):
    with pytest.raises(UserError, match="There is no checkpoint in"):
        load_params(tmp_path)
    assert not is_training_folder(tmp_path / "nowhere")
    checkpoints.save(make_state(3, keep_ema=False), RECORDS)
    checkpoints.wait()
    with pytest.raises(UserError, match="has no averaged parameters"):
        load_params(tmp_path, ema=True)
    with pytest.raises(UserError, match=r"set optimizer\.ema_decay to 0"):
        checkpoints.restore_latest(abstract(make_state(3)))


def test_a_checkpoint_of_another_size_names_the_parameter(checkpoints):
    checkpoints.save(make_state(3), RECORDS)
    checkpoints.wait()

    def wider(key):
        params = make_params(key)
        return {**params, "a": {"kernel": jnp.zeros((4, 7)), "bias": jnp.zeros(3)}}

    with pytest.raises(UserError, match=r"mis-shaped.*a/kernel is \(4, 3\) instead of \(4, 7\)"):
        checkpoints.restore_latest(abstract(make_state(3, make=wider)))
    assert checkpoints.steps() == [3]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(checkpoints, tmp_path, capsys):
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.wait()
    (tmp_path / "checkpoints" / "2" / "params" / "manifest.ocdbt").write_bytes(b"")
    restored, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(restored, make_state(1))
    assert "checkpoints/2 cannot be read" in capsys.readouterr().out
    checkpoints.save(make_state(2), RECORDS)  # the step can be saved again
    checkpoints.wait()
    assert checkpoints.steps() == [1, 2]


def test_if_all_are_damaged_the_run_does_not_silently_begin_anew(checkpoints, tmp_path):
    checkpoints.save(make_state(2), RECORDS)
    checkpoints.wait()
    (tmp_path / "checkpoints" / "2" / "params" / "manifest.ocdbt").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        load_params(tmp_path)
    for _ in range(2):
        with pytest.raises(UserError, match=r"No checkpoint in .* can be read"):
            checkpoints.restore_latest(abstract(make_state()))


def damage(step, how):
    """Of a checkpoint's folder, what disks and killed copies leave."""
    params, records = step / "params", step / "data" / "metadata"
    data = [path for path in params.rglob("d/*") if path.is_file()]
    if how == "cut":
        for path in data:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "flipped":
        for path in data:
            path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    elif how == "lost data":
        for path in data:
            path.unlink()
    elif how == "lost manifest":
        (params / "manifest.ocdbt").unlink()
    elif how == "lost metadata":
        (params / "_METADATA").unlink()
    elif how == "lost item":
        shutil.rmtree(params)
    elif how == "cut record":
        records.write_text('{"a')
    elif how == "lost record":
        records.unlink()


@pytest.mark.parametrize(
    "how",
    ["cut", "flipped", "lost data", "lost manifest", "lost metadata", "lost item", "cut record", "lost record"],
)
def test_every_damage_is_proved_and_told(checkpoints, tmp_path, capsys, how):
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.wait()
    damage(tmp_path / "checkpoints" / "2", how)
    restored, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(restored, make_state(1))
    assert (tmp_path / "unreadable" / "2").is_dir()
    assert "checkpoints/2 cannot be read" in capsys.readouterr().out


STORAGE = [
    OSError(errno.EIO, "Input/output error"),
    TimeoutError(errno.ETIMEDOUT, "Connection timed out"),
    OSError(errno.ESTALE, "Stale file handle"),
    PermissionError(errno.EACCES, "Permission denied"),
    ValueError('UNKNOWN: Error opening "zarr" driver: Error reading local file [OS error 5: Input/output error]'),
    ValueError("UNAVAILABLE: Error reading the bucket: HTTP response code: 503"),
    ValueError("PERMISSION_DENIED: Error reading the bucket: HTTP response code: 403"),
]


@pytest.fixture
def failing(checkpoints, monkeypatch):
    """Makes the next reads of a checkpoint's items fail; the list of the errors to come."""
    restore, errors = checkpoints._latest.manager.restore, []

    def failing_restore(*args, **kwargs):
        if errors:
            raise errors.pop(0)
        return restore(*args, **kwargs)

    monkeypatch.setattr(checkpoints._latest.manager, "restore", failing_restore)
    return errors


@pytest.mark.parametrize("error", STORAGE, ids=lambda error: str(error)[:24])
def test_an_error_of_the_storage_that_passes_costs_no_checkpoint(checkpoints, failing, error, tmp_path, capsys):
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.wait()
    failing += [error, error]
    restored, _ = checkpoints.restore_latest(abstract(make_state()))
    assert_equal(restored, make_state(2))
    assert "trying again" in capsys.readouterr().out
    assert not (tmp_path / "unreadable").exists()


@pytest.mark.parametrize("error", STORAGE, ids=lambda error: str(error)[:24])
def test_an_error_of_the_storage_that_stays_is_told_and_moves_nothing(checkpoints, failing, error, tmp_path):
    for step in (1, 2):
        checkpoints.save(make_state(step), RECORDS)
    checkpoints.wait()
    failing += [error] * 100
    with pytest.raises(
        UserError, match=r"checkpoints/2' cannot be read now \(.*so it stays.*run the same command again"
    ):
        checkpoints.restore_latest(abstract(make_state()))
    assert checkpoints.steps() == [1, 2]
    assert not (tmp_path / "unreadable").exists()


@pytest.mark.parametrize("file", ["params/_METADATA", "data/metadata", "params/manifest.ocdbt"])
def test_a_file_that_is_there_and_cannot_be_reached_is_not_missing(checkpoints, tmp_path, file):
    """Libraries take the error of a look at it for "there is none"; a link to itself gives one (ELOOP)."""
    checkpoints.save(make_state(2), RECORDS)
    checkpoints.wait()
    path = tmp_path / "checkpoints" / "2" / file
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(UserError, match="cannot be read now"):
        checkpoints.restore_latest(abstract(make_state()))
    assert checkpoints.steps() == [2]


def test_damage_counts_once_it_is_seen_twice(checkpoints, failing, tmp_path):
    checkpoints.save(make_state(2), RECORDS)
    checkpoints.wait()
    failing += [ValueError("NOT_FOUND: Error opening a file that the shared folder shows a moment later")]
    assert_equal(checkpoints.restore_latest(abstract(make_state()))[0], make_state(2))
    assert not (tmp_path / "unreadable").exists()


def test_an_error_of_the_program_is_passed_on(checkpoints, failing, tmp_path):
    checkpoints.save(make_state(2), RECORDS)
    checkpoints.wait()
    failing += [TypeError("this is a defect")]
    with pytest.raises(TypeError, match="this is a defect"):
        checkpoints.restore_latest(abstract(make_state()))
    assert checkpoints.steps() == [2]


def test_half_a_checkpoint_is_no_checkpoint(checkpoints, tmp_path):
    checkpoints.save(make_state(1), RECORDS)
    checkpoints.wait()
    (tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp-7" / "params").mkdir(parents=True)
    again = Checkpoints(tmp_path, keep=2)
    assert again.steps() == [1]
    assert_equal(load_params(tmp_path), make_state(1).params)
    again.close()


def test_an_unwritable_workdir_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"workdir .* cannot be written \(Not a directory\)"):
        prepare_workdir(tmp_path / "file" / "run")


def test_only_some_keys_may_change_between_tries(tmp_path):
    saved = {"seed": 1, "model": {"layers": 3}, "schedule": {"steps": 5}}
    assert check_same_run(saved, {**saved, "schedule": {"steps": 9}}, tmp_path) == ["config.schedule.steps: 5 -> 9"]
    newer = {**saved, "position_start": "aligned"}  # a key that did not exist when the run began
    assert check_same_run(saved, newer, tmp_path) == ["config.position_start: None -> 'aligned'"]
    for change in ({"seed": 2}, {"model": {"layers": 4}}):
        with pytest.raises(UserError, match="was trained with another config"):
            check_same_run(saved, {**saved, **change}, tmp_path)
    adamw, muon = ({**saved, "optimizer": {"method": method}} for method in ("adamw", "muon"))
    assert check_same_run(saved, adamw, tmp_path) == ["config.optimizer: None -> {'method': 'adamw'}"]
    for before, now in ((saved, muon), (adamw, muon), (muon, adamw)):
        with pytest.raises(UserError, match=r"was trained by (adamw|muon), .*: go on by \1, or begin .* in another"):
            check_same_run(before, now, tmp_path)
    kept, none = ({"optimizer": {"method": "adamw", "ema_decay": decay}} for decay in (0.9, 0.0))
    assert len(check_same_run(kept, none, tmp_path)) == 1
    with pytest.raises(UserError, match="keeps no averaged parameters"):
        check_same_run(none, kept, tmp_path)
