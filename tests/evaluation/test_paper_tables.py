"""Tables 1 to 4: seeded models on tiny records, what is compared with what, and what is refused before it is scored."""

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest

from real3d_jax.ablation import paper_tables
from real3d_jax.ablation.paper_tables import JSON, MARKDOWN, TABLE_OF, make_tables, plan_tables
from real3d_jax.commands import tables as command
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import BootstrapConfig, EvaluationConfig
from real3d_jax.config.paper_tables import PaperTablesConfig, TableRowConfig
from real3d_jax.config.protocols import DATASETS
from real3d_jax.errors import UserError
from real3d_jax.evaluation.publish import SUMMARY
from real3d_jax.evaluation.results import Results, Row, load_rows
from real3d_jax.evaluation.summary import summarise
from real3d_jax.evaluation.tables import write_summary
from real3d_jax.models.choice import init_any_params, make_any_model
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.evaluation.tiny_evaluation import make_tiny_tree
from tests.small_conditioned import shrink_conditioned

DISTANCES = (1.8, 2.4)
ROW = TableRowConfig(label="", checkpoint="", ema=False, evaluation="", distances=(), renders="")


def canonical_tree(root):
    """What the canonical rows are scored by."""
    tree = make_tiny_tree(root)
    tree.cases = 0
    return tree


def conditioned_tree(root):
    """The same objects and views for a camera-conditioned model."""
    tree, lrm = canonical_tree(root), config_files.load_tree("eval/lrm:tiny")
    shrink_conditioned(lrm)
    lrm.render.radius = tree.render.radius
    tree.model, tree.render = lrm.model, lrm.render
    return tree


@pytest.fixture
def config(data_root, checkpoint, tmp_path):
    """OpenLRM, TripoSR with its search, and Real3D, by seeded weights."""
    for name in ("canonical", "conditioned"):
        (tmp_path / f"{name}.py").write_text(
            f"from tests.evaluation.test_paper_tables import {name}_tree\n\n\n"
            f"def get_config(test=''):\n    return {name}_tree({str(data_root)!r})\n"
        )
    lrm = config_files.load_as(EvaluationConfig, f"{tmp_path / 'conditioned.py'}:co3d")
    init = functools.partial(init_any_params, make_any_model(lrm.model, lrm.compute))
    params = jax.tree.map(np.asarray, jax.jit(init)(jax.random.key(0)))
    save_weights(tmp_path / "lrm", weights_from_params(params, {}, where="a test"))
    ours = dataclasses.replace(ROW, checkpoint=str(checkpoint), evaluation=f"{tmp_path / 'canonical.py'}:{{test}}")
    rows = {
        "lrm": dataclasses.replace(
            ROW, label="LRM", checkpoint=str(tmp_path / "lrm"), evaluation=f"{tmp_path / 'conditioned.py'}:{{test}}"
        ),
        "triposr_raw": dataclasses.replace(ours, label="TripoSR†", distances=DISTANCES),
        "real3d": dataclasses.replace(ours, label="Real3D"),
    }
    tables = config_files.load_as(PaperTablesConfig, "tables:tiny")
    return dataclasses.replace(
        tables,
        rows=rows,
        deltas=(("real3d", "triposr_raw"), ("real3d", "lrm")),
        bootstrap=BootstrapConfig(level=0.95, resamples=200),
        root=str(data_root),
    )


def made_up(bonus):
    """In place of an evaluation: PSNRs of three objects, at the searched distances too."""

    def evaluate(config, model, out, *, method):
        searched = config.calibration.distances
        rows = [
            Row(f"o{i}", {"psnr": np.array([x, x + 2])}, {"psnr": np.array([x, x + 9]), "input_psnr": np.array([3, 2])})
            if searched
            else Row(f"o{i}", {"psnr": np.array([x, x + 2])})
            for i, x in enumerate(np.array([15.0, 16.0, 20.0]) + bonus[method])
        ]
        results = Results(
            out, {"config": config_files.to_tree(config), "checkpoint": {"path": str(model.source), "step": None}}
        )
        for row in rows:
            results.append(row)
        results.close()
        metrics = summarise(rows, bootstrap=config.bootstrap, distances=searched, seed=0)
        write_summary(out / SUMMARY, metrics, {"left out": {"lpips": "config.networks.vgg names no weights."}})
        made_up.calls.append((method, out.name))
        return 0

    made_up.calls = []
    return evaluate


def test_differences_are_paired_with_what_the_search_found(config, tmp_path, monkeypatch):
    monkeypatch.setattr(paper_tables, "evaluate", made_up({"LRM": 0.5, "TripoSR†": -3.0, "Real3D": 1.0}))
    out = tmp_path / "out"
    assert make_tables(plan_tables(config, out=out)) == 0
    assert len(made_up.calls) == len(config.rows) * len(TABLE_OF)
    tree = json.loads((out / JSON).read_text())
    assert [(test, found["table"]) for test, found in tree.items()] == list(TABLE_OF.items())
    raw, lrm = tree["co3d"]["deltas"]
    assert (raw["better"], raw["worse"]) == ("real3d", "triposr_raw")
    # Real3D's mean is x + 1 + 1; raw TripoSR's best distance gives x - 3 + 9.
    assert raw["psnr"]["mean"] == pytest.approx(2.0 - 6.0)
    assert raw["psnr"]["interval"] == pytest.approx([-4.0, -4.0]), "what objects share cancels"
    assert lrm["psnr"]["mean"] == pytest.approx(0.5)
    text = (out / MARKDOWN).read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## Table 1: MVImgNet", "## Table 2: WildImages", "## Table 3: CO3D", "## Table 4: OmniObject3D")
    ]
    assert "| TripoSR†, camera distance fitted on the metric itself (not a fair score) | 23.00 [" in text
    assert "| Real3D - TripoSR† (distance searched) | -4.00 [-4.00, -4.00], p" in text
    assert "`lpips` is left out: config.networks.vgg names no weights." in text
    made_up.calls.clear()
    assert make_tables(plan_tables(config, out=out)) == 0
    assert not made_up.calls, "what is scored is kept"


def test_seeded_models_of_either_kind_are_scored_on_the_same_objects(config, tmp_path):
    config = dataclasses.replace(config, limit=2, rows={name: config.rows[name] for name in ("lrm", "triposr_raw")})
    config = dataclasses.replace(config, deltas=(("triposr_raw", "lrm"),))
    assert make_tables(plan_tables(config, out=tmp_path / "out", test_sets=["co3d"])) == 0
    found = json.loads((tmp_path / "out" / JSON).read_text())["co3d"]
    lrm, raw = (load_rows(tmp_path / "out" / row / "co3d") for row in ("lrm", "triposr_raw"))
    assert [row.key for row in lrm] == [row.key for row in raw]
    expected = np.mean([a.search["psnr"].max() - b.values["psnr"].mean() for a, b in zip(raw, lrm, strict=True)])
    (delta,) = found["deltas"]
    assert delta["psnr"]["mean"] == pytest.approx(expected, abs=1e-5)
    assert found["rows"]["triposr_raw"]["psnr_fitted_on_metric"]["mean"] >= found["rows"]["triposr_raw"]["psnr"]["mean"]


@pytest.mark.parametrize(
    ("row", "change", "sentence"),
    [
        ("lrm", {"checkpoint": "nowhere/at/all"}, r"The row 'lrm' \(LRM\) cannot be made: There is no checkpoint"),
        ("real3d", {"renders": "renders/x"}, "config.rows.real3d needs either checkpoint or renders"),
        (
            "real3d",
            {"checkpoint": "", "renders": "none/{test}"},
            r"'real3d' of Table 1 \(Real3D on MVImgNet\).*no folder",
        ),
        ("real3d", {"checkpoint": "", "renders": "none/{tes"}, r"cannot be made: --renders 'none/{tes' is no folder"),
        ("lrm", {"evaluation": "eval/table7:lrm,tiny,{tset}"}, r"cannot be made: .* no variant '{tset}'"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_scored(config, tmp_path, row, change, sentence):
    rows = {**config.rows, row: dataclasses.replace(config.rows[row], **change)}
    with pytest.raises(UserError, match=sentence):
        plan_tables(dataclasses.replace(config, rows=rows), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_data_set_that_is_not_there_is_named(config, tmp_path):
    with pytest.raises(UserError, match=r"The row 'lrm' of Table 3 \(LRM on CO3D\) cannot be made: .*views"):
        plan_tables(dataclasses.replace(config, root=str(tmp_path)), out=tmp_path, test_sets=["co3d"])


def test_unknown_names_are_refused(config, tmp_path, monkeypatch):
    for words, sentence in (
        ({"rows": ["lmr"]}, "no row 'lmr'.*lrm"),
        ({"test_sets": ["co3"]}, "no test set 'co3'.*co3d"),
    ):
        with pytest.raises(UserError, match=sentence):
            plan_tables(config, out=tmp_path, **words)
    monkeypatch.setattr("sys.argv", ["tables.py", "--config", "tables:tiny", "--rows", "none"])
    with pytest.raises(UserError, match="no row 'none'"):
        command.main()


@pytest.mark.parametrize("variant", ["", "renders"])
def test_every_row_of_the_config_has_an_evaluation_of_every_test_set(variant):
    config = config_files.load_as(PaperTablesConfig, f"tables:{variant}" if variant else "tables")
    assert set(config.test_sets) == set(TABLE_OF) == set(DATASETS)
    assert config.rows["triposr_raw"].distances[0] == 1.4
    for row in config.rows.values():
        for test in config.test_sets if row.checkpoint else ():
            found = config_files.load_as(EvaluationConfig, row.evaluation.format(test=test))
            assert found.table == TABLE_OF[test]
    assert ("lgm" in config.rows) == (variant == "renders")
