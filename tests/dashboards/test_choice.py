"""What is chosen lives in the address."""

from __future__ import annotations

import pytest

from dashboards.app import followed
from dashboards.choice import Choice, chosen
from dashboards.view import _cell

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_an_address_keeps_the_other_choices() -> None:
    assert Choice(service="chat", range="7d").but(range="90d").address == "/dash/slo/?service=chat&range=90d"


def test_an_address_gives_the_choice_back() -> None:
    choice = Choice(page="tradeoff", service="a b&c", range="7d", view="tokens", more=(("rate", "50"),))
    query = {"service": "a b&c", "range": "7d", "view": "tokens", "rate": "50"}
    assert chosen(page="tradeoff", given=query, asks=("p95_ms", "rate")) == choice
    assert choice.address == "/dash/tradeoff/?service=a+b%26c&range=7d&view=tokens&rate=50"


def test_what_is_not_understood_is_left_out() -> None:
    given = {"range": "forever", "service": "x\x00" + "y" * 500, "evil": "1"}
    found = chosen(page="slo", given=given)
    assert (found.range, len(found.service), found.more) == ("30d", 199, ())


def test_another_page_has_another_view() -> None:
    found = Choice(page="tradeoff", view="tokens", more=(("rate", "50"),)).but(page="slo")
    assert (found.view, found.more) == ("", ())


@pytest.mark.parametrize(
    ("clicked", "address"),
    [
        ([{"points": [{"customdata": "/incidents/4/"}]}], "/incidents/4/"),
        ([None, {"points": [{"customdata": "/slos/chat/ttft/"}]}], "/slos/chat/ttft/"),
        ([{"points": [{"customdata": "//evil.example/"}]}], ""),
        ([{"points": [{"customdata": "/\\evil.example/"}]}], ""),
        ([{"points": [{"customdata": "https://evil.example/"}]}], ""),
        ([{"points": [{"customdata": ["/a/"]}]}], ""),
        ([{"points": [{}]}], ""),
        ([{"points": []}], ""),
        (["x", None], ""),
        ([], ""),
    ],
)
def test_a_click_leads_to_pages_of_ours_only(clicked: list[object], address: str) -> None:
    assert followed(clicked) == address


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1"])
def test_a_spreadsheet_takes_no_text_for_a_formula(text: str) -> None:
    assert _cell(text) == f"'{text}"


def test_cells_keep_their_digits_and_nothing_is_nothing() -> None:
    assert [_cell(value) for value in (None, 0.1 + 0.2, 3, "chat")] == ["", "0.3", 3, "chat"]
