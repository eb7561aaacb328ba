from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incidents.alerts.grouping import (
    Candidate,
    Held,
    Place,
    Placement,
    Reason,
    Signal,
    explained,
    group_key,
    place,
    quiet_since,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BURN = Signal(kind="burn", urgency="page", fingerprint="chat/ttft", service_id=12)
INFO = Signal(kind="kpi", urgency="info", fingerprint="chat/kpi", service_id=12)
BLIND = Signal(kind="blind", urgency="ticket", fingerprint="source/7", service_id=12)
ALONE = Signal(kind="policy", urgency="ticket", fingerprint="org/policy", service_id=None)
OPEN_4 = Candidate(incident_id=4, resolved_at=None)


def resolved(incident_id: int, minutes_ago: float) -> Candidate:
    return Candidate(incident_id=incident_id, resolved_at=NOON - timedelta(minutes=minutes_ago))


CASES = [
    ("nothing is open: open", BURN, [], Place(Placement.OPEN, Reason.FIRST)),
    ("open for the same service: join", BURN, [OPEN_4], Place(Placement.JOIN, Reason.SAME_SERVICE, 4)),
    ("resolved 8 minutes ago: reopen", BURN, [resolved(4, 8)], Place(Placement.REOPEN, Reason.AGAIN, 4)),
    ("resolved exactly 10 minutes ago: reopen", BURN, [resolved(4, 10)], Place(Placement.REOPEN, Reason.AGAIN, 4)),
    ("resolved 11 minutes ago: open", BURN, [resolved(4, 11)], Place(Placement.OPEN, Reason.FIRST)),
    ("an open one goes before a resolved one", BURN, [resolved(3, 1), OPEN_4], Place(Placement.JOIN, Reason.SAME_SERVICE, 4)),
    ("two resolved: the later one", BURN, [resolved(3, 9), resolved(4, 2)], Place(Placement.REOPEN, Reason.AGAIN, 4)),
    ("two open: the earlier one", BURN, [Candidate(9, None), OPEN_4], Place(Placement.JOIN, Reason.SAME_SERVICE, 4)),
    ("information opens nothing", INFO, [], Place(Placement.KEEP, Reason.INFORMATION)),
    ("information reopens nothing", INFO, [resolved(4, 1)], Place(Placement.KEEP, Reason.INFORMATION)),
    ("information joins as evidence", INFO, [OPEN_4], Place(Placement.JOIN, Reason.SAME_SERVICE, 4)),
    ("a blind source opens its own", BLIND, [], Place(Placement.OPEN, Reason.FIRST_BLIND)),
    ("a blind source joins its own", BLIND, [OPEN_4], Place(Placement.JOIN, Reason.SAME_SOURCE, 4)),
    ("what concerns no service stands alone", ALONE, [], Place(Placement.OPEN, Reason.FIRST_ALONE)),
    ("what concerns no service joins itself", ALONE, [OPEN_4], Place(Placement.JOIN, Reason.SAME_FINDING, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "candidates", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_cause_one_incident(signal: Signal, candidates: list[Candidate], expected: Place) -> None:
    assert place(signal=signal, candidates=candidates, now=NOON) == expected


def test_what_was_over_before_it_was_read_opens_nothing() -> None:
    over = Signal(kind="burn", urgency="page", fingerprint="f", service_id=12, firing=False)
    assert place(signal=over, candidates=[], now=NOON) == Place(Placement.KEEP, Reason.OVER)


def test_the_cause_is_the_service_but_for_a_blind_source() -> None:
    assert group_key(BURN) == group_key(INFO) == "service:12"
    assert group_key(BLIND) == "blind:source/7"
    assert group_key(ALONE) == "finding:org/policy"


def test_quiet_since_the_last_alert_ended() -> None:
    early, late = NOON, NOON + timedelta(minutes=4)
    assert quiet_since([Held("page", early), Held("ticket", late)]) == late


def test_an_alert_that_fires_keeps_it_open_but_information_does_not() -> None:
    assert quiet_since([Held("page", NOON), Held("ticket", None)]) is None
    assert quiet_since([Held("page", NOON), Held("info", None)]) == NOON


def test_without_alerts_nothing_resolves_by_itself() -> None:
    assert quiet_since([]) is None
    assert quiet_since([Held("info", NOON)]) is None


def test_the_reason_names_the_incident() -> None:
    assert explained(reason=Reason.SAME_SERVICE, incident="INC-4") == "joined: same service, INC-4 still open"
    assert explained(reason=Reason.AGAIN, incident="INC-4") == "reopened: same cause, resolved a moment ago"
