"""The rows of Table 5 and Figure 5 as configurations."""

from pathlib import Path

import pytest

from configs.ablation import SEEN, TESTS, UNSEEN
from real3d_jax.ablation.notes import network_notes, notes
from real3d_jax.ablation.pooling import Scored
from real3d_jax.ablation.rows import FIGURE_5, FULL, ROWS, SIZES, START, TABLE_5, read_rows
from real3d_jax.config import files as config_files
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.files import differences, to_tree
from real3d_jax.config.training import GateConfig
from real3d_jax.data.procedural.numbering import members
from real3d_jax.errors import UserError
from tests.ablation.tiny_ablation import EVALUATION, TRAINING

NO_SEMANTIC, NO_CYCLE = "losses.semantic.weight", "losses.cycle.weights.mse"
RAW = "data.real.wild_images.path"
FRACTION = "data.real.wild_images.fraction"
# The keys in which a row differs from the full method; Table 5 has a column for each.
DIFFERENCES = {
    "base": {"batch.real"},
    "input_raw": {NO_SEMANTIC, NO_CYCLE, RAW},
    "input": {NO_SEMANTIC, NO_CYCLE},
    "naive_clip": {NO_CYCLE, "losses.semantic.naive"},
    "clip": {NO_CYCLE},
    "cycle_no_curriculum": {
        "losses.cycle.curriculum.azimuth_start",
        "losses.cycle.curriculum.elevation_start",
    },
    "cycle_end_to_end": {"losses.cycle.end_to_end"},
    "full_raw": {RAW},
    "full": set(),
    **{name: {FRACTION} for name in FIGURE_5},
}


def load(row, size):
    return config_files.load(f"{TRAINING}:{row},{size}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("row", ROWS)
def test_a_row_differs_from_the_full_method_in_what_the_table_says(row, size):
    full, config = load(FULL, size), load(row, size)
    changed = {line.split(":")[0].removeprefix("config.") for line in differences(to_tree(full), to_tree(config))}
    expected = DIFFERENCES[row] | ({"name"} if row != FULL else set())
    if size == "paper" and row in FIGURE_5:
        expected |= {"data.real.mvimgnet_single.fraction"}
    assert changed == expected


@pytest.mark.parametrize("size", SIZES)
def test_the_switches_are_those_of_the_table(size):
    """Table 5, line by line."""
    for row in (name for name in TABLE_5 if name != "base"):
        losses, real = load(row, size).losses, load(row, size).data.real["wild_images"]
        switches = ROWS[row]
        assert losses.input_view.mse > 0
        assert (losses.semantic.weight > 0) == bool(switches.semantic)
        assert losses.semantic.naive == (switches.semantic == "naive")
        assert (losses.cycle.weights.mse > 0) == bool(switches.cycle)
        assert losses.cycle.end_to_end == (switches.cycle == "e2e")
        if switches.cycle:
            curriculum = losses.cycle.curriculum
            assert curriculum.azimuth_end == curriculum.elevation_end == 90.0
            assert curriculum.azimuth_start == curriculum.elevation_start == (15.0 if switches.curriculum else 90.0)
        assert real.path.endswith("_raw") == (not switches.clean)
    assert [(r.input_view, r.clean, r.semantic, r.cycle, r.curriculum) for r in TABLE_5.values()] == [
        (False, False, "", "", False),
        (True, False, "", "", False),
        (True, True, "", "", False),
        (True, True, "naive", "", False),
        (True, True, "L_sem", "", False),
        (True, True, "L_sem", "s.g.", False),
        (True, True, "L_sem", "e2e", True),
        (True, False, "L_sem", "s.g.", True),
        (True, True, "L_sem", "s.g.", True),
    ]


def test_the_full_method_at_paper_size_is_real3d():
    real3d = config_files.load(str(TRAINING.parent / "real3d.py"))
    assert [line.split(":")[0] for line in differences(to_tree(real3d), to_tree(load(FULL, "paper")))] == [
        "config.name"
    ]


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_benchmark_is_the_gap_between_families(size):
    config = load("full_raw", size)
    made = {source.path: source for source in config.data.embedded.values()}
    photographs = made[config.data.real["wild_images"].path]
    scored = config_files.load_as(EvaluationConfig, f"{EVALUATION}:{size}")
    test = made[scored.data.path]
    if size == "tiny":
        supervised = made[config.data.synthetic["a"].path]
        assert supervised.kind == "procedural_views"
    else:
        supervised = config.data.streamed["seen"]
        assert config.data.streamed_share == 1
    assert not {*members(supervised.family)} & {*members(photographs.family)}
    assert (photographs.kind, photographs.raw) == ("procedural_single", 0.5)
    assert (test.family, test.kind, test.raw, test.objects) == (photographs.family, "procedural_views", 0.0, 0)
    assert test.seed != photographs.seed  # other objects than those of the photographs
    clean = made[load(FULL, size).data.real["wild_images"].path]
    assert to_tree(clean) == {**to_tree(photographs), "path": clean.path, "raw": 0.0}
    assert scored.data.embedded == {TESTS[size]: config.data.embedded[TESTS[size]]}
    assert scored.model == config.model and scored.render == config.render


def test_stage_0_of_the_small_size_passes_a_gate_on_objects_it_has_not_seen():
    start, row = load(START, "small"), load(FULL, "small")
    assert start.gate == row.gate and min(row.gate.input_psnr, row.gate.iou) > 0
    assert start.schedule.validation_objects > 0
    (validation,) = start.data.validation.values()
    (test,) = [made for made in start.data.embedded.values() if made.path == validation.path]
    streamed = start.data.streamed["seen"]
    assert (test.family, test.objects) == (streamed.family, 0) and test.seed not in (
        streamed.seed,
        row.data.streamed["seen"].seed,
    )
    assert start.data.streamed["seen"].seed != row.data.streamed["seen"].seed  # rows see other objects than stage 0 saw
    assert set(members(SEEN)) | set(members(UNSEEN)) <= set(members("named"))
    assert load(FULL, "tiny").gate == load(FULL, "paper").gate == GateConfig(0.0, 0.0)


@pytest.mark.parametrize("size", SIZES)
def test_every_row_begins_at_stage_0_which_sees_no_photograph(size):
    start = load(START, size)
    assert start.batch.real == 0
    assert all(load(row, size).init_from == load(FULL, size).init_from != start.init_from for row in ROWS)
    assert start.model == load(FULL, size).model


def test_lists_of_rows():
    assert read_rows("") == read_rows(" , ") == read_rows("table_5") == list(TABLE_5)
    assert read_rows("figure_5") == ["base", *FIGURE_5, "full"]
    assert read_rows("full, base,full") == ["full", "base"]


def test_words_that_name_nothing():
    with pytest.raises(UserError, match=r"no row 'fulll': did you mean 'full'\?"):
        read_rows("base,fulll")
    with pytest.raises(UserError, match=r"no variant 'fraction_20': did you mean 'fraction_"):
        load("fraction_20", "tiny")


def test_the_table_tells_that_a_gradient_was_capped():
    (note,) = notes({"full": [Scored(Path("unread"), load(FULL, "small"))]}, {}, {}, "")[3:]
    assert "held to 1 times that of its pixel losses" in note
    assert len(notes({"full": [Scored(Path("unread"), load(FULL, "tiny"))]}, {}, {}, "")) == 3


def test_the_table_tells_which_network_judged():
    rows = ("base", "input", "clip", "full")
    random = network_notes({row: load(row, "tiny") for row in rows})
    assert [note.split(" was ")[0] for note in random] == ["The semantic loss of `clip`, `full`"]
    assert "CLIP with random weights" in random[0]
    changes = ["--config.perceptual.efficientnet=weights/lite0"]
    standing_in = network_notes({row: config_files.load(f"{TRAINING}:{row},tiny", changes) for row in rows})
    assert len(standing_in) == 1 and "`clip`, `full` was computed by EfficientNet-Lite0" in standing_in[0]
    assert network_notes({row: load(row, "paper") for row in rows}) == []
