"""Every dashboard with nothing, with a day and with 400 days: it answers, draws, and gives its table."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly
import pytest

from dashboards.choice import Choice
from dashboards.shelf import BOARDS
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation
from sloengine.budgets.queries import kept_since
from sloengine.collect import services as collect
from sloengine.cost.contracts import services as contracts
from sloengine.objectives.queries import enabled_objectives
from sloengine.overview.queries import figures
from tests import factories
from tests.dashboards.histories import fill
from tests.sloengine.cost.contracts.given import YEAR

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def history(acme: Organisation, frozen_now: datetime) -> Any:
    def filled(days: int) -> Organisation:
        service = fill(acme, days=days, now=frozen_now)
        made = factories.make_incident(service)
        began = frozen_now - timedelta(hours=3)
        Incident.objects.filter(pk=made.pk).update(
            impact_started_at=began, detected_at=began, opened_at=began, mitigated_at=began + timedelta(minutes=9)
        )
        return acme

    yield filled
    collect.forget()


def shown(slug: str, owner: Organisation, now: datetime, **given: Any) -> tuple[str, str, list[Any]]:
    """Headline, the whole page as text, and the rows of the CSV."""
    board = BOARDS[slug]
    report = board.load(organisation=owner, choice=Choice(page=slug, **given), now=now)
    page = json.dumps(board.draw(report), cls=plotly.utils.PlotlyJSONEncoder)
    headline = next(part["props"]["children"] for part in json.loads(page) if part["type"] == "H1")
    return headline, page, [list(row) for row in board.rows(report)]


NOTHING = {
    "executive": "Nothing is promised yet, so nothing can be kept or broken.",
    "slo": "Reliability cost nothing this month.",
    "response": "No incident was opened this month.",
    "cost": "Nothing was read of what serving cost.",
    "contract": "No contract is known.",
    "fleet": "No GPU was read.",
    "latency": "Nobody measured where the time of a token goes.",
    "tradeoff": "No trade-off was observed yet.",
}


@pytest.mark.parametrize("slug", BOARDS)
def test_without_data_it_says_so_and_what_to_do(slug: str, acme: Organisation, frozen_now: datetime) -> None:
    headline, page, rows = shown(slug, acme, frozen_now)
    assert headline == NOTHING[slug]
    assert "NaN" not in page
    assert len(rows[0]) > 3


DAY = {
    "executive": "We kept 2 of 4 promises in the last day.",
    "response": "The one mitigated incident took 9 min, and nobody's sleep was interrupted.",
    "cost": "1,000 tokens cost $0.110.",
    "fleet": "GPU chat-0/2 works at 20 % where its siblings are at 71 %.",
    "latency": "A token of chat takes 90 ms of its 100 ms, and kernel + compute, together is over its share.",
    "tradeoff": "Latency and throughput held together nowhere in the last day.",
}


def test_a_day(history: Any, frozen_now: datetime) -> None:
    owner = history(1)
    for slug, said in DAY.items():
        headline, page, rows = shown(slug, owner, frozen_now, range="1d")
        assert headline == said, headline
        assert "NaN" not in page, slug
        assert len(rows) > 1, slug


def test_four_hundred_days(history: Any, frozen_now: datetime) -> None:
    owner = history(400)
    for slug in BOARDS.keys() - {"contract"}:
        for span in ("400d", "30d") if slug != "tradeoff" else ("30d",):
            headline, page, rows = shown(slug, owner, frozen_now, range=span, service="chat")
            assert headline, (slug, span)
            assert len(rows) > 1, (slug, span)
            assert '"chart"' in page, (slug, span)
    _, page, rows = shown("executive", owner, frozen_now, range="400d")
    assert "Serving cost $" in page
    assert "per 1,000 tokens" in page
    spent = [row[1] for row in rows[rows.index(["month from", "USD"]) + 1 :]]
    assert sum(spent) == Decimal("0.11") * 1000 * 423


def test_cost_is_compared_with_what_is_known_whole_and_nothing_else(history: Any, frozen_now: datetime) -> None:
    owner = history(20)
    assert "the time before" in shown("executive", owner, frozen_now, range="7d")[1]
    assert "the time before" not in shown("executive", owner, frozen_now, range="30d")[1]
    assert "the time before" not in shown("executive", owner, frozen_now, range="1d")[1], "daily before, not hourly"


def test_targets_of_the_matrix_come_from_the_address(history: Any, frozen_now: datetime) -> None:
    owner = history(1)
    given = {"range": "1d", "view": "tokens", "more": (("p95_ms", "400"), ("rate", "900"))}
    headline, page, _ = shown("tradeoff", owner, frozen_now, **given)
    assert headline.startswith("Both held best at 20 to 30 ms a step with 1 to 4 waiting:")
    assert "at least 900 tokens/s" in page
    for wrong in (("p95_ms", "x"), ("p95_ms", "0"), ("rate", "-1"), ("rate", "nan"), ("p95_ms", "inf")):
        _, page, _ = shown("tradeoff", owner, frozen_now, range="1d", more=(wrong,))
        assert "are no targets" in page, wrong


def test_an_unknown_service_shows_all(history: Any, frozen_now: datetime) -> None:
    owner = history(1)
    assert shown("executive", owner, frozen_now, service="nosuch", range="1d")[0] == DAY["executive"]


def test_another_organisation_sees_nothing_of_it(history: Any, frozen_now: datetime) -> None:
    history(1)
    other = factories.make_organisation("other")
    for slug in BOARDS:
        headline, page, _ = shown(slug, other, frozen_now)
        assert headline == NOTHING[slug]
        assert "chat" not in page


def test_a_contract_burns_down_with_its_forecast(history: Any, frozen_now: datetime) -> None:
    owner = history(400)
    given = {**YEAR, "commitment_tokens": "1000000000"}
    contracts.put(organisation=owner, given=given, actor=permissions.system(owner), now=frozen_now)
    headline, page, rows = shown("contract", owner, frozen_now)
    assert "tokens" in headline
    assert "/cost/contracts/" in page
    assert len(rows) > 20


def test_ten_thousand_at_once_are_what_each_is_alone(history: Any, frozen_now: datetime) -> None:
    owner = history(400)
    rows = enabled_objectives(organisation_id=owner.pk)
    for span in (timedelta(days=1), timedelta(days=30), timedelta(days=400)):
        alone = kept_since(objectives=rows, since=frozen_now - span, now=frozen_now)
        for together, one in zip(figures(objectives=rows, since=frozen_now - span, now=frozen_now), alone, strict=True):
            assert together == pytest.approx(one) if None not in one else together == one
