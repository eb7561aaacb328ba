"""Escalation policies as a person edits them, without JavaScript, and what the drawing says."""

from __future__ import annotations

from datetime import time

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.oncall import windows
from incidents.oncall.document import HoursDocument
from incidents.oncall.models import EscalationPolicy
from incidents.paging.escalation import Policy, Step, Target, TargetKind, hours_of
from incidents.policies.course import course, ends_after
from incidents.policies.course_svg import draw
from incidents.policies.draft import Draft, StepDraft, seconds_of
from tests import factories, worlds
from tests.factories import NOW

ANA, BEN, EVE = (Target(TargetKind.USER, place, name) for place, name in enumerate(("Ana", "Ben", "Eve"), start=1))


def said(policy: Policy, severity: int = 2) -> list[tuple[int, float, bool]]:
    told = course(policy=policy, severity=severity, begins=NOW)
    return [(one.number, one.after_seconds, one.skipped) for one in told]


def test_the_course_is_what_escalation_would_do() -> None:
    policy = Policy("p", (Step((ANA,)), Step((BEN,), 600)), repeats=1, fallback=(EVE,))
    assert said(policy) == [(1, 0, False), (2, 300, False), (1, 900, False), (2, 1200, False), (0, 1800, False)]
    assert ends_after(course(policy=policy, severity=2, begins=NOW)) == 1800


def test_a_step_for_another_severity_or_hour_is_skipped_at_once() -> None:
    night = hours_of(HoursDocument(start=time(22), minutes=540))
    policy = Policy("p", (Step((ANA,), mildest_severity=1), Step((BEN,), hours=(night,)), Step((EVE,))))
    assert said(policy) == [(1, 0, True), (2, 0, True), (3, 0, False)]
    assert said(policy, severity=1) == [(1, 0, False), (2, 300, True), (3, 300, False)]


def test_the_drawing_has_a_lane_a_step_and_says_itself() -> None:
    policy = Policy("p", (Step((ANA,)), Step((BEN,))), fallback=(EVE,))
    svg = draw(told=course(policy=policy, severity=2, begins=NOW), labels={1: "Ana <x>", 2: "Ben", 0: "The fallback"})
    assert svg.count('class="told"') == 3
    assert "Ana &lt;x&gt; at once; Ben after 5 min; The fallback after 10 min" in svg


@pytest.mark.parametrize(
    ("start", "minutes", "until", "more"),
    [("22:00", 540, "07:00", 0), ("09:00", 1440, "09:00", 0), ("17:00", 3840, "09:00", 2), ("00:00", 2880, "00:00", 1)],
)
def test_hours_come_back_from_the_form_as_they_went_in(start: str, minutes: int, until: str, more: int) -> None:
    document = HoursDocument(days=("fri",), start=time.fromisoformat(start), minutes=minutes)
    window = windows.shown(document)
    assert (window.until, window.more) == (until, more)
    assert windows.read([window]) == (document,)


def test_a_window_that_cannot_be_read_says_what_was_expected() -> None:
    given = QueryDict("quiet0-from=soon&quiet0-until=07:00&quiet1-from=&quiet1-until=")
    with pytest.raises(windows.WindowInvalid, match=r"hours 1: found 'soon', expected a time such as 22:00"):
        windows.read(windows.posted(given, prefix="quiet"))


def test_steps_are_added_moved_and_taken_out_of_the_draft() -> None:
    draft = Draft(steps=(StepDraft(wait="1"), StepDraft(wait="2")))
    waits = {press: [one.wait for one in draft.after(press, zone="UTC").steps] for press in ("down-1", "out-1", "add")}
    assert waits == {"down-1": ["2", "1"], "out-1": ["2"], "add": ["1", "2", "5"]}
    for nothing in ("up-1", "down-2", "out-9", "out-x", "show", ""):
        assert draft.after(nothing, zone="UTC") == draft


@pytest.mark.parametrize(("text", "seconds"), [("5", 300), ("1,5", 90), ("-1", None), ("inf", None), ("x", None)])
def test_minutes_are_read_or_not(text: str, seconds: int | None) -> None:
    assert seconds_of(text) == seconds


@pytest.fixture
def admin(world: worlds.World) -> Client:
    factories.make_schedule(world.organisation, *list(world.people.values())[:3])
    client = Client()
    client.force_login(world.people["admin"])
    return client


FORM = {
    "name": "Night watch", "repeats": "1", "acknowledgements": "2", "sev1_answer": "30", "other_answer": "",
    "s1-target": ["schedule:primary", "user:alice", ""], "s1-wait": "2.5", "s1-severity": "2", "s1-robin": "1",
    "s1-zone": "Europe/Paris", "1-w0-from": "22:00", "1-w0-until": "07:00", "1-w0-day": ["mon", "tue"],
    "s2-target": ["user:bob", ""], "s2-wait": "5", "s2-severity": "5", "s2-zone": "UTC",
}  # fmt: skip


def test_a_policy_is_made_by_form_and_comes_back_as_it_was_typed(admin: Client) -> None:
    assert admin.post("/policies/+/", {**FORM, "do": "save"})["Location"] == "/policies/night-watch/"
    policy = EscalationPolicy.objects.get(slug="night-watch")
    first, second = policy.steps.all()
    assert (policy.acknowledgements, policy.other_answer_seconds, first.after_seconds) == (2, None, 150)
    assert first.hours == [{"days": ["mon", "tue"], "start": "22:00:00", "minutes": 540}]
    assert [str(target) for target in first.targets.all()] == ["Primary", "alice"]
    assert (first.round_robin, first.zone, second.position) == (True, "Europe/Paris", 2)
    page = admin.get("/policies/night-watch/edit/").content.decode()
    for text in ('value="2.5"', 'value="22:00"', 'value="07:00"', 'value="schedule:primary" selected'):
        assert text in page
    # The same name again is another policy; nothing is written over.
    assert admin.post("/policies/+/", {**FORM, "do": "save"})["Location"] == "/policies/night-watch-2/"


def test_buttons_move_steps_without_saving_and_the_course_is_drawn(admin: Client) -> None:
    page = admin.post("/policies/+/", {**FORM, "do": "down-1"}).content.decode()
    assert page.index('value="user:bob" selected') < page.index('value="schedule:primary" selected')
    assert '<svg class="course"' in page
    assert not EscalationPolicy.objects.filter(slug="night-watch").exists()


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(admin: Client) -> None:
    bad = {**FORM, "do": "save", "s1-wait": "soon", "s2-target": [""], "s1-zone": "Mars", "repeats": "99"}
    answer = admin.post("/policies/+/", bad)
    page = answer.content.decode()
    assert answer.status_code == 422
    for text in (
        "found &#x27;soon&#x27;",
        "Step 2 tells nobody",
        "no time zone",
        "from 0 to 20",
        'value="Night watch"',
    ):
        assert text in page


def test_a_second_default_is_refused_with_the_name_of_the_first(admin: Client) -> None:
    answer = admin.post("/policies/+/", {**FORM, "do": "save", "is_default": "1"})
    first = EscalationPolicy.objects.get(is_default=True)
    assert answer.status_code == 422
    assert f"{first.slug} is the default" in answer.content.decode()


def test_who_only_responds_reads_and_may_not_edit_or_remove(world: worlds.World, admin: Client) -> None:
    slug = EscalationPolicy.objects.get().slug
    client = Client()
    client.force_login(world.people["responder"])
    assert "Edit</a>" not in client.get(f"/policies/{slug}/?severity=1").content.decode()
    assert client.get(f"/policies/{slug}/edit/").status_code == 403
    assert client.post(f"/policies/{slug}/remove/").status_code == 403
    assert admin.post(f"/policies/{slug}/remove/").status_code == 302
    assert "No escalation policy yet" in client.get("/policies/").content.decode()


def test_three_policies_cost_as_many_queries_as_one(admin: Client) -> None:
    counts = []
    for names in (["a"], ["b", "c"]):
        for name in names:
            admin.post("/policies/+/", {**FORM, "name": name, "do": "save"})
        with CaptureQueriesContext(connection) as queries:
            assert admin.get("/policies/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_time_zone_that_is_none_is_refused_over_rest_too(admin: Client) -> None:
    steps = [{"targets": [{"kind": "user", "name": "bob"}], "zone": "Mars"}]
    answer = admin.put("/api/v1/policies/x", {"name": "X", "steps": steps}, content_type="application/json")
    assert (answer.status_code, "Mars" in answer.json()["detail"]) == (409, True)


def test_rest_says_who_would_be_told_when_and_gives_back_what_put_takes(admin: Client) -> None:
    admin.post("/policies/+/", {**FORM, "do": "save"})
    got = admin.get("/api/v1/policies/night-watch").json()
    assert got["steps"][0]["hours"][0]["minutes"] == 540
    assert got["steps"][0]["targets"][0] == {"kind": "schedule", "name": "primary"}
    kept = {name: got[name] for name in ("name", "repeats", "acknowledgements", "is_default", "service", "team")}
    steps = [{k: v for k, v in step.items() if k not in {"tells", "now"}} for step in got["steps"]]
    put = admin.put("/api/v1/policies/night-watch", {**kept, "steps": steps}, content_type="application/json")
    assert put.json() == got
    told = admin.get("/api/v1/policies/night-watch/course?severity=1").json()
    # It is day: the first step is skipped at once, Bob hears, once again, then the fallback.
    assert [(one["step"], one["after_seconds"], one["skipped"]) for one in told][:2] == [(1, 0, True), (2, 0, False)]
