"""What was foreseen, and what is news all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sloengine.cost.anomaly.decide import Reason, Verdict
from sloengine.cost.anomaly.drivers import Driver
from sloengine.cost.anomaly.feedback import Foreseen, known

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "factor", "foreseen"),
    [
        ({"factor": 3.0, "driver": "requests"}, 4.0, True),
        ({"factor": 3.0, "driver": "requests"}, 5.0, False),
        ({"driver": "price per token"}, 4.0, False),
        ({}, 400.0, True),
        ({"until": NOW}, 4.0, False),
        ({"until": NOW + HOUR}, 4.0, True),
        ({"since": NOW + HOUR}, 4.0, False),
        ({"tenant": "globex"}, 4.0, False),
    ],
)
def test_the_same_again_is_foreseen_and_more_is_news(given, factor, foreseen):
    said = Foreseen(**{"service": "chat", "tenant": "acme", "since": NOW - HOUR, **given})
    verdict = Verdict(Reason.SPIKE, driver=Driver.REQUESTS, factor=factor)
    found = known(verdict, [said], service="chat", tenant="acme", at=NOW)
    assert (found.reason is Reason.FORESEEN) is foreseen
    assert found.opens is not foreseen
