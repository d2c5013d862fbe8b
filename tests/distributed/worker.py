"""Two training steps on fake devices, for test_devices.py.

`worker.py FOLDER PROCESSES PROCESS PORT CASE...`, where a case is `NAME,DEVICES,FSDP,IMPLEMENTATION,DTYPE`: the first
so many of the devices, and IMPLEMENTATION goes into `config.render` and `config.compute.elementwise`. What a case gives
is in FOLDER/NAME.npz.

The batch has 8 + 8 examples; devices that do not divide them get filler. In bfloat16 the program alone is of interest,
and what it gives are zeros: it is compiled and not run. XLA's CPU may begin a sum over devices while others wait in an
earlier loop for that device, as long as neither needs the other's result, and then all of them wait forever.
"""

import dataclasses
import functools
import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
folder, processes, process, port, *cases = sys.argv[1:]
cases = [case.split(",") for case in cases]
os.environ["JAX_PLATFORMS"] = "cpu"
most = max(int(devices) for _, devices, *_ in cases)
count = f"--xla_force_host_platform_device_count={most // int(processes)}"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {count}"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

sys.path.append(str(TESTS))
from miniature import shrink  # noqa: E402

from real3d_jax.benchmarks.random_batches import random_batch  # noqa: E402
from real3d_jax.config import files as config_files  # noqa: E402
from real3d_jax.config.training import BatchConfig, MeshConfig  # noqa: E402
from real3d_jax.models.lrm import init_params, make_model  # noqa: E402
from real3d_jax.perceptual.frozen import FrozenNetworks  # noqa: E402
from real3d_jax.runtime import sharding  # noqa: E402
from real3d_jax.runtime.batch_layout import lay_out  # noqa: E402
from real3d_jax.training.initialization import root_key  # noqa: E402
from real3d_jax.training.state import create  # noqa: E402
from real3d_jax.training.step import train_step  # noqa: E402


def tiny_config(devices, implementation, dtype):
    """The smoke config shrunk, without the networks that judge: they take long to compile and add nothing here."""
    changes = [f"--config.losses.{name}.lpips=0" for name in ("supervised", "input_view", "cycle.weights")]
    changes += ["--config.losses.semantic.weight=0", "--config.schedule.steps=100"]
    layers = 1 if dtype == "float32" else 2
    config = shrink(config_files.load(str(TESTS.parent / "configs" / "smoke.py") + ":scratch", changes))
    return dataclasses.replace(
        config,
        batch=BatchConfig(synthetic=8, real=8, micro_batches=0 if 8 % devices else 1),
        model=dataclasses.replace(
            config.model,
            decoder_width=16,  # the least that the fused kernel takes
            layers=layers,
            vit=dataclasses.replace(config.model.vit, layers=layers),
        ),
        compute=dataclasses.replace(config.compute, elementwise=implementation, dtype=dtype),
        render=dataclasses.replace(config.render, implementation=implementation),
    )


def rows_of(batch, layout, rows):
    """What a process reads that has the given rows."""
    weight = layout.real.weights_in(rows, whole=layout.real)
    batch = jax.tree.map(lambda x: np.asarray(x)[layout.real.examples_in(rows)], batch)
    return batch.replace(synthetic=batch.synthetic.replace(weight=weight), real=batch.real.replace(weight=weight))


def first_params(model, dtype, key):
    """Random parameters, or zeros in bfloat16."""
    init = functools.partial(init_params, model)
    if dtype == "float32":
        return init(key)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(init, key))


def run(name, devices, fsdp, implementation, dtype):
    """Writes parameters and metrics after two steps, the number of arrays that are split, and the program."""
    config = tiny_config(devices, implementation, dtype)
    model, optimizer = make_model(config.model, config.compute), optax.sgd(0.1, momentum=0.9)
    mesh = sharding.make_mesh(MeshConfig(fsdp), devices)
    layout = lay_out(config.batch, mesh.size)
    rows = sharding.rows_here(mesh, layout.real.rows)
    key = root_key(0, mesh)
    with jax.set_mesh(mesh), jax.default_matmul_precision("highest"):
        init = functools.partial(first_params, model, dtype)
        state = create(init, key, optimizer=optimizer, keep_ema=True, mesh=mesh)
        step = functools.partial(train_step, model=model, config=config, optimizer=optimizer)
        step = functools.partial(step, micro_batches=layout.micro_batches)
        shardings = (sharding.state_shardings(state, mesh), sharding.replicated(mesh))
        step = jax.jit(step, donate_argnums=0, out_shardings=shardings)
        frozen = FrozenNetworks(None, None)

        def batch(seed):
            return sharding.put_batch(rows_of(random_batch(config, seed=seed), layout, rows), mesh)

        step = step.lower(state, batch(0), frozen, key).compile()
        split = sum(not leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state))
        if dtype == "float32":
            for seed in range(2):
                state, metrics = step(state, batch(seed), frozen, key)
            gather = jax.jit(lambda x: x, out_shardings=sharding.replicated(mesh))
            given = gather((state.params, metrics))
        else:
            state, metrics = step.out_info
            given = jax.tree.map(lambda of: np.zeros(of.shape, of.dtype), (state.params, metrics))
    if process == "0":
        leaves, _ = jax.tree_util.tree_flatten_with_path(given)
        found = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
        np.savez(Path(folder) / f"{name}.npz", split=split, program=step.as_text(), **found)


if int(processes) > 1:
    jax.distributed.initialize(f"127.0.0.1:{port}", int(processes), int(process))
sharding._MIN_SPLIT = 1  # so that small arrays are split too
for name, devices, fsdp, implementation, dtype in cases:
    run(name, int(devices), int(fsdp), implementation, dtype)
