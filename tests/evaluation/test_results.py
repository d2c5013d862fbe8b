"""Where results go when no folder is named."""

from pathlib import Path

import pytest

from real3d_jax.evaluation.results import default_out


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("run", "run/evaluation/set"),
        ("run/best", "run/evaluation/set_best"),
        ("run/checkpoints", "run/evaluation/set"),
        ("run/checkpoints/7", "run/evaluation/set_7"),
        ("mini", "runs/mini/evaluation/set"),
        ("owner/model", "runs/model/evaluation/set"),
        ("run/model.ckpt", "runs/model/evaluation/set"),
    ],
)
def test_results_go_beside_a_run_or_into_runs(tmp_path, monkeypatch, source, expected):
    monkeypatch.chdir(tmp_path)
    for folder in ("run/best", "run/checkpoints/7"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run" / "model.ckpt").touch()
    assert default_out(Path(source), "set") == Path(expected)


def test_results_of_a_run_in_a_bucket_go_into_a_folder_of_this_machine():
    """Path has cut the address, as it does on the command line."""
    for checkpoint in ("gs://bucket/a/real3d", "gs://bucket/a/real3d/checkpoints"):
        assert default_out(Path(checkpoint), "co3d") == Path("runs/real3d/evaluation/co3d")
    assert default_out(Path("gs://bucket/real3d/best"), "co3d") == Path("runs/real3d/evaluation/co3d_best")
