"""Apply: whole or not at all, with a diff, a history and a permission."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.services import default_organisation
from sloengine.budgets.models import TallyPlace
from sloengine.collect.models import MetricSource
from sloengine.objectives import services
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.objectives.texts import Document
from tests import factories
from tests.factories import NOW
from tests.sloengine.objectives.test_kinds import CONDITION, POLICY, RATIO, SERVICE, SLO, SOURCE, TARGET
from tests.sloengine.objectives.test_openslo import DOCUMENT

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    return factories.make_service(default_organisation(), slug="chat")


def apply(service, text=DOCUMENT, *, prune=False, actor=None, now=NOW):
    organisation = service.organisation
    actor = actor or permissions.system(organisation)
    return services.apply(
        organisation=organisation, documents=[Document("f.yaml", text)], actor=actor, now=now, prune=prune
    )


def test_added_then_unchanged_then_changed(service):
    first = apply(service)
    assert first.added == ("chat/first-token",)
    assert first.diff == (
        "+ chat/first-token: 95 % of requests get their first token within 250 ms in 99.5 % of minutes, over 30 days",
    )
    assert apply(service).unchanged == ("chat/first-token",)
    changed = apply(service, DOCUMENT.replace('"0.995"', '"0.999"'))
    assert changed.diff == ("~ chat/first-token spec.objectives[0].target: 0.995 -> 0.999",)
    assert [(row.kind, row.actor) for row in ObjectiveChange.objects.order_by("pk")] == [
        ("added", "system:tailwatch"),
        ("changed", "system:tailwatch"),
    ]
    assert AuditEntry.objects.filter(verb="apply_objectives").count() == 2


def test_one_bad_document_applies_nothing(service):
    with pytest.raises(InvalidObjectives):
        apply(service, DOCUMENT + "---\n" + DOCUMENT.replace("first-token", "other").replace("30d", "soon"))
    assert Objective.objects.count() == 0


def test_prune_switches_off_and_applying_again_switches_on(service):
    apply(service)
    other = DOCUMENT.replace("first-token", "other")
    assert apply(service, other).removed == ()
    assert apply(service, other, prune=True).removed == ("chat/first-token",)
    assert list(Objective.objects.enabled().values_list("slug", flat=True)) == ["other"]
    assert apply(service).added == ("chat/first-token",)


def test_a_new_threshold_counts_anew_and_a_new_target_does_not(service):
    apply(service)
    objective = Objective.objects.get()
    factories.make_tally(objective, at=NOW, good=1, total=1, covered_seconds=30)
    apply(service, DOCUMENT.replace('"0.995"', '"0.99"'))
    assert TallyPlace.objects.count() == 1
    apply(service, DOCUMENT.replace("0.25", "0.1"))
    assert TallyPlace.objects.count() == 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER, Role.AUDITOR])
def test_those_who_may_not_change_nothing(service, role):
    user = factories.make_user(service.organisation, role=role)
    with pytest.raises(NotAllowed):
        apply(service, actor=permissions.of(user, service.organisation))
    assert Objective.objects.count() == 0


def test_another_organisations_system_may_not(service):
    with pytest.raises(NotAllowed):
        apply(service, actor=permissions.system(factories.make_organisation()))


def test_export_reads_back(service):
    apply(service)
    text = services.export(organisation=service.organisation)
    assert apply(service, text).unchanged == ("chat/first-token",)


def command(*arguments):
    out = StringIO()
    call_command("slo", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_applies_the_library_and_reports(service, frozen_now):
    assert "6 objectives, all valid." in command("validate")
    assert "6 added, 0 changed" in command("apply")
    assert "6 as before" in command("apply")
    assert "kind: SLO" in command("export")
    assert command("report", "--format", "markdown").count("no data") >= 6
    assert '"state": "no data"' in command("report", "--json")


def test_a_report_that_no_terminal_shows_is_cut_nowhere(service, frozen_now, capsys):
    command("apply")
    capsys.readouterr()
    command("report")
    text = capsys.readouterr().out
    assert "…" not in text
    assert max(map(len, text.splitlines())) > 100


def test_the_command_refuses_with_file_and_line(service, tmp_path, frozen_now):
    bad = tmp_path / "bad.yaml"
    bad.write_text(DOCUMENT.replace("30d", "soon"))
    with pytest.raises(CommandError, match=r"bad\.yaml:11: spec\.timeWindow\[0\]\.duration: found 'soon'"):
        command("validate", str(bad))
    with pytest.raises(CommandError, match="Nothing was changed"):
        command("apply", str(bad))
    with pytest.raises(CommandError, match="expected a readable YAML file"):
        command("validate", str(tmp_path / "missing.yaml"))


def test_history_keeps_both_versions(service):
    apply(service)
    apply(service, DOCUMENT.replace("0.25", "0.1"), now=NOW + timedelta(hours=1))
    change = ObjectiveChange.objects.first()
    assert change is not None
    assert change.before is not None
    assert change.after is not None
    assert (change.before["spec"]["objectives"][0]["value"], change.after["spec"]["objectives"][0]["value"]) == (
        0.25,
        0.1,
    )


def test_services_and_sources_of_the_documents_are_there_afterwards(service):
    organisation = service.organisation
    texts = (SLO, POLICY, CONDITION, TARGET, SERVICE, RATIO, SOURCE)
    documents = [Document(f"{number}.yaml", text) for number, text in enumerate(texts)]
    actor = permissions.system(organisation)
    preview = services.apply(organisation=organisation, documents=documents, actor=actor, now=NOW, preview=True)
    assert Objective.objects.count() == 0
    applied = services.apply(organisation=organisation, documents=documents, actor=actor, now=NOW)
    assert applied == preview
    assert applied.diff[:2] == ("+ service checkout", "+ source prom: http://prometheus:9090")
    assert MetricSource.objects.get(organisation=organisation, name="prom").kind == "prometheus"
    assert Objective.objects.get(slug="answers-good").promise.terms.alerting.alerts[0].factor == 2.0
    again = services.apply(organisation=organisation, documents=documents, actor=actor, now=NOW)
    assert (again.diff, len(again.unchanged)) == ((), 2)


def test_a_source_of_another_type_is_left_out_and_a_new_url_is_taken_and_said(service):
    organisation = service.organisation
    other = SOURCE.replace("type: Prometheus", "type: Datadog").replace("name: prom", "name: dd")
    both = apply(service, SOURCE.replace("url:", "orgId: a\n    url:") + "---\n" + other)
    assert both.diff == ("+ source prom: http://prometheus:9090",)
    assert both.notes == (
        "prom: of its connectionDetails only the url is used, not orgId; `manage.py connect URL --name prom` says how to be"
        " let in.",
        "dd: a DataSource of type Datadog is left out; Prometheus alone is asked.",
    )
    assert list(MetricSource.objects.values_list("name", flat=True)) == ["prom"]
    MetricSource.objects.update(org_id="a", tick_seconds=60)
    moved = apply(service, SOURCE.replace("//prometheus", "//me:secret@elsewhere"))
    assert moved.diff == ("~ source prom: Prometheus http://prometheus:9090 -> http://elsewhere:9090",)
    row = MetricSource.objects.get()
    assert (row.url, row.org_id, row.tick_seconds) == ("http://me:secret@elsewhere:9090", "a", 60)
    assert AuditEntry.objects.filter(verb="connect_source", organisation=organisation).count() == 2
    editor = permissions.of(factories.make_user(organisation, role=Role.VIEWER), organisation)
    with pytest.raises(NotAllowed):
        apply(service, SOURCE, actor=editor)


def test_prune_asks_and_a_dry_run_changes_nothing(service, tmp_path, frozen_now, monkeypatch):
    apply(service)
    other = tmp_path / "other.yaml"
    other.write_text(DOCUMENT.replace("first-token", "other"))
    assert "- chat/first-token" in command("apply", str(other), "--prune", "--dry-run")
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was changed"):
        command("apply", str(other), "--prune")
    assert Objective.objects.get().slug == "first-token"
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "1 added, 0 changed, 1 switched off" in command("apply", str(other), "--prune")
    assert [row.slug for row in Objective.objects.enabled()] == ["other"]
