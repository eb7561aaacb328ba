from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from incidents.routing import services
from incidents.routing.models import RouteDocument
from observability.core import permissions
from observability.core.permissions import NotAllowed
from observability.core.services import default_organisation
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
TEXT = """routes:
  - name: serving
    match: ['team="serving"']
    routes:
      - {name: europe, match: ['region="eu"'], group_by: [region], urgency: ticket}
  - {name: rest}
"""


def test_route_test_shows_the_path_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file := tmp_path / "routes.yaml").write_text(TEXT, encoding="utf-8")
    call_command("route", "test", "team=serving", "region=eu", "--file", str(file))
    assert capsys.readouterr().out == (
        'serving: takes it (team="serving")\n'
        '  europe: takes it (region="eu")\n'
        "Path: serving > europe\n"
        "  urgency: ticket\n"
        "  group by: region\n"
    )
    call_command("route", "apply", str(file))
    call_command("route", "test", "team=other")
    assert 'serving: passes (team="serving")\nrest: takes it (every alert)\nPath: rest' in capsys.readouterr().out
    call_command("route", "show")
    assert "name: serving" in capsys.readouterr().out


def test_what_a_route_names_must_be_there() -> None:
    organisation = default_organisation()
    factories.make_service(organisation, slug="chat")
    text = "routes:\n  - {name: a}\n  - {name: b, service: search, team: nobody}\n"
    with pytest.raises(services.RoutesUnusable) as refused:
        services.validated(organisation=organisation, text=text)
    assert str(refused.value).splitlines() == [
        "routes:3: routes[1].service: found 'search', expected one of chat",
        "routes:3: routes[1].team: found 'nobody', expected a team; there is none yet",
    ]


def test_versions_are_kept_and_the_same_again_changes_nothing() -> None:
    organisation, actor = default_organisation(), permissions.system(default_organisation())
    for text in (TEXT, TEXT, "routes: []", TEXT):
        services.set_routes(organisation=organisation, text=text, actor=actor, now=NOW)
    assert list(RouteDocument.objects.values_list("version", flat=True)) == [3, 2, 1]


def test_only_who_may_sets_routes_and_errors_are_said_on_the_command_line(tmp_path: Path) -> None:
    organisation = default_organisation()
    responder = permissions.of(factories.make_user(organisation), organisation)
    with pytest.raises(NotAllowed):
        services.set_routes(organisation=organisation, text=TEXT, actor=responder, now=NOW)
    (file := tmp_path / "routes.yaml").write_text("routes: 3", encoding="utf-8")
    with pytest.raises(CommandError, match="expected a list"):
        call_command("route", "apply", str(file))
    with pytest.raises(CommandError, match="expected name=value"):
        call_command("route", "test", "chat")
    with pytest.raises(CommandError, match="no organisation"):
        call_command("route", "--organisation", "nobody", "show")
