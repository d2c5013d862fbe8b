"""Scores folders of renders of any method with the metrics of an evaluation run."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from real3d_jax.config.evaluation import BootstrapConfig, NetworksConfig
from real3d_jax.errors import UserError
from real3d_jax.evaluation import programs
from real3d_jax.evaluation.cases import Case, choose_cases, difference, mean_scores
from real3d_jax.evaluation.foreign_renders import RenderedInstance, open_renders
from real3d_jax.evaluation.geometry import mesh_scores
from real3d_jax.evaluation.networks import Networks, load_networks
from real3d_jax.evaluation.publish import publish, warnings
from real3d_jax.evaluation.results import Results, Row
from real3d_jax.evaluation.summary import set_metrics, summarise
from real3d_jax.metrics.meshes import F_SCORE_THRESHOLD, SAMPLES
from real3d_jax.perceptual.image_encoder import ImageEncoder
from real3d_jax.runtime.console import say
from real3d_jax.runtime.stopping import StopRequest

BOOTSTRAP = BootstrapConfig(level=0.95, resamples=10_000)
_SEED = 0
_CASES = 3
_TABLE = 1  # all groups
_CHUNK = 8  # views scored at a time; all have one shape, so a size is compiled once
_OFF_AXIS = 5.0  # degrees by which a camera may look past the origin without a word
_LEAST_FOR_LPIPS = 32  # pixels per side
_PATIENCE = 20.0  # seconds in which a chunk has to end after a signal; it may wait for the compiler


def evaluate_renders(folder: Path, out: Path, *, method: str, options: NetworksConfig) -> int:
    """Scores the renders in `folder` and writes the results into `out`; instances that are scored already are kept.

    Args:
      folder: of renders, as docs/evaluation.md describes it.
      out: folder of the results.
      method: whose renders they are, in tables.
      options: the networks that judge.

    Returns:
      The exit code, as of `evaluation.evaluate`.

    Raises:
      UserError: a file of the folder has to be put right first.
    """
    with StopRequest(patience=_PATIENCE) as stop:
        instances = open_renders(folder)
        networks = load_networks(options, lpips=True, semantic=True, seed=_SEED, where="--")
        settings = {"kind": "renders", "method": method, "left_out": sorted(networks.left_out)}
        say(f"renders    {len(instances)} instances in '{folder}'")
        for name, reason in networks.left_out.items():
            say(f"left out   {name}: {reason}")
        with contextlib.closing(Results(out, settings)) as results:
            stop.begin()
            interval = 0.5 if sys.stderr.isatty() else 10.0
            for number, instance in enumerate(
                tqdm(instances, unit="instance", mininterval=interval, dynamic_ncols=True), 1
            ):
                _warn_off_axis(instance)
                _warn_lone_mesh(instance)
                stamp = instance.stamp()
                if not results.has(instance.key, stamp):
                    results.append(score_instance(instance, networks, stamp=stamp))
                if stop.requested(number) and number < len(instances):
                    say(f"stopped by {stop.name} after {number} of {len(instances)}; the same command goes on")
                    return stop.exit_code
            _publish(instances, results, networks, method)
    return 0


def score_instance(instance: RenderedInstance, networks: Networks, *, stamp: str = "") -> Row:
    """The scores of one instance.

    Novel views are scored against the true ones where there are any. Against the input view are compared all views but
    the input view itself.

    Raises:
      UserError: an image is damaged, or too small for a metric.
    """
    predicted = instance.predicted()
    height, width = predicted.shape[1:3]
    if networks.lpips_params is not None and min(height, width) < _LEAST_FOR_LPIPS:
        raise UserError(
            f"The views of '{instance.folder}' are {width} x {height}, too small for LPIPS: render them with at least "
            f"{_LEAST_FOR_LPIPS} pixels per side, or leave out --vgg."
        )
    values: dict[str, np.ndarray] = {}
    if instance.true:
        values |= _novel_scores(predicted, instance.targets(), networks)
    meshes = instance.meshes()
    if meshes is not None:
        values |= mesh_scores(*meshes, points=SAMPLES, f_distance=F_SCORE_THRESHOLD, seed=_SEED)
    around = [number for number, pose in enumerate(instance.poses) if not pose.is_input]
    features = {}
    if around and networks.compare_with_input:
        source = instance.input(height, width)
        values |= _semantic_scores(predicted[around], source, networks)
        if networks.inception is not None:
            found = programs.inception_features(networks.inception, predicted[around][None], source[None])
            features = {name: rows[0] for name, rows in found.items()}
    if not values and not features:
        raise UserError(
            f"Nothing of '{instance.folder}' can be scored: add true views in gt/, or give --vgg or --clip to compare "
            "its views with the input."
        )
    return Row(instance.key, {networks.named(name): scores for name, scores in values.items()}, {}, features, stamp)


@jax.jit
def _pair_scores(lpips_params: dict | None, predicted: jax.Array, true: jax.Array) -> dict[str, jax.Array]:
    scores = programs.score_views(
        predicted[None] / 255.0, true[None] / 255.0, lpips_params=lpips_params, window="uniform"
    )
    return {name: values[0] for name, values in scores.items()}


@jax.jit
def _likeness(
    clip: ImageEncoder | None, lpips_params: dict | None, views: jax.Array, source: jax.Array
) -> dict[str, jax.Array]:
    scores = programs.likeness(views[None] / 255.0, source[None] / 255.0, clip=clip, lpips_params=lpips_params)
    return {name: values[0] for name, values in scores.items()}


def _novel_scores(
    predicted: UInt8[np.ndarray, "V h w 3"], true: UInt8[np.ndarray, "V h w 3"], networks: Networks
) -> dict[str, np.ndarray]:
    return _in_chunks(lambda a, b: _pair_scores(networks.lpips_params, a, b), predicted, true)


def _semantic_scores(
    views: UInt8[np.ndarray, "V h w 3"], source: UInt8[np.ndarray, "h w 3"], networks: Networks
) -> dict[str, np.ndarray]:
    found = _in_chunks(
        lambda part, inputs: _likeness(networks.clip, networks.lpips_params, part, inputs[0]),
        views,
        np.broadcast_to(source, views.shape),
    )
    return {f"semantic_{name}": scores for name, scores in found.items()}


def _in_chunks(compute, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of pairs of images, `_CHUNK` at a time; the last pair fills the last chunk up."""
    found: list[dict[str, np.ndarray]] = []
    for start in range(0, len(a), _CHUNK):
        rows = np.minimum(np.arange(start, start + _CHUNK), len(a) - 1)
        images = (jnp.asarray(x[rows], jnp.float32) for x in (a, b))
        found.append({name: np.asarray(scores) for name, scores in compute(*images).items()})
    return {name: np.concatenate([part[name] for part in found])[: len(a)] for name in found[0]}


def _warn_off_axis(instance: RenderedInstance) -> None:
    for name, pose in zip(instance.names, instance.poses, strict=True):
        if pose.off_axis > _OFF_AXIS:
            say(
                f"warning    the camera of view {name} of '{instance.key}' looks {pose.off_axis:.0f} degrees past the "
                "origin after its similarity: check c2w (OpenGL axes) and similarity."
            )
            return


def _warn_lone_mesh(instance: RenderedInstance) -> None:
    files = instance.mesh_files()
    if len(files) == 1:
        (path,) = files.values()
        say(f"warning    '{path}' has no other mesh to be compared with: geometry of '{instance.key}' is left out.")


def _publish(instances: Sequence[RenderedInstance], results: Results, networks: Networks, method: str) -> None:
    rows = [results.rows[instance.key] for instance in instances]
    metrics = summarise(rows, bootstrap=BOOTSTRAP, seed=_SEED)
    metrics |= set_metrics(results.folder, [row.key for row in rows], seed=_SEED)
    about = {
        "method": method,
        "test set": f"{len(rows)} instances of renders",
        "confidence level": BOOTSTRAP.level,
        "left out": dict(networks.left_out),
        "warnings": warnings(metrics, networks),
    }
    publish(
        results.folder,
        rows=rows,
        metrics=metrics,
        about=about,
        table=_TABLE,
        distances={},
        cases=[_case(label, instances[number], rows[number]) for label, number in choose_cases(rows, _CASES)],
    )


def _case(label: str, instance: RenderedInstance, row: Row) -> Case:
    rendered = list(instance.predicted())
    strips = {"input": [instance.input(*rendered[0].shape[:2])], "rendered": rendered}
    if instance.true:
        true = list(instance.targets())
        strips |= {"true views": true, "difference": difference(true, rendered)}
    return Case(label, row.key, mean_scores(row), strips)
