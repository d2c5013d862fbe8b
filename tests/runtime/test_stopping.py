"""When a process ends that was asked to stop."""

import signal
import subprocess
import sys
import time

import pytest

STEPS = """
import time
from real3d_jax.runtime.stopping import StopRequest

with StopRequest(patience={patience}) as stop:
    stop.begin()
    while not stop.requested(0):
        until = time.monotonic() + {step}
        print("a step begins", flush=True)
        while (left := until - time.monotonic()) > 0:
            time.sleep(left)
    print("kept")
raise SystemExit(stop.exit_code)
"""


def stop(*, patience: float, step: float) -> tuple[int, str, str, float]:
    """The exit code, what was said on both streams, and the seconds from the signal to the end."""
    program = STEPS.format(patience=patience, step=step)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], text=True, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "a step begins\n"
        process.send_signal(signal.SIGWINCH)  # no request
        began = time.monotonic()
        process.terminate()
        said, complained = process.communicate(timeout=60)
        said = said.replace("a step begins\n", "")
    return process.returncode, said, complained, time.monotonic() - began


@pytest.mark.parametrize(
    ("patience", "step", "said", "complained"),
    [(30, 0.1, "kept\n", ""), (0.2, 40, "", "stopped by SIGTERM: what it was doing took longer than 0.2 s")],
)
def test_a_step_that_takes_too_long_is_ended(patience, step, said, complained):
    code, kept, words, seconds = stop(patience=patience, step=step)
    assert code == 128 + signal.SIGTERM
    assert kept == said
    assert words.startswith(complained)
    assert bool(words) == bool(complained)
    assert seconds < 15
