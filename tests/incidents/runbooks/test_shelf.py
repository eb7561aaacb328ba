"""Which runbook is taken for a leaf, and when one says that nobody practised it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from incidents.runbooks import queries, shelf
from incidents.runbooks.format import parse
from incidents.runbooks.shelf import Book, Use
from tests.conftest import NOW
from tests.incidents.runbooks.test_format import GOOD


def own(slug: str, matches: str) -> Book:
    text = GOOD.replace("slug: a-spike", f"slug: {slug}").replace("[traffic-spike]", matches)
    return Book(parse(source=text, file="a.md"), text, origin="page", version=1)


@pytest.mark.parametrize(
    ("mine", "leaf", "named", "taken"),
    [
        ({}, "traffic-spike", "traffic-spike", "traffic-spike"),
        ({}, "traffic-spike", "stall", "stall"),
        ({}, "nobody-knows", "", "unexplained"),
        ({"our-spike": "[traffic-spike]"}, "traffic-spike", "traffic-spike", "our-spike"),
        ({"our-spike": "[traffic-spike]"}, "stall", "stall", "stall"),
        ({"our-spike": "[stall]", "stall": "[stall]"}, "stall", "stall", "stall"),
        ({"ours": "[our-leaf]"}, "our-leaf", "unexplained", "ours"),
    ],
)
def test_ones_own_runbook_goes_before_the_one_that_the_tree_names(
    mine: dict[str, str], leaf: str, named: str, taken: str
) -> None:
    books = {**queries.shipped(), **{slug: own(slug, matches) for slug, matches in mine.items()}}
    assert shelf.choose(books=books, leaf=leaf, named=named).runbook.slug == taken


@pytest.mark.parametrize(
    ("use", "front", "said"),
    [
        (Use(), None, "never drilled or used"),
        (Use(used_at=NOW - timedelta(days=90)), None, ""),
        (Use(used_at=NOW - timedelta(days=91)), None, "not drilled or used for 91 days"),
        (Use(used_at=NOW - timedelta(days=200), drilled_at=NOW - timedelta(days=2)), None, ""),
        (Use(), (NOW - timedelta(days=30)).date(), ""),
        (Use(), (NOW - timedelta(days=120)).date(), "not drilled or used for 120 days"),
    ],
)
def test_a_runbook_that_nobody_worked_by_for_90_days_says_so(use: Use, front: date | None, said: str) -> None:
    text = GOOD.replace("severity: 2", f"severity: 2\nlast_drilled: {front}") if front else GOOD
    assert shelf.stale(book=parse(source=text, file="a.md"), use=use, now=NOW) == said
