"""A runbook in an incident: its checks run by a row afterwards, people tick its steps off, the timeline says who."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.diagnosis import services as diagnosis
from incidents.diagnosis.evidence import Answer
from incidents.response.models import Incident
from incidents.runbooks import queries, services
from incidents.runbooks.format import parse
from incidents.runbooks.models import CheckRun, RunbookUse, StepTick
from incidents.runbooks.services.running import Patience
from observability.core import permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor
from sloengine.catalog.models import Change
from tests.factories import NOW, make_finding, make_incident, make_service, make_user
from tests.incidents.runbooks.test_format import GOOD

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ana(acme: Organisation) -> User:
    return make_user(acme, username="ana")


@pytest.fixture
def actor(acme: Organisation, ana: User) -> Actor:
    return permissions.of(ana, acme)


@pytest.fixture
def incident(acme: Organisation) -> Incident:
    """Answers drift and nothing was changed."""
    service = make_service(acme, slug="chat")
    make_finding(service, evidence={"objective": "answers", "indicator": "quality"})
    made = make_incident(service)
    diagnosis.diagnose(incident=made, now=NOW)
    return made


def told(incident: Incident) -> list[tuple[str, str]]:
    return [(one.actor, one.sentence) for one in incident.timeline.filter(kind="runbook").order_by("pk")]


def test_opening_writes_a_row_and_the_checks_run_afterwards(incident: Incident) -> None:
    run = incident.check_runs.get()
    assert (run.runbook, run.done_at, run.results) == ("quality-drift", None, [])
    assert services.run_due(now=NOW) == 1
    run.refresh_from_db()
    verdicts = {one["signal"]: (one["verdict"], one["value"]) for one in run.results}
    assert run.done_at == NOW
    assert verdicts["changes_nearby"] == ("confirms", 0)
    assert verdicts["answer_similarity"] == ("cannot tell", None)
    assert told(incident)[0][1].startswith("Checks of the runbook quality-drift: 1 confirms")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert services.run_due(now=NOW) == 0
    assert len(asked) == 1


def test_they_are_asked_again_on_demand(incident: Incident, actor: Actor) -> None:
    services.run_due(now=NOW)
    assert incident.service is not None
    changed = {"before": {"kv": "fp16"}, "after": {"kv": "fp8"}}
    Change.objects.create(service=incident.service, kind="config", at=NOW - 3 * MINUTE, **changed)
    services.ask_again(incident=incident, actor=actor, now=NOW + MINUTE)
    services.ask_again(incident=incident, actor=actor, now=NOW + MINUTE)
    assert services.run_due(now=NOW + MINUTE) == 1
    run = queries.last_run(incident=incident, runbook="quality-drift")
    assert run is not None
    assert str(run.asked_by) == "Ana"
    assert {one["signal"]: one["verdict"] for one in run.results}["changes_nearby"] == "refutes"
    assert CheckRun.objects.count() == 2
    assert RunbookUse.objects.get().used_at == NOW + MINUTE


@dataclass(slots=True)
class Signals:
    """A source of answers that misbehaves as told."""

    does: dict[str, Callable[[], Any]]

    def ask(self, name: str) -> Answer:
        if name in self.does:
            self.does[name]()
        return Answer(value=1.0)


def sleeps(seconds: float) -> Callable[[], None]:
    def sleep() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])

    return sleep


def breaks() -> None:
    raise ZeroDivisionError("division by zero")


def asks_nonsense() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nonsense")


STEPS = parse(
    source=GOOD.replace(
        "2. [action tighten_admission] Tighten.\n3. [manual] Wait.",
        "2. [diagnostic] Two? `error_share > 1 %`\n3. [diagnostic] Three? `kv_cache > 90 %`\n4. [manual] Wait.",
    ),
    file="a.md",
).steps


def verdicts(does: dict[str, Callable[[], Any]], patience: Patience) -> list[tuple[str, str]]:
    found = services.run_checks(steps=STEPS, signals=Signals(does), now=NOW, patience=patience)
    return [(one["verdict"], one["sentence"] if one["verdict"] == "could not run" else "") for one in found]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (breaks, "Could not run: ZeroDivisionError: division by zero"),
        (sleeps(5), "Could not run: it took longer than 0.05 s"),
        (asks_nonsense, 'Could not run: ProgrammingError: column "nonsense" does not exist'),
    ],
)
def test_a_check_that_errs_or_is_slow_says_so_and_the_others_are_asked(broken: Callable[[], Any], said: str) -> None:
    found = verdicts({"error_share": broken}, Patience(each=0.05, together=10))
    assert [verdict for verdict, _ in found] == ["refutes", "could not run", "confirms"]
    assert found[1][1].startswith(said)


def test_checks_have_a_limit_together() -> None:
    slow = sleeps(0.03)
    found = verdicts({"traffic_factor": slow, "error_share": slow}, Patience(each=5, together=0.04))
    assert [verdict for verdict, _ in found] == ["refutes", "could not run", "could not run"]
    assert found[2][1] == "Could not run: the checks before it took the 0.04 s that all have"


def test_a_service_that_nobody_knows_gets_checks_that_cannot_tell(acme: Organisation) -> None:
    incident = make_incident(None, organisation=acme)
    diagnosis.diagnose(incident=incident, now=NOW)
    services.run_due(now=NOW)
    run = queries.last_run(incident=incident, runbook="unexplained")
    assert run is not None
    assert {one["verdict"] for one in run.results} == {"cannot tell"}


def test_steps_are_ticked_off_with_who_and_taken_back(incident: Incident, actor: Actor) -> None:
    services.begin(incident=incident, actor=actor, now=NOW)
    services.begin(incident=incident, actor=actor, now=NOW + MINUTE)
    for done in (True, True, False, True):
        services.tick(incident=incident, number=7, done=done, actor=actor, now=NOW + MINUTE)
    assert StepTick.objects.get().number == 7
    said = told(incident)
    assert [who for who, _ in said] == ["ana"] * 4
    assert said[0][1] == "Runbook opened: Answers drift and nothing was changed"
    assert [line.split(":")[0] for _, line in said[1:]] == ["Step 7 done", "Step 7 not done", "Step 7 done"]
    with pytest.raises(services.working.NoSuchStep, match="has no step 99"):
        services.tick(incident=incident, number=99, done=True, actor=actor, now=NOW)


def test_work_in_a_drill_does_not_count_as_use(incident: Incident, actor: Actor) -> None:
    incident.drill = True
    incident.save()
    services.begin(incident=incident, actor=actor, now=NOW)
    assert not RunbookUse.objects.exists()
    services.drilled(organisation=incident.organisation, slug="quality-drift", now=NOW)
    assert RunbookUse.objects.get().drilled_at == NOW


def test_the_page_shows_verdicts_ticks_and_that_nobody_practised(
    incident: Incident, ana: User, frozen_now: Any
) -> None:
    services.run_due(now=NOW)
    browser = Client()
    browser.force_login(ana)
    page = browser.get("/incidents/1/").content.decode()
    assert "never drilled or used" in page
    assert "The quality objective burns" not in page
    assert "Work by it" in page
    assert browser.post("/incidents/1/runbook/open/")["Location"] == "/incidents/1/#runbook"
    browser.post("/incidents/1/runbook/step/", {"step": "9", "done": "on"})
    browser.post("/incidents/1/runbook/step/", {"step": "99", "done": "on"})
    browser.post("/incidents/1/runbook/checks/")
    part = browser.get("/incidents/1/part/runbook/").content.decode()
    assert "by Ana" in part
    assert "Checks are being asked" in part
    assert "Work by it" not in part
    assert browser.get("/incidents/1/runbook/open/").status_code == 405
    assert browser.post("/incidents/1/runbook/dance/").status_code == 404


def test_the_checklist_over_rest(incident: Incident, ana: User, frozen_now: Any) -> None:
    services.run_due(now=NOW)
    browser = Client()
    browser.force_login(ana)

    def post(address: str, body: str = "{}") -> Any:
        return browser.post(f"/api/v1/incidents/1/runbook{address}", body, content_type="application/json")

    first = browser.get("/api/v1/incidents/1/runbook").json()
    assert (first["slug"], first["waits"], first["steps"][2]["result"]["verdict"]) == (
        "quality-drift",
        False,
        "confirms",
    )
    assert post("/open").status_code == 200
    assert post("/checks").json()["waits"] is True
    assert post("/steps/7").json()["steps"][6]["done_by"] == "ana"
    assert post("/steps/7", '{"done": false}').json()["steps"][6]["done_by"] is None
    assert post("/steps/99").status_code == 409
