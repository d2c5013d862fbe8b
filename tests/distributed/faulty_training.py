"""`launch/train.py` with a planted fault, for test_training_faults.py.

`faulty_training.py FAULT PROCESS STEP WORDS...`, the words as of the command. The fault occurs on process PROCESS (-1:
on all) as the batch of step STEP is read, or where its name says. The training step is one that compiles in no time,
moves the parameters by what it sees of all devices' examples, and draws nothing; the rest of the run is the real one.
The fault `true_step` is none, and leaves the step as it is.
"""

import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from real3d_jax.commands import train as command  # noqa: E402
from real3d_jax.errors import UserError  # noqa: E402
from real3d_jax.runtime import cli  # noqa: E402


def plant(fault, here, at):
    """Makes the fault happen, if it is this process' own."""
    from real3d_jax.data import pipeline
    from real3d_jax.training import checkpoint_writing, checkpoints

    checkpoints._WAITS = (0.0,) * len(checkpoints._WAITS)  # on all processes, which try as often as one another
    if not here:
        return
    read, step = pipeline.train_batches, at

    def faulty(config, *, start_step, **hosts):
        for number, batch in enumerate(read(config, start_step=start_step, **hosts), start=start_step + 1):
            if number == step:
                if fault == "user_error":
                    raise UserError("Record 3 of 'cup' cannot be read: prepare it again.")
                if fault == "defect":
                    raise RuntimeError("this is a defect")
                if fault == "stuck":
                    time.sleep(1000)
                if fault == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
            if fault == "slow":
                time.sleep(0.3)
            yield batch

    def cannot(*_, **__):
        raise OSError(5, "Input/output error")

    def no_room(*_):
        raise OSError(28, "No space left on device")

    pipeline.train_batches = faulty
    if fault == "unreadable":
        checkpoints.verify = cannot
    if fault == "unrestorable":
        checkpoints.Checkpoints.restore = cannot
    if fault == "disk_full":
        checkpoint_writing.seal = no_room
    if fault == "kills":
        save = checkpoint_writing.seal

        def killed(folder):
            if int(folder.name.split(".")[0]) >= step:
                os.kill(os.getpid(), signal.SIGKILL)
            save(folder)

        checkpoint_writing.seal = killed


def simplify():
    """Puts a trivial step in the place of the true one."""
    import jax
    import jax.numpy as jnp

    from real3d_jax.training import compiled_step, startup
    from real3d_jax.training.state import apply_gradients

    def step(state, batch, frozen, key, *, optimizer, **_):
        seen = jnp.mean(batch.synthetic.rgb / 255.0) + jnp.mean(batch.real.image / 255.0)
        gradients = jax.tree.map(lambda leaf: jnp.full_like(leaf, seen - 1.0), state.params)
        state = apply_gradients(state, gradients, seen, optimizer, 0.5)
        return state, {"loss": seen, "skipped": state.skipped, "skipped_in_a_row": state.skipped_in_a_row}

    compiled_step.train_step = step
    startup._load_frozen = lambda config, mesh: None
    draw_nothing()


def draw_nothing():
    """Drawing takes long to compile."""
    from real3d_jax.training import loop

    loop._draw = lambda run, step, batch: run.workdir


fault, process, step, *words = sys.argv[1:]
draw_nothing() if fault == "true_step" else simplify()
sys.argv = ["train.py", *words]
plant(fault, process in ("-1", os.environ.get("JAX_PROCESS_ID", "0")), int(step))
cli.run(command.main)
