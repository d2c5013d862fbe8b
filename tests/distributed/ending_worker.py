"""A program that meets a fault on one of its processes, for test_ending.py: `ending_worker.py FAULT PROCESS`."""

import argparse
import os
import signal
import sys
import time
import types

import jax

from real3d_jax.errors import UserError
from real3d_jax.runtime import cli, hosts, watch
from real3d_jax.runtime.device_errors import DeviceErrors

fault, process = sys.argv[1], int(sys.argv[2])
SIGNALS = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}
SIGNALS |= {f"{name}_at_start": number for name, number in SIGNALS.items()}


def fail_on_a_device(errors):
    """What is followed stands for an array: a CPU fails at once, in the thread that asks for it."""

    def wait():
        raise MemoryError("this device has no room")

    shard = types.SimpleNamespace(device="TEST:1", data=types.SimpleNamespace(block_until_ready=wait))
    errors.follow(types.SimpleNamespace(addressable_shards=[shard]))


def main():
    """Waits for the other process, which does not come."""
    seconds = 5.0 if fault == "missing" else 300.0
    options = argparse.Namespace(multihost=True, join_seconds=seconds, lost_seconds=5.0, stall_minutes=0.0)
    if fault == "stuck":
        options.stall_minutes = 0.05
    if fault.endswith("_at_start") and int(os.environ["JAX_PROCESS_ID"]) == process:
        jax.distributed.initialize = lambda *_, **__: os.kill(os.getpid(), SIGNALS[fault])
    with watch.joined(options) as watcher:
        here = hosts.this_process().startswith(f"process {process} ")
        watcher.beat("reading the examples of step 3")
        if here:
            if fault == "user_error":
                raise UserError("This is wrong: mend it.")
            if fault == "defect":
                raise RuntimeError("this is a defect")
            if fault in SIGNALS:
                os.kill(os.getpid(), SIGNALS[fault])
            if fault == "stuck":
                time.sleep(1000)
            if fault == "device":
                fail_on_a_device(DeviceErrors(watcher.told_of_device))  # which is not left
        elif fault == "device":
            time.sleep(1000)  # as in a step, for what that device does not give
        watcher.beat(watch.WAITING)
        numbers = [hosts.gather([turn, hosts.is_first()]) for turn in range(3)]
        if numbers != [[[turn, True], [turn, False]] for turn in range(3)]:
            raise AssertionError(numbers)
        print("done", flush=True)


cli.run(main)
