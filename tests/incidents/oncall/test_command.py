from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from incidents.oncall.models import EscalationPolicy
from incidents.paging.models import PagerEndpoint
from observability.core.models import Membership
from observability.core.services import default_organisation
from tests import factories

pytestmark = pytest.mark.django_db


def test_from_nothing_to_somebody_who_can_be_reached(capsys):
    call_command("oncall", "person", "dana")
    call_command("oncall", "pager", "dana", "https://pager.example/hook")
    call_command("oncall", "people", "dana", "--after-seconds", "120")
    shown = capsys.readouterr().out
    assert "shown this once" in shown
    assert "Webhook of dana" in shown
    assert Membership.objects.get(user__username="dana").role == "responder"
    assert PagerEndpoint.objects.get().url == "https://pager.example/hook"
    policy = EscalationPolicy.objects.get()
    assert [(step.after_seconds, str(step.targets.get())) for step in policy.steps.all()] == [(120, "dana")]


def test_a_policy_may_be_for_one_service(capsys):
    organisation = default_organisation()
    factories.make_user(organisation, username="dana")
    factories.make_service(organisation, slug="chat")
    call_command("oncall", "people", "dana", "--service", "chat")
    assert EscalationPolicy.objects.get(service__slug="chat").steps.count() == 1
    assert "none: nobody can be reached" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("people", "nobody"), "There is no person 'nobody'; there are: dana"),
        (("people", "dana", "--service", "chat"), "There is no service 'chat'; there are: none yet"),
        (("person", "dana"), "There is a person 'dana' already"),
    ],
)
def test_a_wrong_name_is_answered_with_what_there_is(words, sentence):
    factories.make_user(default_organisation(), username="dana")
    with pytest.raises(CommandError, match=sentence):
        call_command("oncall", *words)


def test_nobody_on_call_says_what_to_do(capsys):
    call_command("oncall", "show")
    assert "manage.py oncall people" in capsys.readouterr().out
