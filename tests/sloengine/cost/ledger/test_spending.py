"""spend: the ledger by any keys, at the prices of the time; sums are the same from hours, from days and from what runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from observability.core import clock
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.models import LedgerCursor, LedgerDays, UsageDay, UsageHour
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.services import close_hours
from sloengine.cost.ledger.stretches import Stretch, stretches
from tests import factories

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.fixture
def chat():
    return factories.make_service(factories.make_organisation(), slug="chat", team=None)


def asked(service, by=(), since=MONDAY, until=MONDAY + 7 * DAY, **given):
    given.setdefault("now", until)
    return spend(organisation=service.organisation, since=since, until=until, by=by, **given)


def test_by_tenant_at_the_price_of_the_time(chat):
    factories.make_price(chat, usd="0.11", at=MONDAY)
    factories.make_price(chat, usd="0.22", at=MONDAY + 5 * HOUR + timedelta(minutes=20))
    for hour in range(10):
        factories.make_usage(chat, at=MONDAY + hour * HOUR, tenant="acme", output=1000, requests_ok=3)
    factories.make_usage(chat, at=MONDAY, tenant="globex", input=500, requests_failed=1)
    acme, globex = asked(chat, ("tenant",))
    assert (acme.key, acme.usd, acme.requests) == (("acme",), 5 * Decimal("0.11") + 5 * Decimal("0.22"), 30)
    assert (globex.usd, globex.tokens) == (Decimal("0.055"), {TokenClass.INPUT: 500})


def test_what_has_no_price_is_unknown_and_what_has_one_is_known(chat):
    factories.make_price(chat, usd="0.5", at=MONDAY, token_class="output")
    factories.make_usage(chat, at=MONDAY, tenant="acme", output=1000, reasoning=7)
    (one,) = asked(chat)
    assert (one.usd, one.known_usd, one.unknown) == (None, Decimal("0.5"), 7)
    assert one.hardware_usd is None


def test_hardware_time_at_the_price_of_its_hour(chat):
    factories.make_price(chat, usd="2.50", at=MONDAY, unit="gpu_hour", hardware="H100")
    factories.make_usage(chat, at=MONDAY, hardware="H100", busy_ms=3_000_000, idle_ms=600_000, shared_ms=0)
    (one,) = asked(chat, ("hardware",))
    assert one.hardware_usd == Decimal("2.5")
    assert one.priced.idle.known == Decimal(600_000) * Decimal("2.5") / 3_600_000


def test_hours_days_and_limits(chat):
    for hour in (0, 1, 26):
        factories.make_usage(chat, at=MONDAY + hour * HOUR, tenant="acme", tag="live", output=10)
    factories.make_usage(chat, at=MONDAY, tenant="globex", output=5)
    assert [(one.key, one.all_tokens) for one in asked(chat, ("day",))] == [
        (("2026-11-16",), 25),
        (("2026-11-17",), 10),
    ]
    assert [one.key for one in asked(chat, ("hour", "tag"), where={"tenant": "acme"})][-1] == (
        "2026-11-17T02:00",
        "live",
    )
    assert [one.all_tokens for one in asked(chat, where={"tenant": ["globex", "initech"]})] == [5]
    with pytest.raises(ValueError, match="found colour, expected keys out of service, team"):
        asked(chat, ("colour",))


def test_summed_days_say_the_same_as_their_hours(chat):
    factories.make_price(chat, usd="0.3", at=MONDAY)
    factories.make_price(chat, usd="0.7", at=MONDAY + DAY + 12 * HOUR)
    for hour in range(0, 96, 3):
        factories.make_usage(chat, at=MONDAY + hour * HOUR, tenant="acme", output=100 + hour)
    window = {"since": MONDAY + 3 * HOUR, "until": MONDAY + 3 * DAY + HOUR}
    before = asked(chat, ("tenant",), **window)
    assert close_hours(now=MONDAY + 4 * DAY) == 0
    assert LedgerDays.objects.get().until == MONDAY + 3 * DAY, "a day is summed two hours after its end"
    assert UsageDay.objects.count() == 3
    assert asked(chat, ("tenant",), **window) == before
    close_hours(now=MONDAY + 4 * DAY + 2 * HOUR)
    assert UsageDay.objects.count() == 4
    factories.make_usage(chat, at=MONDAY + 2 * DAY + HOUR, tenant="acme", output=1)
    assert asked(chat, **window)[0].all_tokens == before[0].all_tokens + 1, (
        "an hour that comes late is in its day's sum"
    )


def test_which_rows_a_window_is_read_from():
    since, until = MONDAY + 22 * HOUR, MONDAY + 3 * DAY + 2 * HOUR

    def read(**given):
        fields = {"since": since, "until": until, "summed_until": until, "cuts": [], "hourly": False}
        return stretches(**{**fields, **given})

    first, last = MONDAY + DAY, MONDAY + 3 * DAY
    assert read() == [Stretch(since, first, False), Stretch(first, last, True), Stretch(last, until, False)]
    assert read(hourly=True) == read(summed_until=None) == [Stretch(since, until, False)]
    noon = MONDAY + DAY + 12 * HOUR
    assert [one.days for one in read(cuts=[noon])] == [False, False, True, False]
    assert [one.days for one in read(cuts=[MONDAY + 2 * DAY])] == [False, True, False], "midnight cuts no day"


def test_hours_go_from_rollups_into_the_ledger_once(world):
    world.use(2)
    close_hours(now=world.now)
    ten = world.now.replace(minute=0)
    assert LedgerCursor.objects.get().until == ten
    factories.make_price(world.service, usd="0.11", at=world.now)
    running = asked(world.service, ("tenant",), since=ten, until=world.now + DAY, now=world.now)
    assert [(one.key, one.all_tokens, one.requests) for one in running] == [
        ((name,), 2 * 300 * 400, 600) for name in ("acme", "globex", "initech")
    ]
    assert {one.usd for one in running} == {Decimal(240) * Decimal("0.11")}
    world.use(10)
    assert world.now == ten + timedelta(minutes=65)
    assert close_hours(now=world.now) == 1
    assert close_hours(now=world.now) == 0
    assert UsageHour.objects.count() == 3
    whole = asked(world.service, since=MONDAY, until=world.now, now=world.now)
    assert whole[0].all_tokens == 12 * 3 * 300 * 400
    closed = asked(world.service, since=MONDAY, until=world.now, now=world.now, running=False)
    assert closed[0].all_tokens == 11 * 3 * 300 * 400


def test_hours_from_before_the_ledger_began(world):
    world.use(12)

    def fill(*arguments):
        out = StringIO()
        with clock.frozen(world.now):
            call_command("cost", "fill", *arguments, stdout=out)
        return out.getvalue()

    assert fill("--days", "1") == "chat: 1 hours were taken into the ledger.\n"
    assert fill("--days", "1") == "chat: 0 hours were taken into the ledger.\n"
    assert asked(world.service, since=MONDAY, until=world.now, now=world.now)[0].all_tokens == 12 * 3 * 300 * 400
    with pytest.raises(CommandError, match="found 0, expected 1 to 400"):
        fill("--days", "0")
