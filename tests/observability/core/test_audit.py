from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, connection, transaction

from observability.core import audit, permissions, services
from observability.core.models import AuditEntry, Membership, Role

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_a_record_says_who_did_what_to_what_and_when():
    organisation = services.default_organisation()
    entry = audit.record(
        actor=permissions.system(organisation), verb="rename", obj=organisation, now=NOW, payload={"to": "Acme"}
    )
    kept = AuditEntry.objects.get(pk=entry.pk)
    assert (kept.actor, kept.verb, kept.object_kind, kept.object_id) == (
        "system:tailwatch",
        "rename",
        "core.Organisation",
        str(organisation.pk),
    )
    assert (kept.at, kept.payload) == (NOW, {"to": "Acme"})


@pytest.mark.parametrize("statement", ["UPDATE core_auditentry SET actor = 'nobody'", "DELETE FROM core_auditentry"])
def test_the_run_time_role_can_add_to_the_log_and_never_change_it(statement):
    organisation = services.default_organisation()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE tailwatch_app")
        audit.record(actor=permissions.system(organisation), verb="test", obj=organisation, now=NOW)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute(statement)
        cursor.execute("RESET ROLE")


def test_a_new_person_has_a_role_a_password_that_works_and_a_record():
    organisation = services.default_organisation()
    user, password = services.create_user(organisation=organisation, username="alice", role=Role.RESPONDER, now=NOW)
    assert user.check_password(password)
    assert Membership.objects.get(user=user).role == Role.RESPONDER
    assert permissions.of(user, organisation).role == Role.RESPONDER
    assert AuditEntry.objects.filter(verb="create_user", object_id=str(user.pk)).exists()


def test_the_default_organisation_is_made_once():
    assert services.default_organisation() == services.default_organisation()


def test_someone_who_does_not_sign_in_has_no_password_that_works():
    organisation = services.default_organisation()
    user, password = services.create_user(
        organisation=organisation, username="paged", role=Role.RESPONDER, now=NOW, signs_in=False
    )
    assert (password, user.has_usable_password()) == ("", False)
