"""Finished runs with made-up scores."""

import dataclasses
import json

import numpy as np
import pytest

from real3d_jax.ablation.pooling import Scored
from real3d_jax.evaluation.summary import Metric


@pytest.fixture
def finished(tmp_path, smoke_config):
    """Makes a finished run of a seed, with scores of two views an object, and of a baseline."""

    def make(name, seed, scores, fid=3.0):
        folder = tmp_path / f"{name}_{seed}"
        folder.mkdir()
        lines = [
            {
                "key": f"o{i}",
                "stamp": "",
                "values": {"psnr": [float(x) - 1, float(x) + 1], "psnr_one_colour": [9.0, 9.0]},
                "search": {},
            }
            for i, x in enumerate(scores)
        ]
        (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        metrics = {
            "psnr": Metric(float(np.mean(scores)), (0.0, 1.0), len(scores), 0, "instance", 2 * len(scores)),
            "semantic_fid": Metric(fid, None, 10, 0, "image", 10),
        }
        summary = {key: dataclasses.asdict(metric) for key, metric in metrics.items()} | {"about": {}}
        (folder / "summary.json").write_text(json.dumps(summary))
        return Scored(folder, dataclasses.replace(smoke_config, seed=seed))

    return make
