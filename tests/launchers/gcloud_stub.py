"""Plays gcloud: `gcloud_stub.py WORDS`, with what it is to do, and what it did, in the JSON file $GCLOUD_STUB.

calls     every command line so far
queue     state of the queued resource, or null; `wait` is how many looks it stays WAITING_FOR_RESOURCES
node      state of the slice, or null
refusals  what the next `create`s say on their way out (null: they work)
ssh       exit codes of the next ssh and scp calls (255: ssh itself failed); 0 when used up
runs      what the workers say at the next looks, the last one for good: a list of states, a string that is a state
          of the slice instead ('PREEMPTED'), or an empty list for workers that say nothing
key       of the run that was started last; `started` counts the starts
log       what a worker's log says
"""

import json
import os
import re
import sys

FILE = os.environ["GCLOUD_STUB"]


def main(words: list[str]) -> int:
    """Answers one call."""
    with open(FILE) as file:
        state = json.load(file)
    state["calls"].append(words)
    try:
        return answer(state, words)
    finally:
        with open(FILE, "w") as file:
            json.dump(state, file)


def answer(state: dict, words: list[str]) -> int:
    """Changes the state; the exit code."""
    if words[:2] == ["config", "get-value"]:
        print(state["config"].get(words[2], "(unset)"))
        return 0
    resource, verb = words[2:4]
    what = "queue" if resource == "queued-resources" else "node"
    if verb == "describe":
        if what == "queue" and state["queue"] == "WAITING_FOR_RESOURCES":
            state["wait"] -= 1
            if state["wait"] < 0:
                state.update(queue="ACTIVE", node="READY")
        if state[what] is None:
            return refuse("ERROR: (gcloud.compute.tpus.describe) NOT_FOUND: Resource was not found")
        print(state[what])
        return 0
    if verb == "create":
        refusal = state["refusals"].pop(0) if state["refusals"] else None
        if refusal:
            return refuse(refusal)
        if what == "queue":
            state["queue"] = "WAITING_FOR_RESOURCES"
        else:
            state["node"] = "READY"
        state["key"] = None
        return 0
    if verb == "delete":
        if state[what] is None:
            return refuse("ERROR: NOT_FOUND: Resource was not found")
        if what == "node" and state["queue"]:
            return refuse("ERROR: FAILED_PRECONDITION: the node belongs to a queued resource")
        state.update(queue=None, node=None)
        return 0
    assert verb in ("ssh", "scp"), words
    if state["node"] != "READY":
        return refuse("ERROR: the TPU is not READY")
    code = state["ssh"].pop(0) if state["ssh"] else 0
    if code:
        return refuse(state.get("ssh_says", "Permission denied (publickey)."), code)
    return 0 if verb == "scp" else on_workers(state, next(word for word in words if word.startswith("--command=")))


def on_workers(state: dict, command: str) -> int:
    """What the two workers do."""
    started = re.search(r"worker.sh start (\w+)", command)
    if started:
        state.update(key=started[1], started=state["started"] + 1)
    elif "worker.sh state" in command:
        runs = state["runs"]
        now = runs.pop(0) if state["key"] and len(runs) > 1 else runs[0]
        if isinstance(now, str):
            state["node"] = now
            if state["queue"]:
                state["queue"] = "SUSPENDED"
            return refuse("ssh: connect to host 10.0.0.1 port 22: Connection timed out", 255)
        for number in range(0 if now == [] else 2):
            said = now[number] if now and state["key"] else "none"
            print(f"worker t1v-w-{number} {state['key'] or '-'} {said}")
    elif "worker.sh log" in command:
        print(state["log"])
    return 0


def refuse(text: str, code: int = 1) -> int:
    """Ends with a text on standard error."""
    print(text, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
