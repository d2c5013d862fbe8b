"""A run on a slice: how it is copied, installed and started there, and how it stands on each worker."""

import hashlib
import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gcloud import LaunchError, Slice, Unreached

ROOT = Path(__file__).resolve().parents[2]
_WORKER = "real3d/launch/tpu/worker.sh"
_ARCHIVE = "real3d.tar.gz"


@dataclass(frozen=True)
class Job:
    """What runs on a slice.

    Attributes:
      storage: gs://BUCKET/FOLDER or a folder that all workers see.
      run: the run's folder below it.
      program: train or evaluate.
      words: for that program.
      mount: whether a bucket is mounted, for what is written to folders alone.
    """

    storage: str
    run: str
    program: str
    words: tuple[str, ...]
    mount: bool = False

    @property
    def access(self) -> str:
        """How a worker reaches the storage: folder, client or mount."""
        if not self.storage.startswith("gs://"):
            return "folder"
        return "mount" if self.mount else "client"

    @property
    def key(self) -> str:
        """Tells this run from others on the same slice."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def start_on(self, pod: Slice) -> None:
        """Copies the commit, installs it, and starts; ends the moment the workers have begun."""
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / _ARCHIVE
            pack = ["git", "-C", str(ROOT), "archive", "--format=tar.gz", "-o", str(archive), "HEAD"]
            if pod.dry:
                print(shlex.join(pack))
            else:
                subprocess.run(pack, check=True)
            pod.copy(archive, _ARCHIVE)
        unpack = f"rm -rf real3d.new && mkdir real3d.new && tar -xzf {_ARCHIVE} -C real3d.new"
        swap = "rm -rf real3d && mv real3d.new real3d"
        pod.on_workers(f"{unpack} && {swap} && {_worker('install', self.access, self.storage)}")
        pod.on_workers(_worker("start", self.key, self.access, self.storage, self.run, self.program, *self.words))


def _worker(*words: str) -> str:
    return shlex.join(["bash", _WORKER, *words])


def on_each(pod: Slice) -> dict[str, tuple[str, str]]:
    """By worker: the key of its latest run, and none, running or an exit code."""
    fresh = 'echo "worker $(hostname) - none"'
    said = pod.on_workers(f"if [ -f {_WORKER} ]; then {_worker('state')}; else {fresh}; fi")
    if not said and not pod.dry:
        raise Unreached(f"The workers of {pod.name} say nothing.", passing=True, code=1)
    return {host: (key, state) for host, key, state in re.findall(r"^worker (\S+) (\S+) (\S+)$", said, re.MULTILINE)}


def states_of(pod: Slice, job: Job) -> dict[str, str]:
    """By worker, how this job stands. Raises LaunchError while another one runs."""
    states = {}
    for host, (key, state) in on_each(pod).items():
        if key != job.key and state == "running":
            raise LaunchError(
                f"Another run is going on on {pod.name} ({host}): wait for its end, or 'delete' the slice or choose "
                "another name."
            )
        states[host] = state if key == job.key else "none"
    return states


def log_of(pod: Slice, lines: int, worker: str = "all") -> str:
    """The end of the log of the latest run."""
    return pod.on_workers(_worker("log", str(lines)), worker=worker)


def own_error(pod: Slice) -> str | None:
    """The sentence that a run ended with, if it has one."""
    try:
        said = log_of(pod, 200)
    except LaunchError:
        return None
    found = re.findall(r"^error: (.*)", said, re.MULTILINE)
    return found[-1] if found else None
