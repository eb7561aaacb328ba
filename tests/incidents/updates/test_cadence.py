from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.updates import cadence
from incidents.updates.cadence import Audience
from tests.factories import NOW


@pytest.mark.parametrize(
    ("severity", "internal", "public"), [(1, 15, 30), (2, 30, 60), (3, None, None), (5, None, None)]
)
def test_the_cadence_is_what_r22_says(severity: int, internal: int | None, public: int | None) -> None:
    def minutes(audience: Audience) -> float | None:
        span = cadence.every(severity=severity, audience=audience)
        return None if span is None else span.total_seconds() / 60

    assert (minutes(Audience.INTERNAL), minutes(Audience.PUBLIC)) == (internal, public)


def test_the_next_update_counts_from_the_last() -> None:
    due = cadence.due_at(severity=2, audience=Audience.INTERNAL, since=NOW)
    assert due == NOW + timedelta(minutes=30)
    assert cadence.due_at(severity=4, audience=Audience.PUBLIC, since=NOW) is None
