"""The shell scripts without a finding, pins that fit the package, and the batch script with a stub srun."""

import re
import shutil
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
BATCH = ROOT / "launch" / "slurm" / "train.sbatch"
SCRIPTS = [*ROOT.glob("launch/**/*.sh"), *ROOT.glob("launch/**/*.sbatch"), ROOT / ".ci" / "run"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck (the dev extra)")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_pods_jax_and_python_are_in_the_packages_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "launch" / "tpu" / "requirements.txt").read_text().splitlines()
    (pin,) = (Requirement(line) for line in lines if line and not line.startswith("#"))
    (ours,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "jax")
    version = str(pin.specifier).removeprefix("==")
    assert pin.name == "jax" and pin.extras == {"tpu"} and version in ours.specifier
    python = re.search(r"^PYTHON=(\S+)", (ROOT / "launch" / "tpu" / "worker.sh").read_text(), re.MULTILINE)
    assert python and python[1] in Requirement(f"python{project['requires-python']}").specifier
    assert "-r launch/tpu/requirements.txt" in (ROOT / ".ci" / "run").read_text()  # what a TPU is compiled for with


class Slurm:
    """Stand-ins for Slurm's commands, which write down how they were called.

    The tasks of `srun` save for half a second when `scancel` signals them. A SIGTERM to `srun` itself kills them, as
    Slurm's does.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.called = folder / "called"
        self.called.write_text("")
        tools = {
            "srun": f"""
                [ -z "$CODE" ] || exit "$CODE"
                trap "exit 137" TERM
                until [ -e {folder}/told ]; do sleep 0.1; done
                sleep 0.5
                exit 143
            """,
            "scancel": f"touch {folder}/told",
            "squeue": 'echo "${STATE:-RUNNING}"',
            "scontrol": "",
            "python": "",
        }
        for name, body in tools.items():
            (folder / name).write_text(f'#!/bin/bash\necho {name} "$@" >> {self.called}\n{body}\n')
            (folder / name).chmod(0o755)

    def start(self, **environment) -> subprocess.Popen:
        path = f"{self._folder}:/usr/bin:/bin"
        job = {"PATH": path, "SLURM_SUBMIT_DIR": str(ROOT), "SLURM_JOB_ID": "7", "CODE": "", **environment}
        words = ["bash", str(BATCH), "--config", "a b.py"]
        return subprocess.Popen(words, env=job, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def stopped(self, number: int, **environment) -> subprocess.Popen:
        job = self.start(**environment)
        while "srun" not in self.called.read_text():
            time.sleep(0.05)
        time.sleep(0.3)
        job.send_signal(number)
        job.wait(timeout=30)
        return job


@pytest.fixture
def slurm(tmp_path) -> Slurm:
    return Slurm(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_warning_lets_the_tasks_save_and_requeues(slurm, number):
    assert slurm.stopped(number).returncode == 0
    called = slurm.called.read_text().splitlines()
    assert "srun python -u launch/train.py --multihost --config a b.py" in called
    assert "scancel --signal=TERM 7" in called
    assert called[-1] == "scontrol requeue 7"


@pytest.mark.parametrize("state", ["COMPLETING", "CANCELLED", ""])
def test_a_job_that_is_being_ended_is_not_brought_back(slurm, state):
    assert slurm.start(CODE="143", STATE=state or " ").wait(timeout=30) == 143
    assert "requeue" not in slurm.called.read_text()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_other_ends_are_not_requeued(slurm, code):
    job = slurm.start(CODE=str(code))
    assert job.wait(timeout=30) == code
    assert "requeue" not in slurm.called.read_text()


def test_a_step_that_stopped_by_itself_is_requeued_but_not_for_ever(slurm):
    assert slurm.start(CODE="143").wait(timeout=30) == 0
    assert "requeue" in slurm.called.read_text()
    slurm.called.write_text("")
    job = slurm.start(CODE="143", SLURM_RESTART_COUNT="50")
    assert job.wait(timeout=30) == 1
    assert job.stdout is not None and b"error: stopped and saved" in job.stdout.read()
    assert "requeue" not in slurm.called.read_text()
