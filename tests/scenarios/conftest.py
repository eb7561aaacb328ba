from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from observability import drills
from observability.core.services import default_organisation
from observability.local_pager import LocalPager

#: A Tuesday morning: traffic on the way to its daily peak.
START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@pytest.fixture
def pager(settings):
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    with LocalPager() as receiver:
        yield receiver


@pytest.fixture
def world(db, pager):
    """A healthy fleet of three services with its platform, people on call, and nothing played yet."""
    built = drills.build_world(organisation=default_organisation(), start=START, seed=1, pager=pager)
    yield built
    built.close()


@pytest.fixture
def press_the_button(client):
    """Open the page behind an acknowledge link as a person would, then press its one button."""

    def press(url, now):
        path = urlsplit(url).path
        assert client.get(path).status_code == 200
        answer = client.post(path)
        assert answer.status_code in {200, 302}, answer.content

    return press
