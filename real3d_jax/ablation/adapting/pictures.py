"""Objects before and after, side by side."""

from pathlib import Path

import numpy as np
from PIL import Image

from real3d_jax.ablation.adapting.study import Study, plan
from real3d_jax.checkpoints.trained_model import find_model, load_checkpoint
from real3d_jax.evaluation.cases import to_pixels
from real3d_jax.evaluation.networks import Networks
from real3d_jax.evaluation.scored_objects import open_instances
from real3d_jax.evaluation.scorer import Scorer
from real3d_jax.reports.pictures import strip

PICTURE = "before_after.png"
_VIEWS = 3


def draw_pictures(study: Study) -> Path:
    """Writes a row for each object: the input; and for three novel views the truth, as it came, and adapted.

    The first objects of the test are shown, and of the runs the one with most photographs.
    """
    _, config = plan(study)
    instances = open_instances(config)
    shown = [instances.read(number) for number in range(min(study.config.shown, len(instances)))]
    nobody = Networks(lpips_params=None, clip=None, inception=None, left_out={}, meaningless=())
    adapted = study.workdir(study.config.numbers[-1], study.config.seeds[0])
    renders = []
    for checkpoint in (study.config.init_from, adapted):
        scorer = Scorer(config, load_checkpoint(find_model(checkpoint), config).params, nobody)
        renders.append([scorer.draw([instance])[0]["novel"] for instance in shown])
    rows = []
    for instance, before, after in zip(shown, *renders, strict=True):
        triples = zip(np.asarray(instance["rgb"], np.uint8), to_pixels(before), to_pixels(after), strict=True)
        columns = [np.asarray(instance["input_rgb"], np.uint8)]
        for view in list(triples)[:_VIEWS]:
            columns += view
        rows.append(strip(columns))
    picture = Image.fromarray(np.concatenate(rows))
    path = study.out / PICTURE
    picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.LANCZOS).save(path)
    return path
