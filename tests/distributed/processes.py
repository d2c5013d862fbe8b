"""Processes of one program on this machine, and what they print."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.commands import heed_interrupts, with_devices

ROOT = Path(__file__).parents[2]
_GLOO = re.compile(r"\[Gloo\] Rank | is connected to | peer ranks\. |Expected number of connected peer ranks is : ")


def start(script, *words, count, folder, devices=1, missing=(), plainly=False):
    """Starts `count` processes of a script, but those that are `missing`; their programs may be compiled `plainly`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
    }
    if plainly:
        environment["XLA_FLAGS"] = with_devices(devices)
    else:  # plainly compiled, sums over one and over two devices differ more
        environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "false"
    return [
        subprocess.Popen(
            [sys.executable, str(script), *map(str, words)],
            cwd=folder,
            env=environment | {"JAX_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_interrupts,
        )
        for number in range(count)
        if number not in missing
    ]


def ended(processes, *, timeout=600):
    """The exit codes, and what each printed without the words of JAX's network layer."""
    texts = []
    try:
        for process in processes:
            texts.append(process.communicate(timeout=timeout)[0])
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], [without_gloo(text) for text in texts]


def without_gloo(text):
    """Without the lines of JAX's network layer, whose threads write into each other's."""
    lines = (_GLOO.sub("", line) for line in text.splitlines())
    return "\n".join(line for line in lines if line.strip(" 0123456789"))
