"""Runbooks of one's own: written on a page or kept in a folder, every version with who and when."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from incidents.diagnosis import services as diagnosis
from incidents.runbooks import queries, services
from incidents.runbooks.models import RunbookFolder, RunbookVersion
from incidents.runbooks.services import RunbookElsewhere, RunbookUnusable
from observability.core import permissions
from observability.core.models import AuditEntry, Organisation, Role
from observability.core.permissions import Actor, NotAllowed
from tests.factories import NOW, make_incident, make_organisation, make_service, make_user
from tests.incidents.runbooks.test_format import GOOD

pytestmark = pytest.mark.django_db
OTHER = GOOD.replace("Slow.", "Slower.")


@pytest.fixture
def ana(acme: Organisation) -> Actor:
    return permissions.of(make_user(acme, username="ana"), acme)


def text_of(organisation: Organisation, slug: str = "a-spike") -> str | None:
    book = queries.books(organisation_id=organisation.pk).get(slug)
    return book.text if book is not None else None


def test_each_save_is_a_version_and_the_same_text_again_is_none(acme: Organisation, ana: Actor) -> None:
    first = services.save(organisation=acme, text=GOOD, actor=ana, now=NOW)
    assert services.save(organisation=acme, text=GOOD, actor=ana, now=NOW) == first
    second = services.save(organisation=acme, text=OTHER, slug="a-spike", note="clearer", actor=ana, now=NOW)
    assert (first.version, second.version, second.note, str(second.by)) == (1, 2, "clearer", "Ana")
    assert text_of(acme) == OTHER
    third = services.restore(organisation=acme, slug="a-spike", version=1, actor=ana, now=NOW)
    assert (third.version, third.note, text_of(acme)) == (3, "version 1 again", GOOD)
    assert AuditEntry.objects.filter(verb="edit_runbook", actor="user:ana").count() == 3
    assert text_of(make_organisation("other")) is None


def test_one_that_ships_can_be_written_over_and_taken_back(acme: Organisation, ana: Actor) -> None:
    shipped = queries.shipped()["stall"]
    services.save(organisation=acme, text=shipped.text.replace("severity: 1", "severity: 2"), actor=ana, now=NOW)
    assert queries.books(organisation_id=acme.pk)["stall"].runbook.severity == 2
    services.withdraw(organisation=acme, slug="stall", actor=ana, now=NOW)
    assert queries.books(organisation_id=acme.pk)["stall"] == shipped
    with pytest.raises(RunbookElsewhere, match="no runbook stall of your own"):
        services.withdraw(organisation=acme, slug="stall", actor=ana, now=NOW)


@pytest.mark.parametrize(
    ("text", "slug", "said"),
    [
        ("nonsense", "", "runbook.md:1: the file: found no front matter"),
        (GOOD, "another", "another.md:2: front matter.slug: found 'a-spike', expected 'another'"),
        (GOOD.replace("traffic_factor >", "traffic >"), "a-spike", "a-spike.md:19: step: found signal 'traffic'"),
        (GOOD.replace("Slow.", "Slow.\x00"), "", "runbook.md:11: the file: found a NUL character"),
        (GOOD + "x" * 200_000, "", "expected at most 200,000"),
    ],
)
def test_what_does_not_fit_is_refused_whole(acme: Organisation, ana: Actor, text: str, slug: str, said: str) -> None:
    with pytest.raises(RunbookUnusable) as refused:
        services.save(organisation=acme, text=text, slug=slug, actor=ana, now=NOW)
    assert said in str(refused.value)
    assert not RunbookVersion.objects.exists()


def test_a_viewer_writes_none(acme: Organisation) -> None:
    vera = permissions.of(make_user(acme, username="vera", role=Role.VIEWER), acme)
    with pytest.raises(NotAllowed):
        services.save(organisation=acme, text=GOOD, actor=vera, now=NOW)


def test_the_incident_gets_ones_own_runbook(acme: Organisation, ana: Actor) -> None:
    services.save(organisation=acme, text=GOOD.replace("[traffic-spike]", "[unexplained]"), actor=ana, now=NOW)
    incident = make_incident(make_service(acme))
    diagnosis.diagnose(incident=incident, now=NOW)
    assert (incident.leaf, incident.runbook) == ("unexplained", "a-spike")
    assert incident.timeline.get(kind="diagnosed").payload["runbook"] == "a-spike"


# ---- the folder ---------------------------------------------------------------------------------------------------


def put(file: Path, text: str, *, later: int = 0) -> None:
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(1_000_000_000 + later, 1_000_000_000 + later))


def problems() -> dict[str, str]:
    return dict(RunbookFolder.objects.get().problems)


def test_a_folder_is_read_again_when_a_file_changes_and_a_bad_file_leaves_the_last_good_one(
    acme: Organisation, ana: Actor, settings: Any, tmp_path: Path
) -> None:
    assert services.read_folder(now=NOW) == 0
    settings.TAILWATCH_RUNBOOKS_DIR = str(tmp_path)
    put(tmp_path / "a-spike.md", GOOD)
    put(tmp_path / "README.md", "no runbook")
    assert (services.read_folder(now=NOW), text_of(acme)) == (1, GOOD)
    assert services.read_folder(now=NOW) == 0

    put(tmp_path / "a-spike.md", OTHER.replace("[manual]", "[wait]"), later=1)
    put(tmp_path / "b.md", GOOD, later=1)
    (tmp_path / "c.md").write_bytes(b"\xff\xfe")
    assert (services.read_folder(now=NOW), text_of(acme)) == (0, GOOD)
    assert problems()["a-spike.md"].startswith("a-spike.md:25: step: found '3. [wait] Wait.'")
    assert "expected 'b'" in problems()["b.md"]
    assert problems()["c.md"] == "c.md: found byte 0xff at 0, expected UTF-8"

    with pytest.raises(RunbookElsewhere, match="change it there"):
        services.save(organisation=acme, text=OTHER, actor=ana, now=NOW)

    put(tmp_path / "a-spike.md", OTHER, later=2)
    (tmp_path / "b.md").unlink()
    (tmp_path / "c.md").unlink()
    assert (services.read_folder(now=NOW), text_of(acme), problems()) == (1, OTHER, {})
    (tmp_path / "a-spike.md").unlink()
    assert (services.read_folder(now=NOW), text_of(acme)) == (1, None)
    assert [one.note for one in queries.versions(organisation=acme, slug="a-spike")] == ["its file is gone", "", ""]


def test_a_folder_that_is_gone_takes_nothing_away(acme: Organisation, settings: Any, tmp_path: Path) -> None:
    settings.TAILWATCH_RUNBOOKS_DIR = str(tmp_path / "books")
    (tmp_path / "books").mkdir()
    put(tmp_path / "books" / "a-spike.md", GOOD)
    services.read_folder(now=NOW)
    (tmp_path / "books" / "a-spike.md").unlink()
    (tmp_path / "books").rmdir()
    assert (services.read_folder(now=NOW), text_of(acme)) == (0, GOOD)
    assert list(problems().values()) == ["there is no such folder"]


# ---- the pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(acme: Organisation, ana: Actor, frozen_now: Any) -> Client:
    client = Client()
    client.force_login(next(iter(acme.memberships.filter(user__username="ana"))).user)
    return client


def test_a_runbook_is_previewed_saved_read_and_restored_on_its_pages(acme: Organisation, browser: Client) -> None:
    new = browser.post("/runbooks/new/", {"text": GOOD, "preview": "1"}).content.decode()
    assert "<h2>Why it happens</h2>" in new
    assert not RunbookVersion.objects.exists()
    bad = browser.post("/runbooks/new/", {"text": GOOD.replace("## Harden", "## Hard"), "save": "1"})
    assert bad.status_code == 422
    assert "Line 31, sections" in bad.content.decode()
    assert browser.post("/runbooks/new/", {"text": GOOD, "save": "1"})["Location"] == "/runbooks/a-spike/"
    browser.post("/runbooks/a-spike/edit/", {"text": OTHER, "note": "clearer", "save": "1"})
    told = browser.get("/runbooks/a-spike/history/?version=1").content.decode()
    assert "clearer" in told
    assert "Slow.\n" in told
    browser.post("/runbooks/a-spike/history/", {"version": "1"})
    assert text_of(acme) == GOOD
    page = browser.get("/runbooks/a-spike/").content.decode()
    assert "Your own, version 3" in page
    assert "never drilled or used" in page
    listed = browser.get("/runbooks/?only=own").content.decode()
    assert listed.count('<td><a href="/runbooks/') == 1
    assert browser.get("/runbooks/for/inter_token/")["Location"] == "/runbooks/slo-inter-token/"


def test_what_the_pages_do_the_interface_does(acme: Organisation, browser: Client) -> None:
    def send(method: str, address: str, body: object = None) -> Any:
        return browser.generic(method, f"/api/v1{address}", json.dumps(body or {}), "application/json")

    browser.handler.enforce_csrf_checks = False
    assert len(browser.get("/api/v1/runbooks").json()) == len(queries.shipped())
    made = send("PUT", "/runbooks/a-spike", {"text": GOOD, "note": "first"}).json()
    assert (made["version"], made["origin"], made["by"], made["stale"]) == (1, "page", "Ana", "never drilled or used")
    refused = send("PUT", "/runbooks/a-spike", {"text": "nonsense"})
    assert (refused.status_code, "no front matter" in refused.json()["detail"]) == (409, True)
    send("PUT", "/runbooks/a-spike", {"text": OTHER})
    assert send("POST", "/runbooks/a-spike/versions/1/restore").json()["version"] == 3
    assert send("DELETE", "/runbooks/a-spike").json()["text"] == ""
    assert [one["version"] for one in browser.get("/api/v1/runbooks/a-spike/versions").json()] == [4, 3, 2, 1]
    assert browser.get("/api/v1/runbooks/a-spike").status_code == 404
