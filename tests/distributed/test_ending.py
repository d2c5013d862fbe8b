"""A program of two processes ends as one, within seconds and with one sentence, whatever befalls one of them."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.distributed.processes import ended, start

WORKER = Path(__file__).with_name("ending_worker.py")


def run(tmp_path, fault, process=1, **options):
    return ended(start(WORKER, fault, process, count=2, folder=tmp_path, **options), timeout=120)


@pytest.mark.parametrize("process", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_users_error_of_one_is_told_by_the_first(tmp_path, process):
    began = time.monotonic()
    codes, texts = run(tmp_path, "user_error", process)
    assert codes == [2, 2] and time.monotonic() - began < 60
    assert re.fullmatch(r"error: (Process 1 of 2 \(.+\): )?This is wrong: mend it\.", texts[0].strip())
    assert ("Process 1" in texts[0]) == (process == 1)
    assert not texts[1].strip()


def test_a_process_that_does_not_come_is_named(tmp_path):
    codes, texts = run(tmp_path, "missing", missing=[1])
    assert codes == [2]
    assert re.search(r"error: Process 1 of 2 did not come within 5 s, but 0 \(.+\) did: .*--join_seconds", texts[0])


@pytest.mark.slow
def test_a_first_process_that_does_not_come_is_named(tmp_path):
    codes, texts = run(tmp_path, "missing", missing=[0])
    assert codes == [2] and "error: Process 0 did not answer at 127.0.0.1:" in texts[0]


def test_a_stuck_process_is_named_and_all_show_their_stacks(tmp_path):
    codes, texts = run(tmp_path, "stuck")
    assert codes == [1, 1]
    assert re.search(
        r"error: Nothing has moved for 0.05 minutes, .*: the others waited while process 1 of 2 \(.+\) was reading the "
        r"examples of step 3\.",
        texts[0],
    )
    assert "ending_worker.py" in texts[1] and "Stacks of process 1 of 2" in texts[1]
    assert "in gather" in texts[0] and "Stacks of process 0 of 2" in texts[0]


@pytest.mark.slow
def test_a_killed_process_is_named(tmp_path):
    codes, texts = run(tmp_path, "killed")
    assert codes == [1, -signal.SIGKILL]
    assert re.search(r"error: Process 1 of 2.* gives no sign of life since 5 s", texts[0])


def test_a_first_process_that_is_killed_is_named_by_the_others(tmp_path):
    began = time.monotonic()
    codes, texts = run(tmp_path, "killed", 0)
    assert codes == [-signal.SIGKILL, 1] and time.monotonic() - began < 60
    (sentence,) = re.findall(r"error: Process 0 of 2 .*", texts[1])
    assert re.search(r"^error: Process 0 of 2 \(.+\) has ended without a word; it was killed", sentence)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["frozen", "frozen_at_start"])
def test_a_first_process_whose_machine_is_lost_is_named_by_the_others(tmp_path, fault):
    """A stopped process closes no connection, as a machine that is lost."""
    processes = start(WORKER, fault, 0, count=2, folder=tmp_path)
    try:
        text = processes[1].communicate(timeout=120)[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    assert processes[1].returncode == 1
    assert re.search(r"error: Process 0 of 2 \(.+\) gives no sign of life since 5 s; it was killed, or its", text)


@pytest.mark.slow
@pytest.mark.parametrize("process", [0, 1])
def test_a_process_that_is_killed_as_it_starts_is_named_by_the_other(tmp_path, process):
    began = time.monotonic()
    codes, texts = run(tmp_path, "killed_at_start", process)
    assert codes[process] == -signal.SIGKILL and codes[1 - process] == 1 and time.monotonic() - began < 60
    (sentence,) = re.findall(r"error: .*", texts[1 - process])
    what = ["has ended without a word; it was killed", "has ended as it started: what it printed says why."][process]
    assert re.search(rf"^error: Process {process} of 2 \(.+\) {what}", sentence)


@pytest.mark.slow
def test_a_defect_keeps_its_traceback_where_it_occurred(tmp_path):
    codes, texts = run(tmp_path, "defect")
    assert codes == [1, 1]
    assert re.search(r"error: Process 1 of 2 \(.+\): RuntimeError: this is a defect", texts[0])
    assert "Traceback" in texts[1] and "Traceback" not in texts[0]


@pytest.mark.slow
def test_a_device_that_fails_ends_both_though_one_waits_for_it_and_the_other_for_that_one(tmp_path):
    codes, texts = run(tmp_path, "device")
    assert codes == [1, 1]
    assert re.search(r"error: Process 1 of 2 \(.+\): device TEST:1 failed while it was waiting .*no room$", texts[0])


@pytest.mark.slow
def test_without_a_fault_all_is_done(tmp_path):
    codes, texts = run(tmp_path, "none")
    assert codes == [0, 0] and all("done" in text for text in texts)
