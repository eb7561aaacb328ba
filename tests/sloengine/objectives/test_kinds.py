"""OpenSLO v1 whole: every kind, references, several objectives, calendars, raw queries, alert policies."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.objectives.calendars import Calendar
from sloengine.objectives.objective import Indicator, Method, Objective, goal_sentence
from sloengine.objectives.openslo import InvalidObjectives, Known, parse
from sloengine.objectives.rendering import difference, dump, render
from sloengine.objectives.terms import (
    Alerting,
    BurnAlert,
    Member,
    Missing,
    Queries,
    Terms,
    Treatment,
    Via,
    dumped,
    loaded,
)
from sloengine.objectives.texts import Document

KNOWN = Known(services=("chat", "web-shop"), sources=("main",))
HEAD = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
spec:
  service: {service}
"""
WINDOW = """\
  timeWindow:
    - duration: 30d
      isRolling: true
"""


def read(*texts, known=KNOWN):
    return parse(documents=[Document(f"{i}.yaml", dedent(text)) for i, text in enumerate(texts)], known=known)


def refused(*texts, known=KNOWN):
    with pytest.raises(InvalidObjectives) as refusal:
        read(*texts, known=known)
    return str(refusal.value)


RATIO = """\
apiVersion: openslo/v1
kind: SLI
metadata:
  name: responses
spec:
  ratioMetric:
    counter: true
    good:
      metricSource:
        metricSourceRef: prom
        type: Prometheus
        spec:
          query: http_requests_total{code=~"2..|3.."}
    total:
      metricSource:
        metricSourceRef: prom
        spec:
          query: http_requests_total
"""
SOURCE = """\
apiVersion: openslo/v1
kind: DataSource
metadata:
  name: prom
spec:
  type: Prometheus
  connectionDetails:
    url: http://prometheus:9090
"""
SERVICE = """\
apiVersion: openslo/v1
kind: Service
metadata:
  name: checkout
  displayName: Checkout
spec:
  description: Takes the money.
"""
CONDITION = """\
apiVersion: openslo/v1
kind: AlertCondition
metadata:
  name: burns
spec:
  severity: page
  condition:
    kind: burnrate
    threshold: 2
    lookbackWindow: 1h
    alertAfter: 5m
"""
POLICY = """\
apiVersion: openslo/v1
kind: AlertPolicy
metadata:
  name: loud
spec:
  alertWhenBreaching: true
  alertWhenNoData: true
  conditions:
    - conditionRef: burns
  notificationTargets:
    - targetRef: mail
"""
TARGET = """\
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata:
  name: mail
spec:
  target: email
"""
SLO = (
    HEAD.format(name="answers", service="checkout")
    + "  indicatorRef: responses\n"
    + WINDOW
    + """\
  budgetingMethod: Occurrences
  objectives:
    - displayName: Good
      target: 0.99
    - displayName: Very good
      targetPercent: 99.95
  alertPolicies:
    - loud
"""
)


def test_every_kind_together_by_reference_in_any_order():
    found = read(SLO, POLICY, CONDITION, TARGET, SERVICE, RATIO, SOURCE)
    assert [one.key for one in found.objectives] == ["checkout/answers-good", "checkout/answers-very-good"]
    assert [one.target for one in found.objectives] == [Decimal("0.99"), Decimal("0.9995")]
    first = found.objectives[0]
    assert first.indicator is Indicator.QUERY
    assert first.terms.queries == Queries(
        source="prom", good='http_requests_total{code=~"2..|3.."}', total="http_requests_total"
    )
    assert first.terms.alerting.alerts == (BurnAlert("burns", "page", 3600, 300, 2.0, 300),)
    assert first.terms.missing.absent_after_seconds == 600
    assert [(one.name, one.title) for one in found.services] == [("checkout", "Checkout")]
    assert [(one.name, one.url) for one in found.sources] == [("prom", "http://prometheus:9090")]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (
            RATIO,
            "0.yaml:7: spec.indicatorRef: found 'responses', expected the name of an SLI of these documents (none)",
        ),
        (
            SOURCE,
            "metricSourceRef: found 'prom', expected a DataSource of these documents or a source that is there (main)",
        ),
        (SERVICE, "spec.service: found 'checkout', expected one of chat, web-shop"),
        (POLICY, "spec.alertPolicies[0]: found 'loud', expected the name of an AlertPolicy"),
        (CONDITION, "conditions[0].conditionRef: found 'burns', expected the name of an AlertCondition"),
        (TARGET, "notificationTargets[0].targetRef: found 'mail'"),
    ],
    ids=["sli", "source", "service", "policy", "condition", "target"],
)
def test_a_reference_to_nothing_is_named(missing, words):
    assert words in refused(
        *(text for text in (SLO, POLICY, CONDITION, TARGET, SERVICE, RATIO, SOURCE) if text != missing)
    )


def with_window(window, method="Occurrences", goal="- target: 0.99", annotations="tailwatch/indicator: availability"):
    return f"""\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: answers
  annotations:
    {annotations}
spec:
  service: chat
  timeWindow:
    - {window}
  budgetingMethod: {method}
  objectives:
    {goal}
"""


CALENDAR = "{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin}}"


def test_a_calendar_month_with_a_zone():
    (found,) = read(with_window(CALENDAR)).objectives
    assert found.terms.calendar == Calendar("M", 1, "2026-01-01T00:00:00", "Europe/Berlin")
    assert found.window == timedelta(days=30)
    assert goal_sentence(found) == "99 % of requests answered, each month in Europe/Berlin"


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("{duration: 1M, isRolling: true}", "a rolling window has a fixed length, 1M needs a calendar"),
        (CALENDAR.replace("Berlin", "Atlantis"), "timeZone: found 'Europe/Atlantis', expected a name of the IANA"),
        (CALENDAR.replace("2026-01-01 00", "soon"), "startTime: found 'soon:00:00', expected a local date and time"),
        (CALENDAR.replace("1M", "12h"), "expected days, weeks, months, quarters or years"),
        (CALENDAR.replace("1M,", "1M, isRolling: true,"), "isRolling: found True, expected true without a calendar"),
    ],
)
def test_windows_that_cannot_be(window, words):
    assert words in refused(with_window(window))


def test_a_window_rolls_unless_it_has_a_calendar():
    assert read(with_window("{duration: 30d}")).objectives[0].window == timedelta(days=30)


def test_ratio_timeslices_of_the_specifications_example():
    text = with_window(
        "{duration: 2w, isRolling: true}", "RatioTimeslices", "- {op: gt, timeSliceWindow: 1m, target: 0.99}"
    )
    inline = """\
  indicator:
    metadata: {name: response-code}
    spec:
      ratioMetric:
        good: {metricSource: {type: Prometheus, spec: {query: ok_total}}}
        total: {metricSource: {type: Prometheus, spec: {query: all_total}}}
"""
    text = text.replace("  annotations:\n    tailwatch/indicator: availability\n", "").replace(
        "  timeWindow", inline + "  timeWindow"
    )
    (found,) = read(text).objectives
    assert (found.method, found.slice_seconds, found.slice_target) == (Method.RATIO_TIMESLICES, 60, None)
    assert goal_sentence(found) == "99 % of events good by its query in the mean of minutes, over 14 days"


def inline(metric, goal="- target: 0.99", method="Occurrences"):
    return (
        HEAD.format(name="q", service="chat")
        + f"  indicator:\n    metadata: {{name: q}}\n    spec: {metric}\n"
        + WINDOW
        + f"  budgetingMethod: {method}\n  objectives:\n    {goal}\n"
    )


def metric(query, kind="Prometheus"):
    return f"{{metricSource: {{type: {kind}, spec: {{query: '{query}'}}}}}}"


@pytest.mark.parametrize(
    ("spec", "goal", "queries"),
    [
        (f"{{thresholdMetric: {metric('queue_depth')}}}", "- {op: lt, value: 12, target: 0.99}",
         Queries(threshold="queue_depth", op="lt", counter=False)),
        (f"{{ratioMetric: {{rawType: failure, raw: {metric('error_ratio')}}}}}", "- target: 0.99",
         Queries(raw="error_ratio", raw_fails=True)),
        (f"{{ratioMetric: {{bad: {metric('bad_total')}, total: {metric('all_total')}}}}}", "- target: 0.99",
         Queries(bad="bad_total", total="all_total")),
        (f"{{ratioMetric: {{counter: false, good: {metric('a')}, total: {metric('b')}}}}}", "- target: 0.99",
         Queries(good="a", total="b", counter=False)),
    ],
    ids=["threshold", "raw ratio", "bad and total", "no counter"],
)  # fmt: skip
def test_metrics_of_every_shape(spec, goal, queries):
    (found,) = read(inline(spec, goal)).objectives
    assert found.terms.queries == queries
    assert read(render([found])).objectives == (found,)


@pytest.mark.parametrize(
    ("spec", "goal", "words"),
    [
        (f"{{ratioMetric: {{good: {metric('a')}}}}}", "- target: 0.9", "expected either total with good or bad, or raw"),
        (f"{{ratioMetric: {{raw: {metric('a')}}}}}", "- target: 0.9", "or raw with rawType"),
        (f"{{thresholdMetric: {metric('a')}, ratioMetric: {{raw: {metric('a')}, rawType: success}}}}", "- target: 0.9",
         "expected either thresholdMetric or ratioMetric"),
        (f"{{thresholdMetric: {metric('a')}}}", "- target: 0.9", "objectives[0].value: found nothing, expected op and value"),
        (f"{{thresholdMetric: {metric('a', 'Datadog')}}}", "- {op: lt, value: 1, target: 0.9}", "found 'Datadog', expected Prometheus"),
        (f"{{thresholdMetric: {metric('')}}}", "- {op: lt, value: 1, target: 0.9}", "expected a PromQL query"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_asked(spec, goal, words):
    assert words in refused(inline(spec, goal))


def test_a_sum_of_counters_is_warned_of():
    spec = f"{{ratioMetric: {{good: {metric('sum(a_total)')}, total: {metric('b_total')}}}}}"
    assert "looks like a restart" in read(inline(spec)).notes[0]


def test_an_inline_alert_policy_without_breaching_alerts_nobody():
    condition = (
        "{metadata: {name: c}, spec: {severity: page, condition: {threshold: 2, lookbackWindow: 1h, alertAfter: 0m}}}"
    )
    spec = f"{{alertWhenBreaching: false, conditions: [{condition}]}}"
    policy = f"  alertPolicies: [{{kind: AlertPolicy, metadata: {{name: quiet}}, spec: {spec}}}]\n"
    text = with_window("{duration: 30d, isRolling: true}") + policy
    (found,) = read(text).objectives
    assert not found.terms.alerting.enabled


def test_a_key_twice_is_refused():
    assert "1.yaml:5: name: found the key twice" in refused(
        SERVICE, SERVICE.replace("  name: checkout\n", "  name: a\n  name: b\n")
    )


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)
TREATMENTS = st.sampled_from(Treatment)
ALERTS = st.builds(
    BurnAlert, name=NAMES, severity=st.sampled_from(["page", "ticket"]), long_seconds=st.sampled_from([3600, 21600, 1800]),
    short_seconds=st.sampled_from([300, 120, 1800]), factor=st.integers(1, 20).map(float), hold_seconds=st.sampled_from([0, 300]),
)  # fmt: skip
TERMS = st.builds(
    Terms,
    calendar=st.none() | st.builds(Calendar, unit=st.sampled_from("dwMQ"), count=st.integers(1, 3), start=st.just("2026-01-31T06:30:00"),
                                   zone=st.sampled_from(["UTC", "America/New_York"])),
    missing=st.builds(Missing, no_data=TREATMENTS, zero_traffic=TREATMENTS, absent_after_seconds=st.sampled_from([None, 900, 1200])),
    alerting=st.builds(Alerting, alerts=st.lists(ALERTS, max_size=1).map(tuple), tiers=st.sampled_from([(), ("fast", "slow")]),
                       minimum_failures=st.sampled_from([None, 7.0]), minimum_events=st.sampled_from([None, 100.0])),
    via=st.sampled_from([(), (Via.CANARY,), (Via.TRAFFIC, Via.CANARY)]),
    tags=st.lists(NAMES, max_size=2).map(tuple),
    policy=st.just("") | NAMES,
)  # fmt: skip


@given(TERMS, st.sampled_from(Method), st.decimals("0.0001", "0.9999", places=4))
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back(terms, method, target):
    window = terms.calendar.nominal if terms.calendar is not None else timedelta(days=28)
    objective = Objective(
        service="chat", slug="a", title="A", indicator=Indicator.AVAILABILITY, method=method, target=target.normalize(),
        window=window, slice_target=0.95 if method is Method.TIMESLICES else None, terms=terms,
        slice_seconds=60 if method is Method.OCCURRENCES else 300, where=(("region", "eu"),),
    )  # fmt: skip
    assert read(render([objective])).objectives == (objective,)
    assert loaded(dumped(terms)) == terms
    assert difference(dump(objective), dump(objective)) == []


def test_composites_know_their_parts():
    part = with_window("{duration: 30d, isRolling: true}")
    whole = part.replace("name: answers", "name: all").replace(
        "tailwatch/indicator: availability",
        "tailwatch/indicator: composite\n    tailwatch/members: answers=3, web-shop/other",
    )
    known = Known(services=("chat", "web-shop"), objectives={"web-shop/other": False})
    found = read(part, whole, known=known).objectives[1]
    assert found.terms.members == (Member("chat/answers", 3.0), Member("web-shop/other", 1.0))
    assert "expected an objective of these documents" in refused(part, whole)
    assert "composites do not nest" in refused(part, whole.replace("web-shop/other", "chat/all"), known=known)


@pytest.mark.parametrize(
    ("indicator", "where", "family"),
    [
        ("availability", "region=eu, version=2", "requests_total"),
        ("availability", "tenant=acme", "tenant_requests_total"),
        ("availability", "tag=live", "client_requests_total"),
        ("availability", "slice=long", "canary_requests_total"),
        ("ttft", "model=m", "ttft_seconds"),
        ("ttft", "slice=long", "client_ttft_seconds"),
        ("ttft", "tag=live", "ttft_seconds"),
    ],
)
def test_a_label_is_measured_by_who_knows_it(indicator, where, family):
    goal = "- target: 0.99" if indicator == "availability" else "- {op: lte, value: 0.3, target: 0.99}"
    annotations = f"tailwatch/indicator: {indicator}\n    tailwatch/where: {where}"
    found = read(with_window("{duration: 30d}", goal=goal, annotations=annotations))
    assert found.objectives[0].measures[0].family == family
    if (indicator, where) == ("ttft", "tag=live"):
        assert "our probes write no tag on ttft_seconds" in found.notes[0]
    elif family not in ("requests_total", "ttft_seconds"):
        assert f"measured by {family}" in found.notes[0]


def test_canaries_alone_carry_no_rare_tail():
    goal = "- {op: lte, value: 0.3, target: 0.999}"
    annotations = "tailwatch/indicator: ttft\n    tailwatch/via: canary"
    assert "found 0.999, expected at most 0.99 where canaries alone measure it" in refused(
        with_window("{duration: 30d}", goal=goal, annotations=annotations)
    )
    beside = with_window("{duration: 30d}", goal=goal, annotations=annotations.replace("canary", "traffic, canary"))
    assert read(beside).objectives
    assert read(with_window("{duration: 30d}", goal=goal.replace("0.999", "0.99"), annotations=annotations)).objectives


def test_who_is_believed_is_a_preference():
    annotations = "tailwatch/indicator: availability\n    tailwatch/via: http, canary"
    (found,) = read(with_window("{duration: 30d}", annotations=annotations)).objectives
    assert [measure.family for measure in found.measures] == ["http_responses_total", "canary_requests_total"]
    wrong = annotations.replace("http, canary", "gateway")
    assert "expected of traffic, http, client, canary, each once" in refused(
        with_window("{duration: 30d}", annotations=wrong)
    )
