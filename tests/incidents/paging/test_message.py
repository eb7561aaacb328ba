from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incidents.paging.message import Message, body, text
from incidents.paging.signature import SignatureVerdict, sign, verify

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MESSAGE = Message(
    kind="opened",
    page=7,
    attempt=1,
    repeated=False,
    dedup_key="tailwatch-acme-INC-4",
    organisation="acme",
    number=4,
    title="chat: ttft burns",
    headline="queueing is 80 % of the time to first token",
    severity=2,
    state="open",
    service="chat",
    leaf="traffic-spike",
    confidence=0.86,
    impact_started_at=NOON,
    opened_at=NOON,
    resolved_at=None,
    recipient="Ana",
    reason="first responder",
    simulated=True,
    incident_url="http://127.0.0.1:8000/incidents/4/",
    runbook_url=None,
    acknowledge_url="http://127.0.0.1:8000/ack/x/",
)


def test_the_document_has_exactly_the_documented_fields() -> None:
    document = json.loads(body(MESSAGE))
    assert list(document) == [
        "version", "kind", "page", "attempt", "repeated", "dedup_key", "text", "recipient", "reason", "organisation",
        "incident", "links",
    ]  # fmt: skip
    assert list(document["incident"]) == [
        "number", "title", "headline", "severity", "state", "service", "leaf", "confidence", "impact_started_at",
        "opened_at", "resolved_at", "simulated",
    ]  # fmt: skip
    assert document["incident"]["opened_at"] == "2026-01-05T12:00:00Z"
    assert document["links"] == {
        "incident": "http://127.0.0.1:8000/incidents/4/",
        "runbook": None,
        "acknowledge": "http://127.0.0.1:8000/ack/x/",
    }


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("opened", "SEV2 INC-4 chat: queueing is 80 % of the time to first token"),
        ("resolved", "Resolved: SEV2 INC-4 chat: queueing is 80 % of the time to first token"),
        ("raised", "Now worse: SEV2 INC-4 chat: queueing is 80 % of the time to first token"),
    ],
)
def test_one_line_for_a_small_screen(kind: str, read: str) -> None:
    assert text(replace(MESSAGE, kind=kind)) == read


def test_without_diagnosis_and_service_the_title_stands_in() -> None:
    assert text(replace(MESSAGE, headline="", service=None)) == "SEV2 INC-4: chat: ttft burns"


def test_a_headline_that_begins_with_the_service_does_not_name_it_twice() -> None:
    assert text(replace(MESSAGE, headline="chat burns its budget")) == "SEV2 INC-4: chat burns its budget"


def test_a_signature_holds_for_its_body_secret_and_time_only() -> None:
    header = sign(secret="s", body=b"{}", at=1000)
    assert verify(secret="s", body=b"{}", header=header) is SignatureVerdict.GOOD
    assert verify(secret="s", body=b"{ }", header=header) is SignatureVerdict.WRONG
    assert verify(secret="other", body=b"{}", header=header) is SignatureVerdict.WRONG
    assert verify(secret="s", body=b"{}", header=header.replace("1000", "1001")) is SignatureVerdict.WRONG
    assert verify(secret="s", body=b"{}", header=header, now=1300) is SignatureVerdict.GOOD
    assert verify(secret="s", body=b"{}", header=header, now=1301) is SignatureVerdict.OLD


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=abc", "t=1", "t=-1,v1=a", "t=²,v1=a", "nonsense", "t=1,v1=é"])
def test_a_malformed_signature_is_refused(header: str) -> None:
    assert verify(secret="s", body=b"", header=header) is not SignatureVerdict.GOOD


def test_the_signature_is_the_documented_one() -> None:
    # printf '1000.{}' | openssl dgst -sha256 -hmac s
    assert sign(secret="s", body=b"{}", at=1000) == (
        "t=1000,v1=1266ced5789d16ad976ad7b98cd2aa00ac3ba17106a40ee2a50f1df5cf9b85fc"
    )


DOCUMENT = Path(__file__).parents[3] / "docs" / "paging.md"


def test_every_field_and_the_example_signature_are_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    document = json.loads(body(MESSAGE))
    nested = {"incident", "links"}
    named = [f"`{name}`" for name in document if name not in nested]
    named += [f".{name}`" for part in nested for name in document[part]]
    assert [name for name in named if name not in text] == []
    assert sign(secret="s", body=b"{}", at=1000) in text
