from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from incidents.response import services as response
from incidents.response.models import Incident
from observability.core.models import Organisation, User
from observability.local_pager import LocalPager
from tests import factories


@dataclass
class World:
    """Acme, where Ana is told first and Ben five minutes later, each through a real HTTP receiver."""

    organisation: Organisation
    ana: User
    ben: User
    phone_of_ana: LocalPager
    phone_of_ben: LocalPager

    def incident(self) -> Incident:
        """An incident that is being paged for, its first page still in the outbox."""
        return response.page(
            incident=factories.make_incident(factories.make_service(self.organisation)), now=factories.NOW
        )


@pytest.fixture
def loopback(settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]


@pytest.fixture
def world(db, loopback) -> Iterator[World]:
    yield from _world()


@pytest.fixture
def committed_world(transactional_db, loopback) -> Iterator[World]:
    """The same, committed: for threads with connections of their own."""
    yield from _world()


def _world() -> Iterator[World]:
    organisation = factories.make_organisation("acme")
    ana = factories.make_user(organisation, username="ana")
    ben = factories.make_user(organisation, username="ben")
    with LocalPager() as phone_of_ana, LocalPager() as phone_of_ben:
        factories.make_pager(ana, organisation, url=phone_of_ana.url)
        factories.make_pager(ben, organisation, url=phone_of_ben.url)
        factories.make_policy(organisation, ana, ben, repeats=1)
        yield World(organisation, ana, ben, phone_of_ana, phone_of_ben)
