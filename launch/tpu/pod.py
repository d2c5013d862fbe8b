"""Runs on Cloud TPU slices, from nothing: `python launch/tpu/pod.py VERB NAME [OPTIONS] [-- WORDS]` (docs/pods.md).

    create  asks for a slice: on demand, --spot, or --queued (with or without --spot)
    run     copies this commit to the workers, installs it, and starts the run, which survives the terminal
    watch   both, and again: a slice that is preempted or fails is deleted, asked for again, and the run goes on
    state   the slice and the run on each worker
    log     the end of a worker's log
    delete  gives the slice back

What follows `--` goes to launch/train.py, or with --program evaluate to launch/evaluate.py. --dry-run prints every
command and runs none; of `watch`, those for a slice that is not there yet and is not taken away. Exit codes: 0 done, 1
failed for now, 2 something to put right (one sentence says what).
Needs Python 3.11 and gcloud, and nothing else of the package.
"""

import argparse
import shlex
import subprocess
import sys

from gcloud import LaunchError, Request, Slice, image_of, say
from job import ROOT, Job, log_of, on_each, states_of
from watch import Watch


def _require_ready(pod: Slice) -> None:
    pod.assumed = "READY"
    state = pod.state()
    if state == "ABSENT":
        raise LaunchError(f"There is no '{pod.name}' in {pod.zone}: 'create' it, or use 'watch', which does.")
    if state != "READY":
        raise LaunchError(f"{pod.name} is {state}, not READY: wait, or use 'watch', which does.", code=1)


def _run(pod: Slice, job: Job) -> str:
    _require_ready(pod)
    if "running" in states_of(pod, job).values():
        raise LaunchError(f"This run is going on on {pod.name} already: see 'state' and 'log'.")
    job.start_on(pod)
    return f"The run goes on by itself on {pod.name}: see 'state' and 'log', or 'watch' it."


def _state(pod: Slice) -> str:
    pod.assumed = "READY"
    state = pod.state()
    lines = [f"{pod.name} {state}"]
    if state == "READY":
        lines += [
            f"{host} {f'ended with code {run}' if run.isdigit() else run}"
            for host, (_, run) in sorted(on_each(pod).items())
        ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("name", help="of the slice")
    where.add_argument("--zone", help="such as us-central2-b (default: gcloud's compute/zone)")
    where.add_argument("--project", help="(default: gcloud's project)")
    where.add_argument("--dry-run", action="store_true", help="print every command and run none")
    what = argparse.ArgumentParser(add_help=False)
    what.add_argument("--type", required=True, help="accelerator type, such as v4-64, v5litepod-64, v5p-64 or v6e-64")
    what.add_argument("--image", help="runtime image (default: Google's for that type)")
    what.add_argument("--spot", action="store_true", help="cheaper, and taken away at any time")
    what.add_argument("--queued", action="store_true", help="wait in the queue until there is one")
    job = argparse.ArgumentParser(add_help=False)
    job.add_argument(
        "--storage",
        required=True,
        help="holds data/ and gets the run: gs://BUCKET/FOLDER, or a folder that all workers see",
    )
    job.add_argument(
        "--mount",
        action="store_true",
        help="mount the bucket by gcsfuse: for embedded data, which are made in a folder. Evaluation, whose results "
        "are, has it always",
    )
    job.add_argument("--run", default="runs/real3d", help="the run's folder below it (default: %(default)s)")
    job.add_argument("--program", choices=("train", "evaluate"), default="train")
    summary, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("create", parents=[where, what], help="ask for a slice")
    verbs.add_parser("run", parents=[where, job], help="start a run on a slice that is READY")
    watch = verbs.add_parser("watch", parents=[where, what, job], help="see a run through to its end")
    watch.add_argument("--poll", type=float, default=30, help="seconds between looks (%(default)s)")
    watch.add_argument("--retries", type=int, default=8, help="failures in a row before giving up (%(default)s)")
    watch.add_argument("--then-delete", action="store_true", help="give the slice back when the run has finished")
    verbs.add_parser("state", parents=[where], help="the slice and the run on each worker")
    log = verbs.add_parser("log", parents=[where], help="the end of a worker's log")
    log.add_argument("--worker", default="0", help="number, or all (%(default)s)")
    log.add_argument("--lines", type=int, default=50, help="(%(default)s)")
    verbs.add_parser("delete", parents=[where], help="give the slice back")
    return parser


def _job(options: argparse.Namespace, words: list[str]) -> Job:
    if not any(word == "--config" or word.startswith("--config=") for word in words):
        raise LaunchError("No config is named: end with '-- --config configs/NAME.py'.")
    for word in words:
        if word.split("=")[0] in ("--workdir", "--checkpoint", "--multihost", "--config.data.root"):
            raise LaunchError(f"{word.split('=')[0]} follows from --storage and --run: leave it out after '--'.")
    if not options.storage.startswith(("gs://", "/")):
        raise LaunchError(f"--storage is '{options.storage}': use gs://BUCKET/FOLDER or an absolute path.")
    bucket = options.storage.startswith("gs://")
    if options.mount and not bucket:
        raise LaunchError(f"--mount is for buckets, and --storage is '{options.storage}': leave it out.")
    mount = bucket and (options.mount or options.program == "evaluate")
    return Job(options.storage.rstrip("/"), options.run, options.program, tuple(words), mount)


def _request(options: argparse.Namespace) -> Request:
    return Request(options.type, options.image or image_of(options.type), options.spot, options.queued)


def _warn_of_changes() -> None:
    changes = subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True).stdout
    if changes.strip():
        say("warning: the pod gets the last commit; changes that are not committed stay here.")


def main(arguments: list[str]) -> int:
    """Reads the command line and does what it says."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:cut])
    words = arguments[cut + 1 :]
    pod = Slice(options.name, options.zone, options.project, dry=options.dry_run)
    request = _request(options) if options.verb in ("create", "watch") else None
    job = _job(options, words) if options.verb in ("run", "watch") else None
    pod.check()
    if job and not pod.dry:
        _warn_of_changes()
    if options.verb == "create" and request:
        pod.create(request)
        done = f"{pod.name} is asked for." if request.queued else f"{pod.name} is there."
    elif options.verb == "run" and job:
        done = _run(pod, job)
    elif options.verb == "watch" and request and job:
        Watch(pod, request, job, poll=options.poll, retries=options.retries).to_the_end()
        if options.then_delete:
            pod.delete()
        done = f"The run on {pod.name} has finished."
    elif options.verb == "state":
        done = _state(pod)
    elif options.verb == "log":
        _require_ready(pod)
        done = log_of(pod, options.lines, options.worker).rstrip("\n")
    else:
        done = f"{pod.name} is given back." if pod.delete() else f"There is no '{pod.name}' in {pod.zone}."
    if not pod.dry:
        print(done)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LaunchError as error:
        say(f"error: {error}")
        sys.exit(error.code)
    except subprocess.CalledProcessError as error:
        say(f"error: '{shlex.join(error.cmd[:4])} ...' failed: {(error.stderr or 'without a word').strip()}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("Left alone: a run that has started goes on, and the same command goes on watching it.")
        sys.exit(130)
