"""Compiled programs that training runs of one test process share."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator

import jax
import pytest

from real3d_jax.config import files as config_files
from real3d_jax.training import compiled_step, compiling, loop, startup


@contextlib.contextmanager
def shared_programs() -> Iterator[None]:
    """Runs within that differ in seed and start alone have one step, preview and score: tracing them takes long.

    Whatever else a config says may be part of the program. `jax.clear_caches` does nothing meanwhile.
    """
    compiled, scores, make_validator = {}, {}, startup._make_validator

    def program_of(config):
        settings = config_files.to_tree(dataclasses.replace(config, name="", seed=0, init_from=""))
        return compiled_step.train_step, json.dumps(settings, sort_keys=True)

    def score_as_before(config, model, mesh):
        validator = make_validator(config, model, mesh)
        if validator is not None:
            validator._score = scores.setdefault(program_of(config), validator._score)
        return validator

    def compile_once(run, batch):
        program = program_of(run.config)
        if program not in compiled:
            compiling.compile_step(run, batch)
            compiled[program] = run.step_fn, run.preview_fn
        run.step_fn, run.preview_fn = compiled[program]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "begin_compiling", lambda run, batch: None)
        patch.setattr(loop, "compile_step", compile_once)
        patch.setattr(startup, "_make_validator", score_as_before)
        patch.setattr(jax, "clear_caches", lambda: None)
        yield
