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
        self.script = home / "real3d" / "launch" / "tpu" / "worker.sh"
        self.script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "launch" / "tpu" / "worker.sh", self.script)
        (home / "real3d" / "launch" / "train.py").write_text(PROGRAM)
        (home / "real3d" / "launch" / "evaluate.py").write_text(PROGRAM)
        (home / "real3d-venv" / "bin").mkdir(parents=True)
        self.python = home / "real3d-venv" / "bin" / "python"
        self.python.write_text('#!/bin/sh\nexec python3 -S -E "$@"\n')
        self.python.chmod(0o755)
        self.storage.mkdir()

    def __call__(self, *words, code: int = 0) -> str:
        environment = {**os.environ, "HOME": str(self.home), "COPY_LOG_EVERY": "0.1"}
        command = ["bash", str(self.script), *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *words, key="k1", program="train", code=0) -> str:
        return self("start", key, "folder", self.storage, "runs/mine", program, *words, code=code)

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
    said = worker("install", "folder", worker.home / "missing", code=2)
    assert said.startswith("error: worker ") and "mount it on all workers, or name a gs:// bucket." in said
    assert said.count("\n") == 1


@pytest.fixture
def tools(worker):
    """`called(*words)`: what worker.sh calls, by stand-ins that write down how they were called."""
    folder = worker.home / "tools"
    folder.mkdir()
    for tool in (*(folder / name for name in ("python3", "gcsfuse", "curl", "sudo")), worker.python):
        tool.write_text(f'#!/bin/sh\necho {tool.name} "$@" >> {worker.home}/called\n[ "$2" != check ] || exit $CHECK\n')
        tool.chmod(0o755)

    def called(*words, check: int = 0) -> str:
        (worker.home / "called").unlink(missing_ok=True)
        environment = {"HOME": str(worker.home), "PATH": f"{folder}:/usr/bin:/bin", "CHECK": str(check)}
        done = subprocess.run(["bash", worker.script, *words], env=environment, timeout=60)
        assert done.returncode == check
        return (worker.home / "called").read_text()

    return called


def test_an_install_is_pinned_and_takes_of_gcsfuse_and_gcsfs_what_it_needs(worker, tools):
    shared = tools("install", "folder", worker.storage)
    assert "gcs" not in shared
    assert "pip install -q --user uv==" in shared and "--python 3.12." in shared
    assert "-r " + str(worker.home / "real3d" / "launch" / "tpu" / "requirements.txt") in shared
    mount = worker.home / "real3d-bucket"
    mounted = tools("install", "mount", "gs://bucket/a/b")
    assert f"gcsfuse --implicit-dirs --only-dir=a/b bucket {mount}\n" in mounted and "[gcs]" not in mounted
    assert f"gcsfuse --implicit-dirs bucket {mount}\n" in tools("install", "mount", "gs://bucket")
    client = tools("install", "client", "gs://bucket/a/b")
    assert "gcsfuse" not in client and f"-e {worker.home}/real3d[gcs] -r " in client
    assert client.endswith(f"python {worker.home}/real3d/launch/tpu/bucket.py check gs://bucket/a/b\n")
    tools("install", "client", "gs://bucket/a/b", check=2)  # what the bucket refuses ends the installation


def test_a_bucket_is_handed_on_and_gets_the_log(worker, tools):
    tools("start", "k1", "client", "gs://bucket/a", "runs/mine", "train", "--config=x.py")
    worker.wait_for("k1 0")
    trained, copied = (worker.home / "called").read_text().splitlines()
    words = "--multihost --workdir gs://bucket/a/runs/mine --config.data.root=gs://bucket/a/data --config=x.py"
    assert trained == f"python -u launch/train.py {words}"
    log = f"{worker.home}/real3d-run/log gs://bucket/a/logs/runs/mine/{os.uname().nodename}.log"
    assert copied == f"python {worker.home}/real3d/launch/tpu/bucket.py copy {log}"


def test_a_mounted_bucket_is_a_folder_to_the_program(worker, tools):
    tools("start", "k1", "mount", "gs://bucket/a", "runs/mine", "evaluate")
    worker.wait_for("k1 0")
    mount = worker.home / "real3d-bucket"
    words = f"--multihost --checkpoint {mount}/runs/mine --config.data.root={mount}/data"
    assert (worker.home / "called").read_text() == f"python -u launch/evaluate.py {words}\n"
    assert list((mount / "logs" / "runs" / "mine").glob("*.log"))
