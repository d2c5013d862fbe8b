"""Figure 5 and Table 6: panels of the four test sets, gains over the base, and what is drawn."""

import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest

from real3d_jax.ablation import figure, gain_tables
from real3d_jax.ablation.gains import plan_gains, publish
from real3d_jax.ablation.paper_sets import NOVEL_VIEWS, TEST_SETS, folder_of, read_test_sets, results_of
from real3d_jax.ablation.plan import plan
from real3d_jax.ablation.rows import FIGURE_5, read_gain_rows, read_rows
from real3d_jax.config.protocols import DATASETS
from real3d_jax.errors import UserError
from real3d_jax.reports.curves import Line, Panel, Point, curves

GAINS = {"base": 0.0, "fraction_10": 0.1, "fraction_25": 0.3, "fraction_50": 0.2, "full": 0.5}
OBJECTS = np.array([15.0, 16.0, 18.0])


@pytest.fixture
def ablation(tmp_path):
    return plan(
        "ablation",
        "eval/ablation",
        rows=read_rows("figure_5"),
        size="tiny",
        out=tmp_path / "out",
        test_sets=tuple(TEST_SETS),
        changes=[],
    )


def score(finished, place, name, config, scores, metric="psnr"):
    """Puts made-up results into a folder."""
    made = finished(place.parent.name + place.name + name.replace("/", "_"), config.seed, scores)
    shutil.copytree(made.results, place)
    if metric != "psnr":
        for file in ("results.jsonl", "summary.json"):
            text = (place / file).read_text()
            (place / file).write_text(text.replace('"psnr"', f'"{metric}"'))


def fill(ablation, finished, rows=GAINS):
    for number, (test, evaluation) in enumerate(ablation.test_sets.items()):
        for row in rows:
            place = folder_of(ablation.out, row, test, evaluation, ablation.evaluation)
            metric = "consistency_psnr" if test == "wild" else "psnr"
            score(finished, place, row, ablation.configs[row], OBJECTS + (1 + number) * GAINS[row], metric)


def test_every_panel_has_the_gain_of_every_share(ablation, finished):
    fill(ablation, finished)
    figure.publish_figure(ablation, {})
    tree = json.loads((ablation.out / figure.JSON).read_text())
    assert list(tree["panels"]) == list(DATASETS)
    assert [panel["metric"] for panel in tree["panels"].values()] == ["psnr"] * 3 + ["consistency_psnr"]
    for number, panel in enumerate(tree["panels"].values(), 1):
        assert [share["share"] for share in panel["shares"]] == [0.0, 0.1, 0.25, 0.5, 1.0]
        means = [share["gain"]["mean"] for share in panel["shares"][1:]]
        assert means == pytest.approx([number * gain for gain in list(GAINS.values())[1:]])
        assert panel["shares"][4]["gain"]["interval"] == pytest.approx([number * 0.5] * 2)
    text = (ablation.out / figure.MARKDOWN).read_text()
    assert "| 100% | 16.83 [" in text
    assert "| 0.50 [0.50, 0.50], p" in text
    assert "WildImages: Self-consistency, PSNR ↑, gain" in text
    drawn = (ablation.out / figure.SVG).read_text()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert drawn.count("<circle") == 4 * 5
    assert "(d) WildImages, self-consistency: gain in PSNR, dB" in drawn


def test_a_panel_without_a_row_says_so_and_one_without_a_base_shows_no_gain(ablation, finished):
    fill(ablation, finished, rows=["full"])
    figure.publish_figure(ablation, {"base": "its updates were not finite"})
    assert (ablation.out / figure.SVG).read_text().count("no row is finished") == 4
    text = (ablation.out / figure.MARKDOWN).read_text()
    assert re.search(r"\| 100% \| 16.83 \[[^|]*\] \| - \|", text)
    assert "`base` failed: its updates were not finite" in text


def test_the_main_test_set_is_scored_once(ablation):
    main = ablation.evaluation
    folders = [folder_of(ablation.out, "full", test, found, main) for test, found in ablation.test_sets.items()]
    assert folders[0] == results_of(ablation.out, "full")
    assert len(set(folders)) == 4
    wild = ablation.test_sets["wild"]
    assert (wild.scored.novel_views, wild.scored.consistency) == (False, True)
    assert [made.views for made in wild.data.embedded.values()] == [1]
    families = {
        test: [made.family for made in found.data.embedded.values()] for test, found in ablation.test_sets.items()
    }
    trained = {"a"} | {source.family for source in ablation.configs["full"].data.embedded.values()}
    assert families["omniobject3d"] == ["a"]
    assert not set(families["co3d"][0].split("+")) & trained, "CO3D is out of every row's domain"


@pytest.mark.parametrize("size", ["small", "paper"])
def test_every_size_has_all_four(tmp_path, size):
    found = plan(
        "ablation",
        "eval/ablation",
        rows=["full"],
        size=size,
        out=tmp_path,
        test_sets=tuple(TEST_SETS),
        changes=[],
    )
    assert list(found.test_sets) == list(DATASETS)
    assert sum(test == found.evaluation for test in found.test_sets.values()) == 1
    if size == "paper":
        paths = [test.data.path for test in found.test_sets.values()]
        assert paths == ["mvimgnet", "co3d", "omniobject3d", "wild_images"]


def test_table_6_counts_better_above_0_on_every_test_set(tmp_path, finished):
    rows = read_gain_rows("table_6")
    assert rows == ["lrm", "lrm_real", "base", "real3d_wild"]
    rows.append("real3d")  # of Table 7; this one's is in the wild
    planned = plan_gains(
        "table7", "eval/table7", size="tiny", out=tmp_path / "out", seeds=(), rows=rows, test_sets=tuple(TEST_SETS)
    )
    bonus = {"lrm": 0.0, "lrm_real": 0.4, "base": 0.1, "real3d_wild": 0.8, "real3d": 0.2}
    for test in TEST_SETS:
        for row in rows:
            main, config = planned.evaluations[row], planned.configs[row]
            place = folder_of(planned.out, row, test, planned.test_sets[row][test], main)
            metric = "consistency_lpips" if test == "wild" else "psnr"
            score(finished, place, row, config, OBJECTS + bonus[row], metric)
    text = publish(planned, {})
    table = (planned.out / gain_tables.TABLE_6).read_text()
    assert table in text
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in table.splitlines() if line[:1] == "|"}
    assert [head.strip() for head in lines["Gain"]] == [
        *("MVImgNet PSNR ↑", "CO3D PSNR ↑", "OmniObject3D PSNR ↑", "WildImages LPIPS ↓")
    ]
    assert [cell.split("[")[0].strip() for cell in lines["Δ multi-view"]] == ["0.40", "0.40", "0.40", "-0.400"]
    assert [cell.split("[")[0].strip() for cell in lines["Δ ours"]] == ["0.70", "0.70", "0.70", "-0.700"]
    assert [cell.split("[")[0].strip() for cell in lines["Δ ours - Δ multi-view"]] == [
        *("0.30", "0.30", "0.30", "-0.300")
    ]
    tree = json.loads((planned.out / gain_tables.JSON).read_text())
    assert list(tree["test_sets"]) == list(TEST_SETS)


def test_names_of_rows_and_test_sets():
    assert read_gain_rows("table_5") == read_gain_rows("base,full") == []
    assert read_gain_rows("table_7") == ["lrm", "lrm_real", "base", "real3d"]
    assert read_gain_rows("lrm,base") == ["lrm", "base"]
    assert read_gain_rows("table_6,table_7") == ["lrm", "lrm_real", "base", "real3d", "real3d_wild"]
    with pytest.raises(UserError, match="Tables 6 and 7 have no row 'full'"):
        read_gain_rows("lrm,full")
    assert read_test_sets("wild, co3d") == ["co3d", "wild"]
    assert read_test_sets("") == []
    with pytest.raises(UserError, match=r"no test set 'co3'.*co3d"):
        read_test_sets("co3")
    assert NOVEL_VIEWS == ("mvimgnet", "co3d", "omniobject3d")
    assert set(FIGURE_5) < set(GAINS)


def test_curves_escape_words_and_take_what_lies_below_0():
    line = Line("<a>", "#000", [Point(0.1, -0.5, (-0.7, -0.3)), Point(1.0, 0.2, None)])
    drawn = curves([Panel("a & b", [line])], x_title="x", logarithmic=True)
    assert "&lt;a&gt;" in drawn
    assert "a &amp; b" in drawn
    heights = [float(found) for found in re.findall(r'cy="([\d.]+)"', drawn)]
    assert heights[0] > heights[1], "SVG's y grows downwards"
    assert max(heights) < 250
    assert curves([Panel("t", [], empty="nothing")], x_title="x").count("nothing") == 1
