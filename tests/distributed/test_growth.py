"""`batch.grow` on 16 devices is the run that its rule writes out: so many examples, that rate, these steps."""

import json
import math
from pathlib import Path

import jax
import numpy as np
import pytest

from real3d_jax.checkpoints.run_folder import load_params
from tests.distributed.processes import ended, start

WORKER = Path(__file__).with_name("faulty_training.py")
CONFIG = """from tests.tiny_run import make_tiny_tree
def get_config(variant=""):
    tree = make_tiny_tree("data", schedule__validation_objects=0, schedule__checkpoint_every=0)
    tree.optimizer.update(learning_rate={rate}, end_learning_rate=0.0, warmup_steps={warmup})
    tree.batch.update(synthetic={examples}, real={examples}, micro_batches=0, grow={grow})
    tree.model.layers = tree.model.vit.layers = 1
    tree.schedule.steps = {steps}
    return tree
"""


def run(folder, name, step, *, devices, **settings):
    """The metrics of each step, the parameters at the end, and what was printed."""
    (folder / f"{name}.py").write_text(CONFIG.format(**settings))
    words = (step, -1, 0, "--config", f"{name}.py", "--workdir", name)
    (code,), (text,) = ended(start(WORKER, *words, count=1, folder=folder, devices=devices, plainly=True))
    assert code == 0, text
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    params = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(load_params(folder / name))])
    return [line for line in lines if "loss" in line], params, text


@pytest.mark.parametrize("step", ["none", pytest.param("true_step", marks=pytest.mark.slow)])
def test_a_grown_run_on_16_devices(tmp_path, step):
    """As one device takes it with the grown settings; with a step that compiles in no time, and with the true one."""
    grown, params, text = run(tmp_path, "grown", step, devices=16, examples=8, grow=True, steps=8, rate=1e-3, warmup=2)
    assert "16 synthetic + 16 real examples a step, grown 2 times," in text
    assert "work       100% of what a device computes counts" in text
    assert [line["step"] for line in grown] == [1, 2, 3, 4]
    plain, expected, _ = run(
        tmp_path, "plain", step, devices=1, examples=16, grow=False, steps=4, rate=1e-3 * math.sqrt(2), warmup=1
    )
    rates = [line["learning_rate"] for line in grown]
    assert max(rates) == pytest.approx(1e-3 * math.sqrt(2), rel=1e-5) and rates[0] < rates[1] > rates[2] > rates[3]
    for line, other in zip(grown, plain, strict=True):
        assert line["learning_rate"] == pytest.approx(other["learning_rate"], rel=1e-6)
        assert line["loss"] == pytest.approx(other["loss"], rel=1e-4)
    assert len({line["loss"] for line in grown}) == 4
    np.testing.assert_allclose(params, expected, rtol=1e-4, atol=2e-5)
