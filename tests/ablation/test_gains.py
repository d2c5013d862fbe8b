"""Tables 6 and 7: what is run, that both gains begin with the same and see the same objects, and their differences."""

import contextlib
import dataclasses
import json
import shutil
import sys

import numpy as np
import pytest

from real3d_jax.ablation import gain_tables, gains
from real3d_jax.ablation.gains import plan_gains, publish, run_gains
from real3d_jax.ablation.paper_sets import results_of
from real3d_jax.ablation.pooling import difference_of_gains
from real3d_jax.commands import ablate
from real3d_jax.config.conditioned import ConditionedModelConfig
from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.config.posed import PosedSourceConfig
from real3d_jax.errors import UserError

BOOTSTRAP = BootstrapConfig(level=0.95, resamples=500)
CONFIGS = {"config": "table7", "evaluation": "eval/table7"}


@pytest.fixture
def planned(tmp_path):
    return plan_gains(**CONFIGS, size="tiny", out=tmp_path / "out", seeds=(0, 1))


def test_starts_come_first_and_every_row_has_every_seed(planned):
    rows = [f"{row}/seed_{seed}" for seed in (0, 1) for row in ("lrm", "lrm_real", "base", "real3d")]
    assert list(planned.configs) == ["start_lrm", "start_real3d", *rows]
    for name, config in planned.configs.items():
        conditioned = "lrm" in name
        assert isinstance(config.model, ConditionedModelConfig) == conditioned
        if not name.startswith("start"):
            assert config.init_from.endswith("out/start_lrm" if conditioned else "out/start_real3d")


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_rows_of_a_size_take_the_same_steps_and_see_the_same_objects(tmp_path, size):
    planned = plan_gains(**CONFIGS, size=size, out=tmp_path, seeds=())
    rows = {name: planned.configs[name] for name in ("lrm", "lrm_real", "base", "real3d")}
    assert len({config.schedule.steps for config in rows.values()}) == 1
    captures = rows["lrm_real"].data.embedded["captures"]
    single = rows["real3d"].data.embedded["b" if size == "tiny" else "unseen"]
    assert captures.kind == "procedural_captures"
    assert single.kind == "procedural_single"
    for field in ("family", "seed", "objects", "image_size"):
        assert getattr(captures, field) == getattr(single, field)
    assert rows["real3d"].data.real["wild_images"].path == single.path
    # As many more examples a step for captures as for photographs.
    more = rows["lrm_real"].batch.synthetic - rows["lrm"].batch.synthetic
    assert more == rows["real3d"].batch.real - rows["base"].batch.real > 0
    assert set(rows["lrm_real"].data.synthetic) - set(rows["lrm"].data.synthetic) == {"captures"}
    assert all(isinstance(x, PosedSourceConfig) for x in rows["lrm_real"].data.synthetic.values())
    first, *others = planned.evaluations.values()
    same = {"model": first.model, "render": first.render, "compute": first.compute}
    assert all(dataclasses.replace(other, **same) == first for other in others), "the same objects and views are scored"


def test_the_rows_of_the_paper_are_its_configs(tmp_path):
    planned = plan_gains(**CONFIGS, size="paper", out=tmp_path, seeds=())
    assert list(planned.configs) == ["start_real3d", "lrm", "lrm_real", "base", "real3d"]
    assert set(planned.configs["lrm_real"].data.synthetic) - set(planned.configs["lrm"].data.synthetic) == {
        "mvimgnet_captures"
    }
    assert list(planned.configs["real3d"].data.real) == ["mvimgnet_single"]
    assert planned.configs["lrm"].init_from == ""


def test_runs_of_other_settings_are_refused(planned):
    folder = planned.out / "lrm" / "seed_0"
    folder.mkdir(parents=True)
    tree = json.loads(json.dumps(gains.config_files.to_tree(planned.configs["lrm/seed_0"])))
    tree["optimizer"]["learning_rate"] *= 2
    (folder / "config.json").write_text(json.dumps(tree))
    with pytest.raises(UserError, match="was run with other settings"):
        plan_gains(**CONFIGS, size="tiny", out=planned.out, seeds=(0, 1))


def test_gains_are_paired_by_object_and_seed(finished):
    objects = np.array([10.0, 14.0, 30.0])
    made = {
        row: [finished(row, seed, objects + gain + noise) for seed, noise in ((0, 0.0), (1, 5.0))]
        for row, gain in (("lrm", 0.0), ("lrm_real", 0.25), ("base", 1.0), ("real3d", 2.0))
    }
    pairs = [(made["real3d"], made["base"]), (made["lrm_real"], made["lrm"])]
    differences = difference_of_gains(pairs, BOOTSTRAP)
    assert set(differences) == {"psnr"}, "a baseline has none: it is of no run"
    found = differences["psnr"]
    assert found.mean == pytest.approx(0.75)
    assert found.interval == pytest.approx((0.75, 0.75)), "what is the same in all rows cancels"
    assert found.count == 3
    broken = [finished("broken", seed, np.array([12.0, np.nan, 32.0])) for seed in (0, 1)]
    found = difference_of_gains([(broken, made["base"]), pairs[1]], BOOTSTRAP)["psnr"]
    assert (found.count, found.non_finite) == (2, 1)
    assert difference_of_gains([pairs[0], (made["lrm_real"], made["lrm"][:0])], BOOTSTRAP) == {}


def test_the_table_has_rows_and_deltas(planned, finished, monkeypatch):
    """Scores are made up; what trains and scores is tested elsewhere."""
    bonus = {"lrm": 0.0, "lrm_real": 0.4, "base": 0.1, "real3d": 1.1, "start_lrm": 0.0, "start_real3d": 0.0}
    objects, ran = np.array([15.0, 16.0, 18.0]), []

    def score(ablation, name):
        ran.append((name, type(ablation.evaluation.model).__name__))
        if name == "real3d/seed_1":
            raise UserError("its updates were not finite")
        row = name.split("/")[0]
        made = finished(name.replace("/", "_"), ablation.configs[name].seed, objects + bonus[row])
        shutil.copytree(made.results, results_of(ablation.out, name))
        return 0

    monkeypatch.setattr(gains, "train_and_score", score)
    assert run_gains(planned) == 2
    assert ran[0] == ("start_lrm", "ConditionedModelConfig")
    assert dict(ran)["base/seed_0"] == "ModelConfig"
    tree = json.loads((planned.out / gain_tables.JSON).read_text())
    assert tree["rows"]["lrm_real"]["psnr"]["mean"] == pytest.approx(objects.mean() + 0.4)
    means = [deltas["psnr"]["mean"] for deltas in tree["deltas"].values()]
    assert means == pytest.approx([0.4, 1.0, 0.6])
    text = (planned.out / gain_tables.MARKDOWN).read_text()
    assert "| LRM* - LRM (multi-view) | 0.40 [0.40, 0.40], p" in text
    assert "Seeds: LRM 2, LRM* 2, TripoSR 2, Real3D 1." in text
    assert "`real3d/seed_1` failed: its updates were not finite" in text
    publish(planned, {})
    assert "failed" not in (planned.out / gain_tables.MARKDOWN).read_text()


@pytest.mark.parametrize("config", ["configs/table7.py", "table7", "configs/ablation.py"])
def test_base_alone_is_a_row_of_the_tables_that_the_config_makes(config, monkeypatch):
    """Both kinds of tables have one of that name; it had been looked for in Table 5's alone."""
    seen = []
    monkeypatch.setattr(ablate, "_run_gains", lambda arguments, rows, *rest: seen.append(rows) or 0)
    monkeypatch.setattr("real3d_jax.ablation.plan.plan", lambda *_, **__: seen.append("Table 5's") or sys.exit(0))
    monkeypatch.setattr("sys.argv", ["ablate", "--config", config, "--rows", "base"])
    with contextlib.suppress(SystemExit):
        ablate.main()
    assert seen == (["Table 5's"] if "ablation" in config else [["base"]])
