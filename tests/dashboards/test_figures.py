"""Pictures: gaps stay gaps, what has nothing behind it has no link, every axis has room for its words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from dashboards import figures
from dashboards.figures import Bar, Panel

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_line_keeps_its_gaps_and_marks_what_began() -> None:
    panel = Panel("chat: First token", "50 %", ((NOW, None), (NOW + HOUR, 0.5)), "/slos/chat/ttft/")
    figure = figures.panels([panel], tickformat=".0%", marks=[NOW], floor=-1.0, limit=0.0)
    line = figure["data"][0]
    assert line["y"] == [None, 0.5]
    assert line["connectgaps"] is False
    assert line["customdata"] == ["/slos/chat/ttft/"] * 2
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [0, NOW.isoformat()]


def test_an_overspent_budget_does_not_squash_the_others() -> None:
    panel = Panel("a", "", ((NOW, -537.0), (NOW, 1.0)))
    assert figures.panels([panel], tickformat=".0%", floor=-1.0)["layout"]["yaxis"]["range"] == [-1.03, 1.03]


def test_each_line_has_a_panel_of_its_own_and_its_name_above_it() -> None:
    figure = figures.panels([Panel(str(number), "1", ((NOW, 1.0),)) for number in range(3)], tickformat=".0f")
    domains = [figure["layout"][name]["domain"] for name in ("yaxis", "yaxis2", "yaxis3")]
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["<b>1</b>  0", "<b>1</b>  1", "<b>1</b>  2"]


def test_bars_say_value_and_name_and_lead_to_what_is_behind_them() -> None:
    figure = figures.bars([Bar("chat", 2.0, "two", "/a/"), Bar("code", None, "no data")], unit="ms")
    assert figure["data"][0]["customdata"] == ["", "/a/"]  # drawn from below
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["<b>no data</b>  code", "<b>two</b>  chat"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "ms"


def test_a_limit_is_a_tick_of_its_bar() -> None:
    (limit,) = figures.bars([Bar("host", 4.0, "4", limit=10.0)], unit="ms")["layout"]["shapes"]
    assert (limit["x0"], limit["x1"]) == (10.0, 10.0)


def test_few_counts_are_ticked_one_by_one() -> None:
    assert figures.whole([1, None, 3]) == {"dtick": 1}
    assert figures.whole([1, 900]) == {"nticks": 5}
    assert figures.whole([]) == {"dtick": 1}


def test_dots_lead_to_their_incidents() -> None:
    figure = figures.dots([(NOW, 540.0, "INC-4", "/incidents/4/")], unit="", limit=2700.0, limit_name="others")
    assert figure["data"][0]["customdata"] == ["/incidents/4/"]
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert len(figure["data"]) == 1


def test_thin_cells_are_hatched() -> None:
    figure = figures.heat(
        x=["a"], y=["b", "c"], z=[[1.0], [None]], said=[["x"], [""]], scale=[[0, "#000"], [1, "#fff"]], low=0, high=1,
        hatched=[(0, 1)],
    )  # fmt: skip
    assert {round(shape["y0"], 2) for shape in figure["layout"]["shapes"]} == {0.54}
    assert figure["data"][0]["hoverongaps"] is False


def test_every_figure_is_json() -> None:
    for figure in (
        figures.columns([NOW], [None], unit="USD", within=(NOW, NOW + HOUR), step=HOUR),
        figures.hours([0] * 24, colours=["#000"] * 24),
        figures.panels([], tickformat=".0f"),
        figures.bars([], unit=""),
        figures.dots([], unit=""),
    ):
        json.dumps(figure)


def test_a_long_name_is_cut_for_a_phone() -> None:
    assert len(figures.shortened("x" * 80)) == figures.LONGEST_NAME
