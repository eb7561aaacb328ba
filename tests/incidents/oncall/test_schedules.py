"""Schedules as rows: edits keep the past, overrides that conflict never both count, swaps need both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.oncall import services
from incidents.oncall.document import ScheduleInvalidError, parse
from incidents.oncall.models import Schedule, ScheduleVersion, ShiftNotice
from incidents.oncall.queries import now_on_call, plan, shifts_of
from incidents.oncall.schedule import OverrideKind
from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def people(acme):
    return [factories.make_user(acme, username=name) for name in ("ana", "ben", "cleo")]


def who(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    shift = plan(schedule=schedule, start=at, end=at + HOUR).on_call(at)
    return shift.people if shift is not None else ()


def put_in(schedule: Schedule, username: str, begin: datetime, end: datetime, actor, now: datetime = NOW):
    return services.add_override(
        schedule=schedule, username=username, starts_at=begin, ends_at=end, actor=actor, now=now
    )


def test_an_edit_counts_from_now_on_and_the_past_stays_told(acme, people) -> None:
    ana, ben, cleo = people
    schedule = factories.make_schedule(acme, ana, now=NOW - 10 * DAY)
    factories.make_schedule(acme, ben, now=NOW)
    cleo_then = NOW + 5 * DAY
    factories.make_schedule(acme, cleo, now=NOW, valid_from=cleo_then)
    assert Schedule.objects.get() == schedule
    assert [who(schedule, at) for at in (NOW - DAY, NOW - HOUR, NOW, cleo_then - HOUR, cleo_then)] == [
        ("ana",), ("ana",), ("ben",), ("ben",), ("cleo",),
    ]  # fmt: skip
    assert who(schedule, NOW - 11 * DAY) == ()


@pytest.mark.parametrize("name", ["New", "feed"])
def test_a_schedule_is_not_called_as_another_page_is(acme, people, name: str) -> None:
    shift = {"starts": NOW.isoformat(), "ends": (NOW + DAY).isoformat(), "people": ["ana"]}
    document = parse({"zone": "UTC", "layers": [{"name": "once", "shifts": [shift]}]})
    with pytest.raises(ScheduleInvalidError, match="another page"):
        services.save_schedule(organisation=acme, name=name, document=document, actor=permissions.system(acme), now=NOW)


def test_an_edit_replaces_what_was_planned_after_it(acme, people) -> None:
    ana, ben, cleo = people
    schedule = factories.make_schedule(acme, ana, now=NOW - DAY)
    factories.make_schedule(acme, cleo, now=NOW, valid_from=NOW + DAY)
    factories.make_schedule(acme, ben, now=NOW + HOUR)
    assert who(schedule, NOW + 3 * DAY) == ("ben",)
    assert ScheduleVersion.objects.count() == 2


def test_who_was_on_call_stays_told_after_they_left(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0], now=NOW - DAY)
    people[0].delete()
    assert who(schedule, NOW) == ("ana",)


def test_strangers_bad_zones_and_bad_layers_are_refused_whole(acme, people) -> None:
    stranger = factories.make_user(factories.make_organisation("other"), username="sam")
    with pytest.raises(services.NotAMember, match="sam does not belong to Acme"):
        factories.make_schedule(acme, stranger)
    with pytest.raises(ScheduleInvalidError) as refused:
        parse({"zone": "Mars/Olympus", "layers": [{"name": "x", "members": [{"people": []}], "starts": "soon"}]})
    assert {problem.split(":")[0] for problem in refused.value.problems} == {
        "zone", "layers", "layers[0].starts", "layers[0].members[0].people",
    }  # fmt: skip
    layer = {"name": "x", "starts": "2026-01-05T09:00", "members": [{"people": ["ana"]}], "holidays": {"country": "XX"}}
    with pytest.raises(ScheduleInvalidError, match="holidays"):
        factories.make_schedule(acme, layers=[layer])
    assert not Schedule.objects.exists()


def test_public_holidays_come_from_the_country(acme, people) -> None:
    first = {"name": "days", "unit": "daily", "starts": "2026-12-01T00:00", "members": [{"people": ["ana"]}]}
    then = {**first, "name": "holidays", "members": [{"people": ["ben"]}]}
    layers = [{**first, "holidays": {"country": "FR"}}, {**then, "holidays": {"country": "FR", "mode": "only"}}]
    schedule = factories.make_schedule(acme, layers=layers, zone="Europe/Paris")
    assert who(schedule, datetime(2026, 12, 25, 12, tzinfo=UTC)) == ("ben",)
    assert who(schedule, datetime(2026, 12, 26, 12, tzinfo=UTC)) == ("ana",)
    assert who(schedule, datetime(2026, 12, 24, 23, 30, tzinfo=UTC)) == ("ben",)  # already Christmas in Paris


def test_only_administrators_change_schedules_and_responders_override(acme, people) -> None:
    schedule = factories.make_schedule(acme, *people)
    ana, viewer = permissions.of(people[0], acme), factories.make_user(acme, role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        services.archive_schedule(schedule=schedule, actor=ana, now=NOW)
    window: dict[str, Any] = {
        "schedule": schedule,
        "username": "ben",
        "starts_at": NOW,
        "ends_at": NOW + HOUR,
        "now": NOW,
    }
    with pytest.raises(NotAllowed):
        services.add_override(**window, actor=permissions.of(viewer, acme))
    services.add_override(**window, actor=ana)
    assert AuditEntry.objects.filter(verb="add_override").count() == 1


def test_an_override_that_conflicts_is_refused_and_told_by_whom(acme, people) -> None:
    schedule = factories.make_schedule(acme, *people)
    ana, ben = (permissions.of(person, acme) for person in people[:2])
    begin = NOW + DAY
    services.add_override(
        schedule=schedule, username="cleo", starts_at=begin, ends_at=begin + 4 * HOUR, actor=ana, now=NOW
    )
    with pytest.raises(services.OverrideConflict, match=r"cleo already has Wed 18 Nov 10:00 .*entered by ana"):
        put_in(schedule, "ben", begin + 3 * HOUR, begin + 9 * HOUR, ben)
    put_in(schedule, "ben", begin + 4 * HOUR, begin + 9 * HOUR, ben)
    assert (who(schedule, begin), who(schedule, begin + 5 * HOUR)) == (("cleo",), ("ben",))
    assert str(ShiftNotice.objects.values_list("user__username", flat=True).get()) == "cleo"  # ben entered his own


def test_cancelling_ends_it_now_and_what_was_stays(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0], now=NOW - DAY)
    actor = permissions.system(acme)
    override = put_in(schedule, "ben", NOW - DAY, NOW + DAY, actor)
    services.cancel_override(override=override, actor=actor, now=NOW + HOUR)
    assert [who(schedule, at) for at in (NOW - HOUR, NOW + HOUR / 2, NOW + HOUR)] == [("ana",), ("ben",), ("ana",)]
    again = put_in(schedule, "cleo", NOW + HOUR, NOW + DAY, actor, NOW + HOUR)
    assert again.username == "cleo"


def test_a_shadow_is_shown_and_covers_nothing(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0])
    services.add_override(
        schedule=schedule, username="ben", starts_at=NOW, ends_at=NOW + DAY, kind=OverrideKind.SHADOW,
        actor=permissions.system(acme), now=NOW,
    )  # fmt: skip
    [(_, shift)] = now_on_call(organisation=acme, at=NOW)
    assert shift is not None
    assert (shift.people, shift.shadows) == (("ana",), ("ben",))
    assert shifts_of(organisation=acme, username="ben", start=NOW, end=NOW + 2 * DAY)[0][1].end == NOW + DAY


@pytest.fixture
def daily(acme, people) -> Schedule:
    members = [{"people": [name]} for name in ("ana", "ben")]
    layer = {"name": "daily", "unit": "daily", "starts": "2026-11-16T09:00", "members": members}
    return factories.make_schedule(acme, layers=[layer])


def test_a_swap_changes_hands_both_ways_only_after_a_yes(acme, people, daily) -> None:
    ana, ben = (permissions.of(person, acme) for person in people[:2])
    anas, bens = NOW + 23 * HOUR, NOW + 47 * HOUR  # Wednesday 09:00 is Ana's, Thursday Ben's
    given: dict[str, Any] = {"window": (anas, anas + DAY), "back": (bens, bens + DAY), "taker": "ben"}
    swap = services.ask_swap(schedule=daily, actor=ana, now=NOW, **given)
    assert (who(daily, anas), who(daily, bens)) == (("ana",), ("ben",))
    services.accept_swap(swap=swap, actor=ben, now=NOW + HOUR)
    assert (who(daily, anas), who(daily, bens), who(daily, bens + DAY)) == (("ben",), ("ana",), ("ana",))
    swaps = ShiftNotice.objects.filter(kind="swap").order_by("pk")
    assert list(swaps.values_list("user__username", flat=True)) == ["ben", "ana"]
    with pytest.raises(services.SwapRefused, match="answered already: accepted"):
        services.accept_swap(swap=swap, actor=ben, now=NOW + HOUR)


def test_a_swap_that_cannot_be_is_refused_in_words(acme, people, daily) -> None:
    ana, ben, cleo = (permissions.of(person, acme) for person in people)
    bens = NOW + 47 * HOUR
    with pytest.raises(services.SwapRefused, match="not on call in that time"):
        services.ask_swap(schedule=daily, window=(bens + HOUR, bens + 2 * HOUR), actor=ana, now=NOW)
    swap = services.ask_swap(schedule=daily, window=(bens, bens + DAY), taker="ana", actor=ben, now=NOW)
    with pytest.raises(services.SwapRefused, match="asked of ana"):
        services.accept_swap(swap=swap, actor=cleo, now=NOW)
    assert services.decline_swap(swap=swap, actor=ana, now=NOW).state == "declined"
    assert who(daily, bens) == ("ben",)


def test_pages_of_many_schedules_cost_no_more_queries_than_of_one(acme, people, django_assert_num_queries) -> None:
    factories.make_schedule(acme, *people, name="One")
    with django_assert_num_queries(3):
        now_on_call(organisation=acme, at=NOW)
    for name in ("Two", "Three"):
        factories.make_schedule(acme, *people, name=name)
    with django_assert_num_queries(3):
        assert len(now_on_call(organisation=acme, at=NOW)) == 3


def test_an_archived_schedule_calls_nobody_and_remembers(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0], now=NOW - DAY)
    services.archive_schedule(schedule=schedule, actor=permissions.system(acme), now=NOW)
    assert now_on_call(organisation=acme, at=NOW) == []
    assert who(schedule, NOW - HOUR) == ("ana",)
