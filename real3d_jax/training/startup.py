"""Everything between a configuration and the first step, and the summary of it that is printed."""

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from real3d_jax.batches import TrainBatch
from real3d_jax.config import files as config_files
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.training import Config, going_on, uses_lpips
from real3d_jax.data import pipeline
from real3d_jax.data.embedded.preparation import prepare_embedded
from real3d_jax.data.procedural.streaming import draw_on_mesh
from real3d_jax.data.quarantine import Quarantine
from real3d_jax.errors import UserError
from real3d_jax.models.aligned_positions import check_position_start
from real3d_jax.models.choice import make_any_model
from real3d_jax.runtime import folders, hosts, stores, watch
from real3d_jax.runtime.batch_layout import lay_out
from real3d_jax.runtime.console import say
from real3d_jax.runtime.mirror import Mirror
from real3d_jax.runtime.sharding import batch_sharding, make_mesh, put_batch, put_same, replicated, rows_here
from real3d_jax.runtime.stores import Folder
from real3d_jax.runtime.threads import begun
from real3d_jax.training import kept_step
from real3d_jax.training.beside import ReadAhead
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.compiled_step import jit_step
from real3d_jax.training.first_step import FirstStep
from real3d_jax.training.growth import check_same_growth, grow, growth
from real3d_jax.training.initialization import abstract_state, find_start, initial_state, root_key
from real3d_jax.training.kept_step import KeptStep
from real3d_jax.training.optimizer import make_optimizer
from real3d_jax.training.preview import preview, render_objects
from real3d_jax.training.reporting import Reporter, describe_devices, describe_parameters
from real3d_jax.training.slowest import Slowest
from real3d_jax.training.state import TrainState
from real3d_jax.training.times import Times
from real3d_jax.training.validation import Validator
from real3d_jax.training.workdir import check_same_run, prepare_workdir
from real3d_jax.weights.networks import load_frozen


@dataclasses.dataclass
class Run:
    """A run that is ready for its next step.

    Attributes:
      config: its configuration.
      workdir: its folder on this machine; checkpoints may be elsewhere.
      mirror: of that folder in an object store, if the run has its folder there.
      mesh: its devices.
      start: steps taken before this try.
      state: replaced by every step; the shapes of one while `meanwhile` of `prepared` has the run.
      put_fn: a batch that this host has read to one on the mesh, with the objects drawn that are streamed.
      shapes_fn: what the step can be lowered with in place of what `put_fn` gives; nothing is drawn for it.
      step_fn: `(state, batch, frozen, key) -> (state, metrics)`, compiled; it takes the state's memory over.
      preview_fn: `(params, batch, key, step) -> pictures by label`.
      networks: CLIP and LPIPS, while a thread loads them.
      key: the run's random key.
      batches: reader of this host's rows, at the state's step.
      validator: of held-out objects, or None where the config asks for none.
      checkpoints: of the workdir.
      reporter: of metrics.
      quarantine: records that it goes on without.
      times: where its time goes.
      slowest: which process the others wait for.
      fingerprint: of the data, as JSON.
      results: scores and seconds so far; saved in each checkpoint, so that a resumed run goes on with them.
      best_psnr: of the best checkpoint.
      started: clock at which `results["seconds"]` ended.
      first: what the time until the first step is over goes into.
      kept: where the compiled step is kept for later starts, and one of an earlier start is read from.
      compiling: the step, while a thread compiles it.
      last_saved: clock of the last checkpoint, or of the start.
    """

    config: Config
    workdir: Path
    mirror: Mirror | None
    mesh: Mesh
    start: int
    state: TrainState
    put_fn: Callable[[TrainBatch], TrainBatch]
    shapes_fn: Callable[[TrainBatch], TrainBatch]
    step_fn: Callable[..., tuple[TrainState, dict[str, jax.Array]]]
    preview_fn: Callable[..., dict[str, jax.Array]]
    networks: Future[Any]
    key: jax.Array
    batches: Iterator[TrainBatch]
    validator: Validator | None
    checkpoints: Checkpoints
    reporter: Reporter
    quarantine: Quarantine
    times: Times
    fingerprint: Any
    results: dict[str, Any]
    best_psnr: float
    started: float
    first: FirstStep
    kept: KeptStep | None = None
    compiling: Future[Any] | None = None
    slowest: Slowest = dataclasses.field(default_factory=Slowest)
    last_saved: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def frozen(self) -> Any:
        """CLIP and LPIPS; whoever asks first waits for them, and is told what is wrong with them."""
        return self.networks.result()

    def saved(self) -> None:
        """Notes that a checkpoint is being written."""
        self.last_saved = time.monotonic()

    def is_save_due(self) -> bool:
        """Whether it is time for a checkpoint by the clock of the first process; to be asked by all."""
        minutes = self.config.schedule.checkpoint_minutes
        return bool(minutes) and hosts.from_process(0, time.monotonic() - self.last_saved > 60 * minutes)

    def shown(self, path: Path) -> Folder:
        """A path in the workdir, for messages."""
        return path if self.mirror is None else self.mirror.shown(path)

    def seconds(self) -> float:
        """Spent on the run so far, earlier tries included."""
        return self.results.get("seconds", 0.0) + time.monotonic() - self.started

    def records(self) -> dict[str, Any]:
        """What is saved beside the state."""
        return {
            "data": {"batches_read": int(self.state.step), "fingerprint": self.fingerprint},
            "config": config_files.to_tree(self.config),
            "run": self.results | {"seconds": self.seconds(), "productive_seconds": self.times.productive},
        }


@contextlib.contextmanager
def prepared(
    config: Config,
    workdir: Folder,
    *,
    before: float = 0.0,
    meanwhile: Callable[[Run], None] = lambda run: None,
) -> Iterator[Run]:
    """Makes a run ready: data, model, state (a new one or the workdir's latest), and the step, to be compiled.

    What can be refused at once is refused before anything is read or computed. On leaving, checkpoints are written to
    their end and files closed.

    Args:
      config: of the run.
      workdir: its folder.
      before: seconds that the program has run already.
      meanwhile: begins what threads do while the run is made ready. It is given the run before random parameters are
        made, which takes long, with the shapes of the state; other states are read before.

    Raises:
      UserError: something in the config, the data, the devices or the workdir has to be put right first.
    """
    started, first = time.monotonic(), FirstStep(before)
    with contextlib.ExitStack() as stack:
        mesh = make_mesh(config.mesh)
        times, config = growth(config, mesh.size), grow(config, mesh.size)
        layout = lay_out(config.batch, mesh.size, streamed=pipeline.streamed_rows(config))
        model = make_any_model(config.model, config.compute)
        check_position_start(config.position_start, config.model)
        optimizer = make_optimizer(config.optimizer, config.schedule.steps)
        workdir = stores.place(workdir)
        prepare_workdir(workdir)
        mirror = stack.enter_context(Mirror(workdir, shared=("quarantine",))) if stores.is_address(workdir) else None
        folder = workdir if mirror is None else mirror.folder
        checkpoints = Checkpoints(workdir, config.schedule.keep)
        stack.callback(checkpoints.close)
        stack.push(watch.current().told)  # before the checkpoints are closed, which waits for the other processes
        if mirror is not None:
            stack.callback(mirror.copy)  # `told` may end this process
        config = _check_and_write_config(config, folder, checkpoints)

        say(describe_devices(layout, config.mesh.fsdp, float(times)))
        first.mark("devices")
        pipeline.check_given(config)
        source = None if checkpoints.steps() else find_start(config)
        _prepare_data(config)
        say(f"data       {pipeline.describe(config)}")
        fingerprint = json.loads(json.dumps(pipeline.fingerprint(config)))
        first.mark("data")

        stack.enter_context(jax.set_mesh(mesh))
        validator = begun("held-out", lambda: _make_validator(config, model, mesh))  # which reads its objects
        networks = begun("networks", lambda: _load_frozen(config, mesh))
        kept = kept_step.find(config, mesh)
        shapes = abstract_state(config, model, optimizer, mesh)
        restored = checkpoints.restore_latest(shapes)
        if restored is not None:
            _check_same_data(restored[1]["data"]["fingerprint"], fingerprint, workdir)
        elif source is None:  # unreadable checkpoints were set aside
            source = find_start(config)
        start = 0 if restored is None else int(restored[0].step)
        quarantine = Quarantine.of(
            folder.resolve() / "quarantine",
            limit=config.data.max_quarantined,
            shown=str(stores.absolute(workdir) / "quarantine"),
        )
        if quarantine.names:
            say(f"quarantine {len(quarantine.names)} records are left out, listed in '{quarantine.shown}'")
        batches = pipeline.train_batches(
            config,
            start_step=start,
            layout=layout,
            rows_of=functools.partial(rows_here, mesh),
            quarantine=quarantine,
        )
        if start < config.schedule.steps:
            batches = ReadAhead(batches)

        if restored is None:
            state = shapes if source is None else initial_state(config, model, optimizer, mesh, folder, start=source)
            results = {}
            start_from = config.init_from or f"random parameters with {config.position_start} positions"
            say(f"start      from {start_from}, in {workdir}")
        else:
            state, results = restored[0], restored[1]["run"]
            say(f"start      resumed after step {start}, in {workdir}")
        say(describe_parameters(state))
        first.mark("state")
        reporter = Reporter(folder, steps=config.schedule.steps, start=start, log_every=config.schedule.log_every)
        stack.callback(reporter.close)
        put, shapes_of = _make_put(config, mesh)
        run = Run(
            config=config,
            workdir=folder,
            mirror=mirror,
            mesh=mesh,
            start=start,
            state=state,
            put_fn=put,
            shapes_fn=shapes_of,
            step_fn=jit_step(
                config, shapes, model=model, optimizer=optimizer, micro_batches=layout.micro_batches, mesh=mesh
            ),
            preview_fn=jax.jit(functools.partial(preview, model=model, config=config), out_shardings=replicated(mesh)),
            networks=networks,
            key=root_key(config.seed, mesh),
            batches=batches,
            validator=validator.result(),
            checkpoints=checkpoints,
            reporter=reporter,
            quarantine=quarantine,
            times=Times(folder if hosts.is_first() else None, results.get("productive_seconds", 0.0)),
            fingerprint=fingerprint,
            results=results,
            best_psnr=checkpoints.best_psnr(),
            started=started,
            first=first,
            kept=kept,
        )
        meanwhile(run)
        if run.state is shapes:
            run.state = initial_state(config, model, optimizer, mesh, folder, start=None)
            first.mark("state")
        networks.result()
        first.mark("networks")
        yield run


def _make_put(
    config: Config, mesh: Mesh
) -> tuple[Callable[[TrainBatch], TrainBatch], Callable[[TrainBatch], TrainBatch]]:
    """`put_fn` and `shapes_fn` of a run. Objects that are streamed are drawn, and follow those that were read."""
    how = {
        "image_size": config.model.image_size,
        "target_size": config.render.resolution,
        "posed": isinstance(config.model, ConditionedModelConfig),
    }
    draw = jax.jit(functools.partial(draw_on_mesh, mesh=mesh, **how))
    rows = batch_sharding(mesh)

    def put(batch: TrainBatch) -> TrainBatch:
        placed = put_batch(batch, mesh)
        if placed.streamed is None:
            return placed
        return TrainBatch(draw(placed.streamed, placed.synthetic), placed.real)

    def shapes(batch: TrainBatch) -> TrainBatch:
        placed = put_batch(batch, mesh)
        if placed.streamed is None:
            return placed
        drawn = jax.eval_shape(draw, placed.streamed, placed.synthetic)
        drawn = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=rows), drawn)
        return TrainBatch(drawn, placed.real)

    return put, shapes


def _check_and_write_config(config: Config, workdir: Path, checkpoints: Checkpoints) -> Config:
    """The configuration that the run goes on with: what is given, compared with the workdir's and written there."""
    path = workdir / "config.json"
    saved = None
    if path.exists() and checkpoints.steps():
        saved = folders.read_json(path, remedy="restore it, or use another --workdir")
        config = going_on(config, saved)
        check_same_growth(saved, config, workdir)
    tree = json.loads(json.dumps(config_files.to_tree(config)))
    for change in check_same_run(saved, tree, workdir) if saved is not None else ():
        say(f"changed    {change}")
    if jax.process_index() == 0:
        folders.replace_text(path, json.dumps(tree, indent=1) + "\n")
    return config


def _prepare_data(config: Config) -> None:
    """Makes the embedded data sets that are missing, on the first host; the others wait (the folder is shared)."""
    if config.data.embedded and jax.process_index() == 0:
        prepare_embedded(config.data)
    hosts.gather(None)


def _check_same_data(saved: Any, current: Any, workdir: Folder) -> None:
    if not pipeline.is_fingerprint_of(saved, current):
        raise UserError(
            f"The workdir '{workdir}' was trained on other data or batches than the config names now: use another "
            "--workdir, or restore the data and the config."
        )


def _load_frozen(config: Config, mesh: Mesh) -> Any:
    frozen = load_frozen(
        config.perceptual,
        need_encoder=bool(config.batch.real and config.losses.semantic.weight),
        need_lpips=uses_lpips(config),
        seed=config.seed,
    )
    return put_same(frozen, replicated(mesh))


def _make_validator(config: Config, model: Any, mesh: Mesh) -> Validator | None:
    if not (config.data.validation and config.schedule.validation_objects and config.schedule.validation_views):
        return None
    return Validator(
        pipeline.validation_sets(config), functools.partial(render_objects, model=model, config=config), mesh
    )
