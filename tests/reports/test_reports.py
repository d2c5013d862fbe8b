"""What all reports share: templates that escape, charts and pictures."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import jinja2
import numpy as np
import pytest
from PIL import Image

from real3d_jax.reports import charts
from real3d_jax.reports.pages import render
from real3d_jax.reports.pictures import data_uri, strip


def rectangles(chart, kind):
    """Left, top, width and height of the bars of a kind."""
    found = [node for node in ET.fromstring(chart).iter("rect") if node.get("class") == kind]
    return np.array([[float(node.get(name)) for name in ("x", "y", "width", "height")] for node in found])


@pytest.fixture
def template(tmp_path):
    def write(text):
        (tmp_path / "page.html").write_text(text)
        return tmp_path

    return write


def test_a_page_escapes_what_it_is_given_but_not_charts_and_sources(template):
    folder = template(
        '{% extends "skeleton.html" %}{% block style %}{{ source("a.css") }}{% endblock %}'
        "{% block body %}{{ text }} {{ noted | code }} {{ chart }}{% endblock %}"
    )
    (folder / "a.css").write_text("p > b { color: red } {# {{ as it is }} #}")
    chart = charts.bars([("<i>", 0.5, charts.ALL)])
    page = render(folder, "page.html", title="<t>", text="<b>", noted="`a<b` is <c>", chart=chart)
    assert "<title>&lt;t&gt;</title>" in page
    assert "p > b { color: red } {# {{ as it is }} #}" in page
    assert "&lt;b&gt; <code>a&lt;b</code> is &lt;c&gt; <svg" in page
    assert "&lt;i&gt;" in page and "<i>" not in page
    assert "://" not in page


def test_a_missing_value_is_an_error(template):
    folder = template('{% extends "skeleton.html" %}{% block body %}{{ absent }}{% endblock %}')
    with pytest.raises(jinja2.UndefinedError, match="absent"):
        render(folder, "page.html", title="")


def test_bars_of_a_histogram_stand_on_each_other():
    chart = charts.histogram({"kept": [4, 0, 1], "rejected": [4, 0, 3]}, np.array([0.0, 1.0, 2.0, 3.0]), threshold=1.5)
    kept, rejected = rectangles(chart, "kept"), rectangles(chart, "rejected")
    assert len(kept) == len(rejected) == 2  # nothing in the middle bin
    np.testing.assert_allclose(kept[:, 1] + kept[:, 3], kept[0, 1] + kept[0, 3])  # on one line
    np.testing.assert_allclose(rejected[:, 1] + rejected[:, 3], kept[:, 1], atol=0.11)
    np.testing.assert_allclose(kept[:, 3] / rejected[:, 3], [1, 1 / 3], atol=0.01)
    assert "0 to 1: 4 kept, 4 rejected" in chart
    lines = {node.get("class"): node for node in ET.fromstring(chart).iter("line")}
    middle = (float(lines["axis"].get("x1")) + float(lines["axis"].get("x2"))) / 2
    assert float(lines["threshold"].get("x1")) == pytest.approx(middle)


def test_a_histogram_of_one_kind_has_no_word_for_it_and_shows_its_unit():
    chart = charts.histogram({charts.ALL: [2]}, np.array([0.0, 0.5]), unit=" %", scale=100.0)
    assert "0 to 50 %: 2<" in chart
    assert re.findall(r">([\d.]+ %)</text>", chart) == ["0 %", "25 %", "50 %"]
    assert 'class="threshold"' not in chart
    beyond = charts.histogram({charts.ALL: [2]}, np.array([0.0, 0.5]), threshold=7.0)
    end = float(next(node for node in ET.fromstring(beyond).iter("line")).get("x2"))
    assert f'class="threshold" x1="{end:.1f}"' in beyond


def test_a_sky_map_has_a_dot_for_each_camera():
    chart = charts.sky_map(np.array([-180.0, 0.0, 180.0]), np.array([0.0, 90.0, -90.0]))
    dots = np.array([[float(node.get(name)) for name in ("cx", "cy")] for node in ET.fromstring(chart).iter("circle")])
    assert dots[0, 0] < dots[1, 0] < dots[2, 0]
    assert dots[1, 1] < dots[0, 1] < dots[2, 1]  # above is up


def test_a_bar_is_as_long_as_its_value():
    chart = charts.bars([("a", 0.5, "good"), ("b", 1.0, charts.ALL)])
    assert rectangles(chart, "all")[0, 2] == 2 * rectangles(chart, "good")[0, 2]


def test_pictures_come_back_from_their_uri():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    uri = data_uri(Image.fromarray(pixels), "PNG")
    kind, _, data = uri.partition(";base64,")
    assert kind == "data:image/png"
    np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(data))), pixels)


def test_a_strip_stands_side_by_side_on_white():
    both = strip([np.zeros((2, 3, 3), np.uint8), np.full((4, 2, 3), 7, np.uint8)])
    assert both.shape == (4, 3 + 4 + 2, 3)
    assert (both[:2, :3] == 0).all() and (both[2:, :3] == 255).all() and (both[:, 7:] == 7).all()
