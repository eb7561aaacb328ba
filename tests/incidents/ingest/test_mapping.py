from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.ingest import payloads
from incidents.ingest.mapping import BadMapping, built, checked, find, generic
from incidents.ingest.payloads import Malformed

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MAPPING = {
    "items": "checks",
    "title": "check.name",
    "status": "state",
    "fingerprint": "check.id | check.name",
    "severity": "=critical",
    "labels": {"service": "host.apps[0]", "region": "=eu"},
    "resolved": ["green"],
    "firing": ["red"],
}


def test_fields_are_found_by_path() -> None:
    document = {"checks": [{"check": {"name": "disk"}, "state": "red", "host": {"apps": ["chat"]}, "more": 1}]}
    (report,) = generic(document, mapping=checked(MAPPING), now=NOW).reports
    assert (report.fingerprint, report.firing, report.title, report.starts_at) == ("disk", True, "disk", NOW)
    assert report.labels == {"service": "chat", "region": "eu", "alertname": "disk", "severity": "critical"}
    assert report.extra["more"] == 1


def test_without_a_mapping_usual_names_are_known() -> None:
    document = {"summary": "late", "state": "OK", "dedup_key": "k", "timestamp": 1767614400, "priority": "P1"}
    (report,) = generic(document, mapping=checked({}), now=NOW).reports
    assert (report.firing, report.fingerprint, report.ends_at) == (False, "k", NOW)
    assert payloads.urgency_of(report.labels, default="info") == "page"


def test_what_is_read_in_part_says_which_part_is_not() -> None:
    said = generic([{"title": "a"}, {"status": "firing"}, 3], mapping=checked({}), now=NOW)
    assert len(said.reports) == 1
    assert [problem.split(":")[0] for problem in said.problems] == ["item 1", "item 2"]


@pytest.mark.parametrize(
    "document", [3, None, "text", {}, {"title": "a", "status": "purple"}, {"title": "a", "starts_at": "x"}]
)
def test_what_cannot_be_read_is_said(document: Any) -> None:
    with pytest.raises(Malformed):
        generic(document, mapping=checked({}), now=NOW)


@pytest.mark.parametrize(
    "mapping",
    [{"colour": "x"}, {"title": 3}, {"title": "a..b"}, {"labels": []}, {"firing": "red"}, {"labels": {"a": ""}}],
)
def test_a_mapping_that_cannot_be_used_is_refused(mapping: dict[str, Any]) -> None:
    with pytest.raises(BadMapping):
        checked(mapping)


def test_paths() -> None:
    document = {"a": {"b": [{"c": 0}, {"c": "x"}]}}
    assert (find(document, "a.b[1].c"), find(document, "q | a.b[0].c"), find(document, "a.b[7]")) == ("x", 0, None)
    assert built({"a.b[1].c | z": 1}) == {"a": {"b": [None, {"c": 1}]}}
    assert built({"t": 1}, items="checks") == {"checks": [{"t": 1}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["alerts", "labels", "status", "startsAt", "event", "data", "id", "title", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_whatever_comes_is_read_or_refused_in_words(document: Any) -> None:
    for read in (payloads.alertmanager, payloads.api_v2, payloads.pagerduty, as_generic):
        with contextlib.suppress(Malformed):  # and nothing else
            assert all(report.starts_at.tzinfo is not None for report in read(document, now=NOW).reports)


def as_generic(document: Any, *, now: datetime) -> payloads.Reports:
    return generic(document, mapping=checked({}), now=now)
