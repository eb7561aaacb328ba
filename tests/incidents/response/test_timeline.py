from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from incidents.response.severity import Severity, opening, pages, worse
from incidents.response.timeline import LABELS, TimelineKind, sentence

CASES: list[tuple[TimelineKind, Mapping[str, object], str]] = [
    (TimelineKind.OPENED, {"title": "Chat: late", "reason": "first"}, "Opened: Chat: late (first)"),
    (TimelineKind.ALERT_JOINED, {"title": "ttft", "reason": "joined: same"}, "Alert joined: ttft (joined: same)"),
    (TimelineKind.ALERT_JOINED, {"title": "ttft", "state": "cleared"}, "Alert cleared: ttft"),
    (TimelineKind.DIAGNOSED, {"headline": "queueing is 80 %"}, "queueing is 80 %"),
    (TimelineKind.DIAGNOSED, {"leaf": "stall"}, "Diagnosed: stall"),
    (TimelineKind.SEVERITY_CHANGED, {"before": 3, "after": 2}, "Severity changed from SEV3 to SEV2"),
    (TimelineKind.PAGED, {"user": "Ana", "channel": "phone"}, "Paged Ana through phone"),
    (TimelineKind.DELIVERY_FAILED, {"user": None, "reason": "nobody is on call"}, "Not delivered to anyone: nobody is on call"),
    (TimelineKind.ESCALATED, {"user": "Ben", "reason": "nobody answered"}, "Escalated to Ben: nobody answered"),
    (TimelineKind.RESPONDER_ADDED, {"user": "Ben", "reason": "asked by ana"}, "Ben was asked to join: asked by ana"),
    (TimelineKind.MERGED, {"sentence": "INC-2 was merged into INC-1"}, "INC-2 was merged into INC-1"),
    (TimelineKind.ACKNOWLEDGED, {"through": "the web"}, "Acknowledged (the web)"),
    (TimelineKind.RESOLVED, {"reason": "alerts cleared"}, "Resolved: alerts cleared"),
    (TimelineKind.NOTE, {"text": "look at replica 3"}, "look at replica 3"),
    (TimelineKind.ACTION_RAN, {"text": "drained replica 3"}, "Action ran: drained replica 3"),
    (TimelineKind.CHANGE_SEEN, {}, "Change seen"),
    (TimelineKind.SNOOZED, {"reason": "until tomorrow"}, "Snoozed: until tomorrow"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "payload", "read"), CASES)
def test_an_entry_reads_as_one_line(kind: TimelineKind, payload: Mapping[str, object], read: str) -> None:
    assert sentence(kind=kind, payload=payload) == read


def test_every_kind_reads_as_something_without_a_payload() -> None:
    assert all(sentence(kind=kind, payload={}) for kind in TimelineKind)
    assert LABELS[TimelineKind.ACK_EXPIRED] == "Ack expired"


@pytest.mark.parametrize(
    ("kind", "urgency", "severity"),
    [
        ("burn", "page", Severity.SEV2),
        ("outage", "page", Severity.SEV2),
        ("burn", "ticket", Severity.SEV3),
        ("shift", "ticket", Severity.SEV4),
        ("cost", "ticket", Severity.SEV4),
        ("blind", "page", Severity.SEV2),
        ("blind", "ticket", Severity.SEV4),
    ],
)
def test_opening_severities(kind: str, urgency: str, severity: Severity) -> None:
    assert opening(kind=kind, urgency=urgency) is severity


def test_a_smaller_number_is_worse_and_only_sev1_and_sev2_page() -> None:
    assert worse(Severity.SEV1, Severity.SEV3)
    assert not worse(Severity.SEV3, Severity.SEV3)
    assert [pages(severity) for severity in Severity] == [True, True, False, False, False]


def test_every_kind_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "incidents.md").read_text(encoding="utf-8")
    assert [kind.value for kind in TimelineKind if kind.value not in text] == []
