"""Charts: gaps are gaps, everything is said in words, labels are escaped, nothing leaves its box."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine import charts
from sloengine.charts import Mark, Marks, Panel, Series, Value
from sloengine.strokes import number

START = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
END = START + timedelta(hours=1)


def points(*values):
    return [Value(START + (END - START) * index / max(len(values) - 1, 1), value) for index, value in enumerate(values)]


def p95(*values, **given):
    return Panel(title="p95", unit="ms", series=[Series("first token", points(*values))], scale=1000, **given)


def draw(*panels, **given):
    svg = charts.aligned(panels, start=START, end=END, **given)
    return svg, ElementTree.fromstring(svg)


def test_it_is_a_picture_with_a_sentence():
    _, root = draw(p95(0.1, 0.2, 0.391, threshold=0.25))
    assert root.get("role") == "img"
    assert root.get("class") == "chart"
    assert root.get("aria-label") == "p95 over 60 min: last 391 ms, highest 391 ms, goal 250 ms."
    assert root.get("width") == "100%"
    assert root.get("viewBox", "").startswith("0 0 820 ")


def test_missing_values_are_gaps_and_no_zeros():
    _, root = draw(p95(0.1, 0.1, None, None, 0.1, 0.1))
    assert len(root.findall("polyline")) == 2


def test_a_lonely_value_is_a_dot():
    _, root = draw(p95(None, 0.1, None, 0.1, 0.1))
    assert (len(root.findall("circle")), len(root.findall("polyline"))) == (1, 1)


@pytest.mark.parametrize("values", [(), (None, None)], ids=["no points", "only gaps"])
def test_nothing_measured_says_so(values):
    svg, root = draw(p95(*values))
    assert "no data" in root.get("aria-label", "")
    assert ">no data</text>" in svg


def test_a_stack_has_a_gap_where_one_part_is_unknown():
    panel = Panel(
        title="Where", unit="s", stack=True,
        series=[Series("queue", points(1, 1, None, 1, 1), "queue"), Series("decode", points(2, 2, 2, 2, 2), "decode")],
    )  # fmt: skip
    svg, root = draw(panel)
    assert len(root.findall("polygon")) == 4
    assert "var(--queue)" in svg
    assert "var(--decode)" in svg


def test_the_stack_reaches_the_sum():
    svg = charts.stacked(
        [Series("queue", points(1, 1), "queue"), Series("decode", points(2, 2), "decode")],
        title="Where",
        unit="s",
        start=START,
        end=END,
    )
    assert ">4</text>" in svg, "the axis ends at the round number above 3"


def test_incident_and_deploys_are_marked_and_said():
    marks = Marks(
        incident=(START + timedelta(minutes=30), None), changes=[Mark(START + timedelta(minutes=10), "v2 <rc>")]
    )
    svg, root = draw(p95(0.1, 0.2), p95(0.1, 0.2), marks=marks)
    assert len([one for one in root.findall("rect") if one.get("class") == "incident"]) == 2
    assert "The incident is shaded. 1 changes marked: v2 <rc>." in root.get("aria-label", "")
    assert "<rc>" not in svg


def test_a_mark_outside_the_time_is_left_out():
    _, root = draw(p95(0.1), marks=Marks(changes=[Mark(START - timedelta(hours=1), "old")]))
    assert not [one for one in root.findall("line") if one.get("stroke-dasharray")]


def test_strips_share_one_clock():
    svg, _ = draw(p95(0.1, 0.2), p95(0.1, 0.2))
    assert svg.count(">12:30</text>") == 1


def test_the_clock_speaks_the_readers_zone():
    svg, _ = draw(p95(0.1, 0.2), zone=ZoneInfo("Asia/Kathmandu"))
    assert ">18:00</text>" in svg
    assert ">12:00</text>" not in svg


def test_a_phone_gets_the_same_letters_on_a_shorter_axis():
    _, root = draw(p95(0.1, 0.2), width=charts.NARROW)
    assert root.get("viewBox", "").startswith("0 0 400 ")


@pytest.mark.parametrize(
    ("values", "colour"),
    [((1, 0.9), "--ok"), ((1, 0.4), "--warn"), ((1, -0.2), "--burn"), ((None,), "--nodata")],
    ids=str,
)
def test_a_burn_down_has_the_colour_of_what_is_left(values, colour):
    svg = charts.burn_down(points(*values), start=START, end=END)
    assert colour in svg or colour == "--nodata"
    ElementTree.fromstring(svg)


def test_an_overspent_budget_shows_its_zero():
    assert 'class="goal"' in charts.burn_down(points(1, -0.2), start=START, end=END)


def test_a_sparkline_says_what_it_shows():
    root = ElementTree.fromstring(charts.sparkline([1.0, None, 3.0], label="chat & code"))
    assert root.get("aria-label") == "chat & code: last 3, from 1 to 3."
    assert "no data" in charts.sparkline([None], label="chat")


@pytest.mark.parametrize(
    ("value", "text"), [(0.391, "0.391"), (391.4, "391"), (12345, "12,345"), (0.0374, "0.0374"), (-28.2, "-28.2")]
)
def test_numbers_for_people(value, text):
    assert number(value) == text


NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e9, allow_nan=False))


@given(
    st.lists(NUMBERS, max_size=40),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.sampled_from([charts.WIDE, charts.NARROW]),
)
def test_whatever_comes_it_is_valid_and_inside_its_box(values, threshold, width):
    svg, root = draw(p95(*values, threshold=threshold), width=width)
    _, _, _, height = (float(part) for part in root.get("viewBox", "").split())
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)(?=[ \"])", " ".join(re.findall(r'points="([^"]*)"', svg))):
        assert 0 <= float(x) <= width
        assert 0 <= float(y) <= height


def test_a_caption_says_the_day_the_zone_and_itself():
    svg, root = draw(p95(0.1, 0.2), caption="one point each 5 min")
    assert ">17 Nov, UTC, one point each 5 min</text>" in svg
    assert "One point each 5 min." in root.get("aria-label", "")
    over_night = charts.aligned([p95(0.1)], start=START, end=START + timedelta(days=1), caption="x")
    assert ">17 to 18 Nov, UTC, x</text>" in over_night


def test_a_lonely_value_of_a_stack_is_a_column():
    series = [Series(name, points(None, value, None)) for name, value in (("queue", 0.1), ("decode", 0.2))]
    _, root = draw(Panel(title="Where", unit="ms", series=series, stack=True))
    assert len(root.findall("polygon")) == 2


def test_names_of_changes_do_not_lie_on_each_other():
    close = [Mark(START + timedelta(minutes=minutes), "configuration changed") for minutes in (10, 11, 45)]
    svg, root = draw(p95(0.1, 0.2), marks=Marks(changes=close))
    assert svg.count('class="mark"') == 2
    assert "3 changes marked" in root.get("aria-label", "")
