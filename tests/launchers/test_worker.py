"""launch/tpu/worker.sh as it runs on a worker: a run outlives what started it, and its end is written down."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print("words", *sys.argv[1:], flush=True)
if sys.argv[-1] != "--config.wait=yes":
    sys.exit(int(sys.argv[-1].split("=")[1]))
time.sleep(100)
"""


class Worker:
    """A home folder with a checkout in it, whose program is a fake one."""

    def __init__(self, home: Path):
        self.home, self.storage = home, home / "shared"
        self._script = home / "real3d" / "launch" / "tpu" / "worker.sh"
        self._script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "launch" / "tpu" / "worker.sh", self._script)
        (home / "real3d" / "launch" / "train.py").write_text(PROGRAM)
        (home / "real3d" / "launch" / "evaluate.py").write_text(PROGRAM)
        (home / "real3d-venv" / "bin").mkdir(parents=True)
        python = home / "real3d-venv" / "bin" / "python"
        python.write_text('#!/bin/sh\nexec python3 -S -E "$@"\n')
        python.chmod(0o755)
        self.storage.mkdir()

    def __call__(self, *words, code: int = 0) -> str:
        environment = {**os.environ, "HOME": str(self.home), "COPY_LOG_EVERY": "0.1"}
        command = ["bash", str(self._script), *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *words, key="k1", program="train", code=0) -> str:
        return self("start", key, self.storage, "runs/mine", program, *words, code=code)

    def state(self) -> str:
        word, _, key, state = self("state").split()
        assert word == "worker"
        return f"{key} {state}"

    def wait_for(self, wanted: str) -> None:
        for _ in range(300):
            if self.state() == wanted:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.state()}, not {wanted}: {self('log', 50)}")

    def pid(self) -> int:
        return int((self.home / "real3d-run" / "pid").read_text())

    def bucket_log(self) -> str:
        (log,) = (self.storage / "logs" / "runs" / "mine").glob("*.log")
        return log.read_text()


@pytest.fixture
def worker(tmp_path):
    made = Worker(tmp_path)
    yield made
    if (tmp_path / "real3d-run" / "pid").exists() and made.state().endswith("running"):
        os.killpg(made.pid(), signal.SIGKILL)


def test_a_run_ends_with_its_code_and_its_log_is_in_the_bucket(worker):
    assert worker.state() == "- none"
    worker.start("--config", "a b.py", "--config.code=0")
    worker.wait_for("k1 0")
    folder = worker.storage
    words = f"words --multihost --workdir {folder}/runs/mine --config.data.root={folder}/data --config a b.py"
    assert words in worker("log", 5) and words in worker.bucket_log()
    worker.start("--config.code=2", program="evaluate")
    worker.wait_for("k1 2")
    assert f"--checkpoint {folder}/runs/mine" in worker("log", 5)
    assert words in worker("log", 50)  # the same run goes on with its log
    worker.start("--config.code=0", key="k2")
    worker.wait_for("k2 0")
    assert words not in worker("log", 50)


def test_a_run_has_a_session_of_its_own_and_a_second_is_refused(worker):
    worker.start("--config.wait=yes")
    assert os.getsid(worker.pid()) == worker.pid() != os.getsid(0)
    assert worker.state() == "k1 running"
    assert "going on" in worker.start("--config.wait=yes", code=2)


def test_sigterm_to_all_is_written_down_as_a_stop(worker):
    worker.start("--config.wait=yes")
    while "words" not in (worker.home / "real3d-run" / "log").read_text():
        time.sleep(0.05)
    os.killpg(worker.pid(), signal.SIGTERM)
    worker.wait_for("k1 143")


def test_a_killed_run_is_told_from_one_that_goes_on(worker):
    worker.start("--config.wait=yes")
    os.killpg(worker.pid(), signal.SIGKILL)
    worker.wait_for("k1 137")


def test_storage_that_a_worker_lacks_is_one_sentence(worker):
    said = worker("install", worker.home / "missing", code=2)
    assert said.startswith("error: worker ") and "mount it on all workers, or name a gs:// bucket." in said
    assert said.count("\n") == 1


def test_an_install_is_pinned_and_takes_gcsfuse_only_for_a_bucket(worker):
    """The commands that `install` runs, by stand-ins that write down how they were called."""
    tools = worker.home / "tools"
    tools.mkdir()
    for name in ("python3", "gcsfuse", "curl", "sudo"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {worker.home}/called\n')
        (tools / name).chmod(0o755)
    environment = {"HOME": str(worker.home), "PATH": f"{tools}:/usr/bin:/bin"}

    def called(storage) -> str:
        (worker.home / "called").unlink(missing_ok=True)
        script = worker.home / "real3d" / "launch" / "tpu" / "worker.sh"
        subprocess.run(["bash", script, "install", storage], env=environment, check=True, timeout=60)
        return (worker.home / "called").read_text()

    shared = called(worker.storage)
    assert "gcsfuse" not in shared
    assert "pip install -q --user uv==" in shared and "--python 3.12." in shared
    assert "-r " + str(worker.home / "real3d" / "launch" / "tpu" / "requirements.txt") in shared
    mount = worker.home / "real3d-bucket"
    assert f"gcsfuse --implicit-dirs --only-dir=a/b bucket {mount}\n" in called("gs://bucket/a/b")
    assert f"gcsfuse --implicit-dirs bucket {mount}\n" in called("gs://bucket")
