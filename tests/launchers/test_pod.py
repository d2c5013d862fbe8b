"""launch/tpu/pod.py against a stub gcloud: every verb, what goes wrong, and what it says about it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POD = ROOT / "launch" / "tpu" / "pod.py"
STUB = Path(__file__).with_name("gcloud_stub.py")
JOB = ("--storage=gs://bucket/folder", "--run=runs/mine")
WORDS = ("--", "--config", "configs/real3d.py", "--config.mesh.fsdp=4", "--config.name=it's mine")
WATCH = ("watch", "slice", "--type=v5litepod-16", *JOB, "--poll=0.01", "--retries=4")
QUOTA = """ERROR: (gcloud.compute.tpus.tpu-vm.create) {
  "code": 8,
  "message": "Quota limit 'TPUV5sLitepodPerProjectPerZone' has been exceeded. Limit: 0 in zone us-west4-a."
}"""
NO_ROOM = 'ERROR: {"code": 8, "message": "There is no more capacity in the zone \\"us-west4-a\\"; try another zone"}'
# The copies of the commit that nobody unpacks: of 40 megabytes, which take git a second to compress.
UNPACKED = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "tar.tar.gz.command", "GIT_CONFIG_VALUE_0": "/bin/cat"}
DONE = ["0", "0"]
GOING = ["running", "running"]


class Cloud:
    """A stub gcloud alone on PATH, and the calls of pod.py to it."""

    def __init__(self, folder: Path):
        self._folder, self._file = folder, folder / "state.json"
        (folder / "bin").mkdir()
        stub = folder / "bin" / "gcloud"
        stub.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -E {shlex.quote(str(STUB))} "$@"\n')
        stub.chmod(0o755)
        (folder / "bin" / "git").symlink_to(next(p for p in map(Path, ("/usr/bin/git", "/bin/git")) if p.exists()))
        self.set(
            calls=[], queue=None, node=None, wait=2, refusals=[], ssh=[], runs=[DONE], key=None, started=0, log="",
            config={"project": "mine", "compute/zone": "us-west4-a"},
        )  # fmt: skip

    def set(self, **values) -> None:
        former = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._file.write_text(json.dumps(former | values))

    def __getitem__(self, key: str):
        return json.loads(self._file.read_text())[key]

    def pod(self, *words: str, code: int = 0) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PATH": str(self._folder / "bin"), "GCLOUD_STUB": str(self._file), **UNPACKED}
        command = [sys.executable, "-S", "-E", str(POD), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def without_gcloud(self) -> None:
        (self._folder / "bin" / "gcloud").unlink()

    def calls(self, resource: str, verb: str) -> list[list[str]]:
        return [call for call in self["calls"] if call[2:4] == [resource, verb]]

    def commands(self) -> list[str]:
        return [word.removeprefix("--command=") for call in self["calls"] for word in call if "--command=" in word]


@pytest.fixture
def cloud(tmp_path) -> Cloud:
    return Cloud(tmp_path)


def sentence(done: subprocess.CompletedProcess) -> str:
    """The one error sentence."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert done.stderr.rstrip().endswith(errors[0])
    return errors[0]


@pytest.mark.parametrize(
    "kind, image",
    [
        ("v4-64", "tpu-ubuntu2204-base"),
        ("v5litepod-16", "v2-alpha-tpuv5-lite"),
        ("v5p-128", "v2-alpha-tpuv5"),
        ("v6e-256", "v2-alpha-tpuv6e"),
    ],
)
def test_each_type_gets_its_image(cloud, kind, image):
    cloud.pod("create", "slice", f"--type={kind}")
    (call,) = cloud.calls("tpu-vm", "create")
    assert {f"--accelerator-type={kind}", f"--version={image}", "--zone=us-west4-a", "--project=mine"} <= set(call)
    assert "--spot" not in call


def test_spot_and_queued_requests(cloud):
    cloud.pod("create", "slice", "--type=v6e-8", "--spot", "--queued", "--zone=here", "--project=other")
    (call,) = cloud.calls("queued-resources", "create")
    wanted = {"--node-id=slice", "--runtime-version=v2-alpha-tpuv6e", "--spot", "--zone=here", "--project=other"}
    assert wanted <= set(call)
    assert not cloud.calls("tpu-vm", "create")


@pytest.mark.parametrize(
    "verb",
    [
        ("create", "slice", "--type=v4-64", "--spot"),
        ("run", "slice", *JOB, *WORDS),
        ("watch", "slice", "--type=v4-64", "--queued", "--then-delete", *JOB, *WORDS),
        ("state", "slice"),
        ("log", "slice", "--worker=1"),
        ("delete", "slice"),
    ],
    ids=lambda verb: verb[0],
)
def test_dry_run_prints_commands_and_runs_none(cloud, verb):
    cut = verb.index("--") if "--" in verb else len(verb)
    printed = cloud.pod(*verb[:cut], "--dry-run", "--zone=here", *verb[cut:]).stdout.splitlines()
    assert cloud["calls"] == []
    assert printed and all(line.split()[0] in ("gcloud", "git") for line in printed)
    cloud.without_gcloud()
    again = cloud.pod(*verb[:cut], "--dry-run", "--zone=here", *verb[cut:]).stdout.splitlines()
    assert len(again) == len(printed)


def test_the_commands_of_a_dry_run_are_those_that_run(cloud):
    printed = cloud.pod(*WATCH, "--dry-run", "--zone=us-west4-a", "--project=mine", *WORDS).stdout.splitlines()
    planned = [shlex.split(line)[1:] for line in printed if line.startswith("gcloud")]
    cloud.pod(*WATCH, *WORDS)
    made = [call for call in cloud["calls"] if call[0] != "config"]

    def plain(call):
        return [re.sub(r"^/.*/", "", word) for word in call]

    assert [plain(call) for call in made[: len(planned)]] == [plain(call) for call in planned]


def test_a_run_is_copied_installed_and_started(cloud):
    cloud.set(node="READY")
    said = cloud.pod("run", "slice", *JOB, *WORDS).stdout
    assert "goes on by itself" in said
    (copy,) = cloud.calls("tpu-vm", "scp")
    assert "--worker=all" in copy and "slice:real3d.tar.gz" in copy
    state, install, start = cloud.commands()
    assert "worker.sh state" in state
    assert "worker.sh install client gs://bucket/folder" in install
    words = shlex.split(start)
    assert words[:3] == ["bash", "real3d/launch/tpu/worker.sh", "start"]
    assert words[4:] == ["client", "gs://bucket/folder", "runs/mine", "train", *WORDS[1:]]


@pytest.mark.parametrize(
    "storage, options, access",
    [
        ("gs://bucket", (), "client"),
        ("gs://bucket", ("--mount",), "mount"),
        ("gs://bucket", ("--program=evaluate",), "mount"),
        ("/shared", ("--program=evaluate",), "folder"),
    ],
)
def test_a_bucket_is_mounted_for_what_is_written_to_folders_alone(cloud, storage, options, access):
    cloud.set(node="READY")
    cloud.pod("run", "slice", f"--storage={storage}", *options, *WORDS)
    _, install, start = cloud.commands()
    assert install.endswith(f"worker.sh install {access} {storage}")
    assert shlex.split(start)[4:6] == [access, storage]


def test_a_run_needs_a_slice_that_is_ready(cloud):
    assert "There is no 'slice' in us-west4-a" in sentence(cloud.pod("run", "slice", *JOB, *WORDS, code=2))
    cloud.set(queue="WAITING_FOR_RESOURCES", wait=9)
    assert "WAITING_FOR_RESOURCES, not READY" in sentence(cloud.pod("run", "slice", *JOB, *WORDS, code=1))


def test_a_second_run_is_refused_while_one_goes_on(cloud):
    cloud.set(node="READY", runs=[GOING])
    cloud.pod("run", "slice", *JOB, *WORDS)
    assert "going on on slice already" in sentence(cloud.pod("run", "slice", *JOB, *WORDS, code=2))
    other = ("run", "slice", "--storage=gs://bucket/other", *WORDS)
    assert "Another run is going on" in sentence(cloud.pod(*other, code=2))
    assert cloud["started"] == 1


def test_state_log_and_delete(cloud):
    assert cloud.pod("state", "slice").stdout == "slice ABSENT\n"
    assert "There is no 'slice'" in cloud.pod("delete", "slice").stdout
    cloud.set(node="READY", key="k", runs=[["running", "143"]], log="step 7")
    lines = ["slice READY", "t1v-w-0 running", "t1v-w-1 ended with code 143"]
    assert cloud.pod("state", "slice").stdout.splitlines() == lines
    assert cloud.pod("log", "slice", "--lines=7").stdout == "step 7\n"
    assert cloud.commands()[-1].endswith("worker.sh log 7")
    cloud.pod("delete", "slice")
    assert cloud["node"] is None and "--quiet" in cloud.calls("tpu-vm", "delete")[0]
    cloud.set(queue="ACTIVE", node="READY")
    cloud.pod("delete", "slice")
    assert cloud["node"] is None and {"--force", "--quiet"} <= set(cloud.calls("queued-resources", "delete")[0])


def test_watch_waits_in_the_queue_starts_and_ends(cloud):
    cloud.set(runs=[GOING, GOING, DONE])
    done = cloud.pod(*WATCH, "--queued", "--then-delete", *WORDS)
    assert "WAITING_FOR_RESOURCES" in done.stderr and "has finished" in done.stdout
    assert cloud["started"] == 1 and cloud["queue"] is None


@pytest.mark.parametrize("queued", [False, True])
def test_watch_asks_again_after_a_preemption_and_resumes(cloud, queued):
    cloud.set(runs=[GOING, "PREEMPTED", GOING, DONE])
    cloud.pod(*WATCH, "--spot", *(["--queued"] if queued else []), *WORDS)
    resource = "queued-resources" if queued else "tpu-vm"
    assert len(cloud.calls(resource, "create")) == 2 and len(cloud.calls(resource, "delete")) == 1
    assert cloud["started"] == 2
    first, second = (command for command in cloud.commands() if "worker.sh start" in command)
    assert first == second


def test_watch_resumes_a_stopped_run_on_the_same_slice(cloud):
    cloud.set(runs=[GOING, ["143", "143"], GOING, DONE])
    cloud.pod(*WATCH, *WORDS)
    assert cloud["started"] == 2 and len(cloud.calls("tpu-vm", "create")) == 1


def test_watch_stops_on_an_error_of_the_users(cloud):
    cloud.set(runs=[GOING, ["2", "running"]], log="step 3\nerror: config.batch has no examples.")
    assert sentence(cloud.pod(*WATCH, *WORDS, code=2)) == "error: config.batch has no examples."
    assert cloud["started"] == 1 and cloud["node"] == "READY"
    cloud.set(runs=[["2", "2"], GOING, DONE])  # put right by then
    cloud.pod(*WATCH, *WORDS)
    assert cloud["started"] == 2


def test_watch_gives_up_after_failures_in_a_row(cloud):
    cloud.set(runs=[["1", "134"]])
    done = cloud.pod(*WATCH, *WORDS, code=1)
    assert "given up after 4 tries in a row" in sentence(done)
    assert cloud["started"] == 5
    pauses = [float(text) for text in re.findall(r"next try in (\S+) s", done.stderr)]
    assert pauses == [0.01, 0.02, 0.04, 0.08]


def test_watch_forgets_failures_once_a_run_goes_on(cloud):
    cloud.set(runs=[*([["143", "143"]] * 3 + [GOING] * 10) * 2, DONE])
    cloud.pod(*WATCH, *WORDS)
    assert cloud["started"] == 7


def test_watch_gets_over_passing_ssh_failures(cloud):
    cloud.set(ssh=[0, 255, 0, 0, 255], runs=[GOING, DONE])
    cloud.pod(*WATCH, *WORDS)
    assert len(cloud.calls("tpu-vm", "create")) == 1 and cloud["started"] == 1


def test_watch_replaces_a_slice_that_does_not_answer(cloud):
    cloud.set(ssh=[0, 0, 0, 0, 255, 255, 255], runs=[GOING, GOING, DONE])
    done = cloud.pod(*WATCH, *WORDS)
    assert "did not answer 3 times" in done.stderr
    assert len(cloud.calls("tpu-vm", "create")) == 2 and cloud["started"] == 2


def test_watch_does_not_start_a_run_on_workers_that_say_nothing(cloud):
    cloud.set(runs=[GOING, [], GOING, DONE])
    done = cloud.pod(*WATCH, *WORDS)
    assert "say nothing" in done.stderr and cloud["started"] == 1


def test_watch_replaces_a_slice_of_which_only_a_part_goes_on(cloud):
    cloud.set(runs=[*[["running", "137"]] * 11, GOING, DONE])
    done = cloud.pod(*WATCH, *WORDS)
    assert "on some workers only (t1v-w-1: 137)" in done.stderr
    assert len(cloud.calls("tpu-vm", "create")) == 2 and cloud["started"] == 2


def test_watch_tries_again_where_there_is_no_room(cloud):
    cloud.set(refusals=[NO_ROOM, NO_ROOM])
    done = cloud.pod(*WATCH, *WORDS)
    assert "has no v5litepod-16 free now: try --queued" in done.stderr
    assert len(cloud.calls("tpu-vm", "create")) == 3


def test_watch_stops_on_a_quota_unless_it_was_granted_before(cloud):
    cloud.set(refusals=[QUOTA])
    assert "quota" in sentence(cloud.pod(*WATCH, *WORDS, code=2))
    cloud.set(refusals=[None, QUOTA], runs=[GOING, "PREEMPTED", DONE])
    cloud.pod(*WATCH, *WORDS)
    assert cloud["started"] == 2


@pytest.mark.parametrize(
    "refusal, parts, code",
    [
        (QUOTA, ("quota of project mine", "v4-64 in us-west4-a", "Limit: 0", "iam-admin/quotas", "--spot"), 2),
        (NO_ROOM, ("Zone us-west4-a has no v4-64 free now", "--queued"), 1),
        ("ERROR: PERMISSION_DENIED: Cloud TPU API has not been used", ("services enable tpu", "roles/tpu.admin"), 2),
        ("ERROR: You do not currently have an active account selected.", ("not signed in", "gcloud auth login"), 2),
        ("ERROR: ALREADY_EXISTS: Resource exists", ("There is a 'slice' in us-west4-a already", "delete"), 2),
        ("ERROR: INVALID_ARGUMENT: no such type", ("Zone us-west4-a refuses v4-64", "accelerator-types list"), 2),
        ("ERROR: the internet is away", ("the internet is away", "v4-64"), 1),
    ],
    ids=["quota", "capacity", "permission", "login", "exists", "type", "other"],
)
def test_a_refused_request_is_one_sentence(cloud, refusal, parts, code):
    cloud.set(refusals=[refusal])
    said = sentence(cloud.pod("create", "slice", "--type=v4-64", code=code))
    assert all(part in said for part in parts), said


def test_ssh_failures_are_one_sentence(cloud):
    cloud.set(node="READY", ssh=[255])
    said = sentence(cloud.pod("run", "slice", *JOB, *WORDS, code=1))
    assert "cannot be reached by ssh (Permission denied (publickey))" in said and "ssh-agent" in said
    cloud.set(ssh=[0, 0, 2], ssh_says="error: 'gs://bucket' cannot be written.\nCommand failed on worker 1")
    assert sentence(cloud.pod("run", "slice", *JOB, *WORDS, code=2)) == "error: 'gs://bucket' cannot be written."


def test_what_is_missing_is_said_before_anything_is_asked_for(cloud):
    cloud.set(config={"compute/zone": "us-west4-a"})
    assert "No project is set: give --project" in sentence(cloud.pod(*WATCH, *WORDS, code=2))
    cloud.set(config={"project": "mine"})
    assert "No zone is set: give --zone" in sentence(cloud.pod(*WATCH, *WORDS, code=2))
    assert "v4-N" in sentence(cloud.pod("create", "slice", "--type=h100-8", code=2))
    assert "No config is named" in sentence(cloud.pod(*WATCH, code=2))
    assert "--workdir follows from" in sentence(cloud.pod(*WATCH, *WORDS, "--workdir=x", code=2))
    assert "absolute path" in sentence(cloud.pod("run", "slice", "--storage=data", *WORDS, code=2))
    assert "--mount is for buckets" in sentence(cloud.pod("run", "slice", "--storage=/data", "--mount", *WORDS, code=2))
    cloud.without_gcloud()
    assert "gcloud is not on PATH: install it" in sentence(cloud.pod(*WATCH, *WORDS, code=2))
    assert all(call[0] == "config" for call in cloud["calls"])
