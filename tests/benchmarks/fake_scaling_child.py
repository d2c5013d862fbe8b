"""Stands in for a process of the scaling suite: no JAX, and every way in which one can go wrong.

`fake_scaling_child.py TASK`: what it does stands in the folder's `behaviour.json`, by the row's name. From where a real
one would use its devices it holds a lock on each of them, shared while it compiles; who finds a device locked writes
the file `clash`.
"""

import fcntl
import json
import sys
import time
from pathlib import Path


def main() -> None:
    task = json.loads(sys.argv[1])
    row, work = task["row"], Path(task["work"])
    does = json.loads((work / "behaviour.json").read_text()).get(row["name"], "")
    if task["compile"]:
        locks = hold(row, work, fcntl.LOCK_SH)
        time.sleep(2.0 if does == "slow" else 0.3)
        if does == "breaks":
            sys.exit("it cannot be compiled")
        needed = 90.0 if does == "huge" else 56.0
        tell("compiled", compile_seconds=0.3, compiled_before=False, program_gib=needed, limit_gib=71.2)
        tell("done")
        time.sleep(60)  # it is killed, not waited for
    tell("imported")
    assert sys.stdin.readline() == "go\n"
    locks = hold(row, work, fcntl.LOCK_EX)
    tell("loaded", kept=True, load_seconds=0.1)
    tell("prepared")
    if does == "memory":
        say("E1126 09:39:13.7   64142 cuda_executor.cc:1365] [2] Failed to allocate device memory of 63.26GiB")
        say("W1126 bfc_allocator.cc:598] Allocator (GPU_0_bfc) ran out of memory trying to allocate 51GiB")
        say("E1126 09:39:24.9   64145 rendezvous.cc:116] [id=1] This thread has been waiting and may be stuck.")
        time.sleep(60)
    if does == "silent":
        say("the last words")
        time.sleep(60)
    for step in range(1, 4):
        time.sleep(0.1)
        if does == "retries" and step == 2:
            say("Failed to allocate device memory of 63.26GiB: RESOURCE_EXHAUSTED")  # and then finds a smaller place
        tell("step", number=step)
        if does == "dies" and step == 2:
            say("a kernel failed")
            sys.exit(3)
    if does == "retries":
        time.sleep(0.4)
    tell("measured", pairs_a_second=8.0, step_seconds_p50=1.0, step_seconds_p99=1.0, data_wait_seconds=0.0, losses={})
    if does == "late":
        time.sleep(60)
    tell("done")
    time.sleep(60)
    del locks


def hold(row, work, kind):
    """Locks the row's devices as long as the process lives."""
    locks = [(work / f"device_{number}").open("w") for number in row["devices"]]
    for lock in locks:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError:
            (work / "clash").write_text(f"{row['name']} has found {lock.name} in use")
    return locks


def tell(event, **values):
    print(json.dumps({"event": event} | values), flush=True)


def say(words):
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
