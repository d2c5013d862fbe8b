"""A slice of TPUs as `gcloud` shows it: asked for, looked at, reached, given back; and its errors in one sentence."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

UNREACHED = 255  # ssh's own exit code

# A TPU VM's states (tpu.googleapis.com v2, projects.locations.nodes): what comes by itself, and what never comes back.
_COMING = {"CREATING", "STARTING", "RESTARTING", "REIMAGING", "REPAIRING", "UNHIDING", "DELETING"}
_LOST = {"PREEMPTED", "TERMINATED", "STOPPED", "STOPPING", "HIDING", "HIDDEN"}
# A queued resource's (projects.locations.queuedResources); when ACTIVE, the state of its node counts.
_QUEUE_LOST = {"FAILED", "SUSPENDING", "SUSPENDED"}

# The runtime image by the accelerator type's first word: https://cloud.google.com/tpu/docs/runtimes, table "PyTorch and
# JAX" (v4 and older: tpu-ubuntu2204-base; v5e: v2-alpha-tpuv5-lite; v5p: v2-alpha-tpuv5; v6e: v2-alpha-tpuv6e).
IMAGES = {
    "v2": "tpu-ubuntu2204-base",
    "v3": "tpu-ubuntu2204-base",
    "v4": "tpu-ubuntu2204-base",
    "v5litepod": "v2-alpha-tpuv5-lite",
    "v5p": "v2-alpha-tpuv5",
    "v6e": "v2-alpha-tpuv6e",
}


class LaunchError(Exception):
    """One sentence: what, where, what to do. `passing`: it may be gone at the next try."""

    def __init__(self, sentence: str, *, passing: bool = False, code: int = 2):
        super().__init__(sentence)
        self.passing = passing
        self.code = code


class Unreached(LaunchError):
    """The workers do not answer."""


def image_of(accelerator: str) -> str:
    """The runtime image for an accelerator type such as v5litepod-64."""
    family = accelerator.split("-")[0]
    if family not in IMAGES or not re.fullmatch(r"\w+-\d+", accelerator):
        known = ", ".join(f"{name}-N" for name in IMAGES)
        raise LaunchError(f"'{accelerator}' has no known image: use {known}, or give --image.")
    return IMAGES[family]


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    accelerator: str
    image: str
    spot: bool = False
    queued: bool = False


@dataclass
class Slice:
    """A slice by name. With `dry`, commands are printed and none is run; the slice is taken to be as `assumed`."""

    name: str
    zone: str | None = None
    project: str | None = None
    dry: bool = False
    assumed: str = "ABSENT"

    @property
    def _where(self) -> list[str]:
        zone = [f"--zone={self.zone}"] if self.zone else []
        return zone + ([f"--project={self.project}"] if self.project else [])

    def check(self) -> None:
        """Raises LaunchError unless gcloud is there, signed in, and knows a project and a zone."""
        if self.dry:
            return
        if shutil.which("gcloud") is None:
            raise LaunchError(
                "gcloud is not on PATH: install it (https://cloud.google.com/sdk/docs/install), "
                "run 'gcloud auth login', or look at the commands with --dry-run."
            )
        for what, given in (("project", self.project), ("zone", self.zone)):
            key = {"project": "project", "zone": "compute/zone"}[what]
            known = given or self._gcloud("config", "get-value", key).strip()
            if not known or known == "(unset)":
                raise LaunchError(f"No {what} is set: give --{what}, or run 'gcloud config set {key} ...'.")
            setattr(self, what, known)  # for good: a watch must not follow a change of gcloud's configuration

    def state(self) -> str:
        """ABSENT, READY, or Google's word; see `is_lost`."""
        if self.dry:
            self._gcloud_on("queued-resources", "describe", "--format=value(state.state)")
            self._gcloud_on("tpu-vm", "describe", "--format=value(state)")
            return self.assumed
        queue = self._described("queued-resources", "--format=value(state.state)")
        if queue not in (None, "ACTIVE"):
            return queue
        node = self._described("tpu-vm", "--format=value(state)")
        if node is None and queue:
            return "SUSPENDED"  # the request is there, its machines are gone
        return node or "ABSENT"

    def create(self, request: Request) -> None:
        """Asks for it: a queued request is taken at once, another one is fulfilled or refused within minutes."""
        spot = ["--spot"] if request.spot else []
        kind = f"--accelerator-type={request.accelerator}"
        try:
            if request.queued:
                node = f"--node-id={self.name}"
                image = f"--runtime-version={request.image}"
                self._gcloud_on("queued-resources", "create", node, kind, image, *spot)
            else:
                self._gcloud_on("tpu-vm", "create", kind, f"--version={request.image}", *spot)
        except subprocess.CalledProcessError as error:
            raise _refused(error.stderr, f"{request.accelerator}{' (spot)' if request.spot else ''}", self) from error
        self.assumed = "READY" if self.dry else self.assumed

    def delete(self) -> bool:
        """Gives back the machines and the request; whether there was anything."""
        queue = self.dry or self._described("queued-resources", "--format=value(state.state)") is not None
        node = self.dry or self._described("tpu-vm", "--format=value(state)") is not None
        if queue:
            self._told("queued-resources", "delete", "--force", "--quiet")  # its machines, too
        if self.dry or (node and not queue):
            self._told("tpu-vm", "delete", "--quiet")
        self.assumed = "ABSENT"
        return queue or node

    def copy(self, file: Path, name: str) -> None:
        """Copies a file to the home folder of all workers."""
        words = ["scp", str(file), f"{self.name}:{name}", "--worker=all", "--quiet", *self._where]
        try:
            self._gcloud("compute", "tpus", "tpu-vm", *words)
        except subprocess.CalledProcessError as error:
            raise self._unreached(error) from error

    def on_workers(self, command: str, *, worker: str = "all") -> str:
        """What a shell command prints on the workers.

        Raises:
          Unreached: ssh itself failed.
          LaunchError: the command did; its own `error:` line, if any, is the sentence.
        """
        try:
            return self._gcloud_on("tpu-vm", "ssh", f"--worker={worker}", "--quiet", f"--command={command}")
        except subprocess.CalledProcessError as error:
            if error.returncode == UNREACHED:
                raise self._unreached(error) from error
            own = re.search(r"^error: (.*)", error.stderr, re.MULTILINE)
            if own:
                raise LaunchError(own[1]) from error
            raise LaunchError(
                f"The workers of {self.name} failed with exit code {error.returncode} ({_last_line(error.stderr)}).",
                passing=True,
                code=1,
            ) from error

    def _unreached(self, error: subprocess.CalledProcessError) -> Unreached:
        return Unreached(
            f"The workers of {self.name} cannot be reached by ssh ({_last_line(error.stderr)}): try again in a minute, "
            "and see that the network lets port 22 in and that ssh-agent has ~/.ssh/google_compute_engine.",
            passing=True,
            code=1,
        )

    def _described(self, resource: str, format_: str) -> str | None:
        try:
            return self._gcloud_on(resource, "describe", format_).strip()
        except subprocess.CalledProcessError as error:
            if re.search(r"NOT_FOUND|not found|404", error.stderr):
                return None
            raise _refused(error.stderr, self.name, self) from error

    def _told(self, resource: str, verb: str, *words: str) -> None:
        try:
            self._gcloud_on(resource, verb, *words)
        except subprocess.CalledProcessError as error:
            if not re.search(r"NOT_FOUND|not found|404", error.stderr):
                raise _refused(error.stderr, self.name, self) from error

    def _gcloud_on(self, resource: str, verb: str, *words: str) -> str:
        return self._gcloud("compute", "tpus", resource, verb, self.name, *self._where, *words)

    def _gcloud(self, *words: str) -> str:
        command = ["gcloud", *words]
        if self.dry:
            print(shlex.join(command))
            return ""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout


def is_lost(state: str) -> bool:
    """Whether a slice in this state must be deleted and asked for again."""
    return state in _LOST or state in _QUEUE_LOST


def is_coming(state: str) -> bool:
    """Whether a slice in this state needs only patience."""
    return state != "READY" and state != "ABSENT" and not is_lost(state)


def _refused(said: str, what: str, where: Slice) -> LaunchError:
    """The sentence for what gcloud said on its way out."""
    last = _last_line(said)
    zone, project = where.zone, where.project
    # Both come as RESOURCE_EXHAUSTED: 'Quota limit ... has been exceeded', 'There is no more capacity in the zone'.
    if re.search(r"quota", said, re.IGNORECASE):
        return LaunchError(
            f"The quota of project {project} does not allow {what} in {zone} ({last}): ask for more at "
            "https://console.cloud.google.com/iam-admin/quotas, or choose another --zone, a smaller --type, or --spot, "
            "which has a quota of its own."
        )
    if re.search(r"no more capacity|RESOURCE_EXHAUSTED|stockout", said, re.IGNORECASE):
        return LaunchError(
            f"Zone {zone} has no {what} free now: try --queued, which waits for one, or another --zone.",
            passing=True,
            code=1,
        )
    if re.search(r"gcloud auth login|active account|[Rr]eauthentication", said):
        return LaunchError("gcloud is not signed in: run 'gcloud auth login'.")
    if re.search(r"PERMISSION_DENIED|SERVICE_DISABLED|does not have permission|has not been used", said):
        return LaunchError(
            f"Project {project} does not let you use TPUs ({last}): run 'gcloud services enable tpu.googleapis.com', "
            "and ask its owner for the role roles/tpu.admin."
        )
    if re.search(r"ALREADY_EXISTS|already exists", said):
        return LaunchError(f"There is a '{where.name}' in {zone} already: see its 'state', or 'delete' it.")
    if what != where.name and re.search(r"INVALID_ARGUMENT|invalid AcceleratorType|NOT_FOUND|not found", said):
        return LaunchError(
            f"Zone {zone} refuses {what} ({last}): 'gcloud compute tpus accelerator-types list --zone {zone}' says "
            "what it offers."
        )
    return LaunchError(f"gcloud failed for {what} in {zone}: {last}", passing=True, code=1)


def _last_line(said: str) -> str:
    """Google's own words out of what gcloud printed, on one line."""
    message = re.findall(r'"?message"?: *"((?:[^"\\]|\\.)*)"', said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = message[-1].replace('\\"', "'") if message else (lines[-1] if lines else "without a word")
    return text.rstrip(".")


def say(text: str) -> None:
    """Tells on standard error what happens, so that standard output stays for results."""
    print(text, file=sys.stderr, flush=True)
