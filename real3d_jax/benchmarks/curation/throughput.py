"""Instances a second that the rules decide on one core, without models or files."""

import dataclasses
import time
from collections.abc import Sequence

from real3d_jax.benchmarks.curation.scenes import Scene
from real3d_jax.curation.rules.decisions import decide_all
from real3d_jax.curation.settings import CurationSettings


def instances_per_second(scenes: Sequence[Scene], settings: CurationSettings, *, runs: int) -> list[float]:
    """Of each of several runs over all instances of the scenes, by processor time.

    Boxes are computed anew in each run, as for masks that have just been read.
    """
    rates = []
    for _ in range(runs + 1):
        fresh = [[dataclasses.replace(instance) for instance in scene.instances] for scene in scenes]
        start = time.process_time()
        for scene, instances in zip(scenes, fresh, strict=True):
            decide_all(instances, scene.disparity, settings=settings, image_key=scene.key)
        rates.append(sum(map(len, fresh)) / (time.process_time() - start))
    return rates[1:]  # the first warms up
