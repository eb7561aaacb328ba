"""An organisation with people who may be paged, and an incident of theirs."""

from __future__ import annotations

import pytest

from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation, Role, User
from observability.core.permissions import Actor
from tests import factories


@pytest.fixture
def ana(acme: Organisation) -> User:
    """A responder with a pager, first in the policy."""
    user = factories.make_user(acme, username="ana")
    factories.make_pager(user, acme, url="http://127.0.0.1:9/ana")
    factories.make_policy(acme, user)
    return user


@pytest.fixture
def ben(acme: Organisation) -> User:
    """A responder with a pager, in no policy."""
    user = factories.make_user(acme, username="ben")
    factories.make_pager(user, acme, url="http://127.0.0.1:9/ben")
    return user


@pytest.fixture
def vera(acme: Organisation) -> User:
    return factories.make_user(acme, username="vera", role=Role.VIEWER)


@pytest.fixture
def incident(acme: Organisation, ana: User) -> Incident:
    return factories.make_incident(factories.make_service(acme, slug="chat"))


def by(user: User) -> Actor:
    membership = user.memberships.get()
    return permissions.of(user, membership.organisation)
