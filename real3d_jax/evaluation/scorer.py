"""Scores batches of objects on a mesh of devices."""

import dataclasses
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from real3d_jax.batches import as_float
from real3d_jax.cameras import Cameras
from real3d_jax.config.conditioned import AnyModelConfig, AnyRenderConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.model import ComputeConfig
from real3d_jax.config.protocols import ProtocolConfig
from real3d_jax.evaluation import programs
from real3d_jax.evaluation.baselines import baseline_scores
from real3d_jax.evaluation.geometry import field_scores
from real3d_jax.evaluation.networks import Networks
from real3d_jax.evaluation.results import Row
from real3d_jax.evaluation.scored_objects import Instance
from real3d_jax.models.choice import make_any_model
from real3d_jax.rendering import TriplaneField, render_views
from real3d_jax.rendering.field import reconstruct_any
from real3d_jax.runtime import compiler_options
from real3d_jax.runtime.sharding import make_mesh, put_batch, put_same, replicated, rows_here, state_shardings


class _Compiled(NamedTuple):
    """Programs, compiled when first used; those that give scores or pictures give them to every device."""

    encode: Callable[..., TriplaneField]
    novel: Callable[..., programs.Scores]
    baselines: Callable[..., dict[str, programs.Scores]]
    input: Callable[..., jax.Array]
    semantic: Callable[..., tuple[programs.Scores, jax.Array]]
    consistency: Callable[..., programs.Scores]
    around: Callable[..., jax.Array]
    views: Callable[..., jax.Array]
    gathered: Callable[[jax.Array], jax.Array]


@functools.cache
def _compiled(
    mesh: Mesh, architecture: AnyModelConfig, compute: ComputeConfig, render: AnyRenderConfig, protocol: ProtocolConfig
) -> _Compiled:
    """The programs of an evaluation; a second one of the same sizes in this process compiles nothing."""
    model = make_any_model(architecture, compute)
    distance, novel = protocol.input_view.distance, protocol.novel_views
    window = novel.ssim_window
    encoding = compiler_options.for_inference(architecture.token_width)

    def encode(params, image, source):
        return reconstruct_any(params, as_float(image), source, model=model)

    def views(field, cameras):
        return render_views(field, cameras, render, resolution=novel.resolution)[0]

    def everywhere(program, compiler_options=None, **settings):
        program = functools.partial(program, **settings)
        return jax.jit(program, out_shardings=replicated(mesh), compiler_options=compiler_options)

    return _Compiled(
        encode=jax.jit(encode, compiler_options=encoding),
        novel=everywhere(programs.novel_views, render=render, window=window),
        baselines=everywhere(baseline_scores, window=window),
        input=everywhere(programs.input_view, render=render),
        semantic=everywhere(programs.semantic_views, render=render, config=protocol.semantic),
        consistency=everywhere(
            programs.consistency,
            encoding,
            model=model,
            render=render,
            config=protocol.consistency,
            distance=distance,
            window=window,
        ),
        around=everywhere(programs.views_around, config=protocol.semantic, render=render),
        views=everywhere(views),
        gathered=everywhere(lambda array: array),
    )


class Scorer:
    """A model, its judges and the compiled programs. Batches have one fixed size.

    With several hosts each of them calls the methods alike, and gets what all the others get; of a batch's objects it
    must have read those of `needed`, and may give None for the others.

    Args:
      config: the evaluation's.
      params: of the model, host arrays.
      networks: the judges.

    Attributes:
      batch_size: objects of a batch.
      seconds: spent in each stage so far, compiling included.
    """

    def __init__(self, config: EvaluationConfig, params: Mapping, networks: Networks):
        self._config, self._networks = config, networks
        self._mesh = mesh = make_mesh(config.mesh)
        self.batch_size = config.batch_per_device * mesh.size
        self._rows = rows_here(mesh, self.batch_size)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        model = make_any_model(config.model, config.compute)
        self._params = jax.jit(model.inference_weights)(put_same(dict(params), state_shardings(dict(params), mesh)))
        self._judges = put_same({"lpips": networks.lpips_params, "clip": networks.clip}, replicated(mesh))
        distance = config.protocol.input_view.distance
        self._scales = np.array([1.0, *(d / distance for d in config.calibration.distances)], np.float32)
        self._compiled = _compiled(mesh, config.model, config.compute, config.render, config.protocol)

    def needed(self, count: int) -> list[int]:
        """The places in a batch of `count` objects that this host's devices compute; the last object fills up."""
        return sorted({min(row, count - 1) for row in self._rows})

    def score(self, instances: Sequence[tuple[str, Instance | None]]) -> list[Row]:
        """A row for each of at most `batch_size` objects, in their order."""
        config, judges = self._config, self._judges
        batch = self.put([instance for _, instance in instances])
        source = Cameras(batch["input_c2w"], batch["input_intrinsics"])
        field = self._timed("reconstruct", lambda: self._compiled.encode(self._params, batch["image"], source))
        values: dict[str, np.ndarray] = {}
        search: dict[str, np.ndarray] = {}
        features: dict[str, np.ndarray] = {}
        if config.scored.novel_views:
            cameras = Cameras(batch["c2w"], batch["intrinsics"])
            found = self._timed(
                "novel views",
                lambda: self._compiled.novel(
                    field, judges["lpips"], batch["rgb"], batch["mask"], cameras, self._scales
                ),
            )
            values |= {name: scores[0] for name, scores in found.items()}
            if len(self._scales) > 1:
                search = {name: scores[1:].mean(-1).T for name, scores in found.items()}
                seen = self._timed(
                    "calibration",
                    lambda: self._compiled.input(field, batch["input_rgb"], source, self._scales),
                )
                search["input_psnr"] = seen[1:].T
            if config.scored.baselines:
                values |= self._baselines(batch)
        if config.scored.input_view:
            seen = self._timed(
                "input view",
                lambda: self._compiled.input(field, batch["input_rgb"], source, np.ones(1, np.float32)),
            )
            values["input_psnr"] = seen.T
        if config.scored.semantic and self._networks.compare_with_input:
            found, views = self._timed(
                "semantic views",
                lambda: self._compiled.semantic(field, judges["clip"], judges["lpips"], batch["semantic_rgb"]),
            )
            values |= {f"semantic_{name}": scores for name, scores in found.items()}
            if self._networks.inception is not None:
                inputs = jax.device_get(self._compiled.gathered(batch["semantic_rgb"]))
                features = self._timed("inception", lambda: self._inception_features(views, inputs))
        if config.scored.consistency:
            found = self._timed(
                "consistency",
                lambda: self._compiled.consistency(
                    self._params, field, judges["lpips"], batch["consistency_rgb"], source
                ),
            )
            values |= {f"consistency_{name}": scores.T for name, scores in found.items()}
        if config.geometry.meshes:
            values |= self._geometry(field, instances)
        return [
            Row(
                key=key,
                values={self._networks.named(name): scores[i] for name, scores in values.items()},
                search={self._networks.named(name): scores[i] for name, scores in search.items()},
                features={name: rows[i] for name, rows in features.items()},
            )
            for i, (key, _) in enumerate(instances)
        ]

    def _baselines(self, batch: dict[str, jax.Array]) -> dict[str, np.ndarray]:
        """The scores of novel views for pictures that need no model, by `METRIC_BASELINE`."""
        shown = [batch[name] for name in ("input_rgb", "input_mask", "rgb", "mask")]
        found = self._timed("baselines", lambda: self._compiled.baselines(self._judges["lpips"], *shown))
        return {
            f"{self._networks.named(name)}_{baseline}": values
            for baseline, scores in found.items()
            for name, values in scores.items()
        }

    def _geometry(
        self, field: TriplaneField, instances: Sequence[tuple[str, Instance | None]]
    ) -> dict[str, np.ndarray]:
        """Scores of the surfaces, one object after another."""
        config, started = self._config, time.monotonic()
        found = [
            field_scores(
                dataclasses.replace(field, planes=field.planes[number : number + 1]),
                key,
                instance["to_input"],
                config=config.geometry,
                render=config.render,
                seed=config.seed,
            )
            for number, (key, instance) in enumerate(instances)
            if instance is not None
        ]
        self.seconds["geometry"] += time.monotonic() - started
        return {name: np.stack([scores[name] for scores in found]) for name in found[0]}

    def draw(self, instances: Sequence[Instance]) -> list[dict[str, Float[np.ndarray, "V h w 3"]]]:
        """Renders of at most `batch_size` objects, to look at: 'around', and 'novel' where there are true views."""
        batch = self.put(instances)
        source = Cameras(batch["input_c2w"], batch["input_intrinsics"])
        field = self._compiled.encode(self._params, batch["image"], source)
        strips = {"around": np.asarray(self._compiled.around(field))}
        if self._config.scored.novel_views:
            strips["novel"] = np.asarray(self._compiled.views(field, Cameras(batch["c2w"], batch["intrinsics"])))
        return [{name: images[i] for name, images in strips.items()} for i in range(len(instances))]

    def put(self, instances: Sequence[Instance | None]) -> dict[str, jax.Array]:
        """A batch of at most `batch_size` objects on the devices; those of `needed` must be there."""
        places = [min(row, len(instances) - 1) for row in self._rows]
        rows = [instance for place in places if (instance := instances[place]) is not None]
        return put_batch({name: np.stack([row[name] for row in rows]) for name in rows[0]}, self._mesh)

    def _inception_features(self, views: np.ndarray, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Features of the set's renders and of the input views, (B, F, D) and (B, 1, D)."""
        semantic, inception = self._config.protocol.semantic, self._networks.inception
        assert inception is not None
        chosen = [k for k, azimuth in enumerate(semantic.azimuths) if azimuth in semantic.fid_azimuths]
        return programs.inception_features(inception, views[:, chosen], inputs, jpeg_quality=semantic.fid_jpeg_quality)

    def _timed(self, stage: str, compute: Any) -> Any:
        started = time.monotonic()
        with jax.set_mesh(self._mesh):
            result = jax.block_until_ready(compute())
        self.seconds[stage] += time.monotonic() - started
        return jax.device_get(result) if stage != "reconstruct" else result
