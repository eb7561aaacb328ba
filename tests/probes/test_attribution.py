"""Whose a request was: allow-listed names only, nobody's key, and parts that add up to the whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import attribution, shape
from probes.attribution import Attributor
from probes.config import Target
from probes.exposition import Samples, Series
from probes.replica import Translator

GATEWAY = Target("gw", "http://gw/metrics", "chat", kind="gateway", model="m", version="1", region="eu")
TOTAL, FAILED = "litellm_proxy_total_requests_metric_total", "litellm_proxy_failed_requests_metric_total"


def configured(text: str) -> Attributor:
    return Attributor(attribution.load(shape.read(text, file="probes.yaml")["attribution"]))


def translated(samples: Samples, attributor: Attributor | None = None) -> Samples:
    return Translator(GATEWAY, attributor=attributor).canonical(samples)


def total(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for one, value in samples.items()
        if one.name == f"tailwatch_{name}" and all(one.label(key) == wanted for key, wanted in labels.items())
    )


LABELS = st.fixed_dictionaries(
    {
        "status_code": st.sampled_from(["200", "400", "429", "500", "504"]),
        "team_alias": st.sampled_from(
            ["", "None", "web", "mobile", "sk-abcdefgh1", "a@b.c", "f" * 40, "x" * 300, " web "]
        ),
        "feature": st.sampled_from(["", "search", "summary", "10.1.2.3"]),
        "hashed_api_key": st.sampled_from(["hash-1", "hash-2"]),
        "user": st.sampled_from(["someone", "else"]),
    }
)
MAP = """
attribution:
  tenant: {labels: [org, team_alias], values: {mobile: phone}, limit: 2}
  tag: {labels: [feature], keep: [search]}
"""


@given(st.lists(st.tuples(LABELS, st.integers(0, 1000)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_tenants_and_tags_add_up_to_the_total_and_no_key_or_user_is_left(rows):
    samples: Samples = {}
    for labels, value in rows:
        samples[Series(TOTAL, tuple(sorted(labels.items())))] = float(value)
    for attributor in (None, configured(MAP)):
        found = translated(samples, attributor)
        assert total(found, "tenant_requests_total") == total(found, "requests_total") == sum(samples.values())
        for outcome in ("ok", "rejected", "error", "timeout"):
            assert total(found, "tenant_requests_total", outcome=outcome) == total(
                found, "requests_total", outcome=outcome
            )
        shown = {value for one in found for name, value in one.labels if name in ("tenant", "tag")}
        assert shown <= {"unknown", "other", "web", "mobile", "phone", "search"}
        assert not {"hash-1", "hash-2", "someone", "else"} & {value for one in found for _, value in one.labels}
        assert {name for one in found for name, _ in one.labels} <= {
            "service", "model", "version", "replica", "region", "tenant", "tag", "outcome", "reason",
        }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["hashed_api_key", "api_key_alias", "user", "user_email", "end_user", "client_ip", "x-api-key", "enduser.id", "sub", "Authorization"],
)  # fmt: skip
def test_a_name_that_carries_a_key_or_a_user_is_refused_whatever_it_is_for(name):
    for kind in ("labels", "headers", "attributes"):
        with pytest.raises(shape.ShapeError, match="carries no key and no user"):
            configured(f"attribution: {{tenant: {{{kind}: [{name}]}}}}")


@pytest.mark.parametrize(
    "name", ["team_alias", "tenant", "x-tenant-id", "tenant.id", "source_workload", "feature", "monkey"]
)
def test_other_names_are_allowed(name):
    assert configured(f"attribution: {{tag: {{labels: [{name}]}}}}").takes("tag", "labels") == (name,)


def test_values_are_renamed_kept_and_limited_and_the_rest_is_other():
    attributor = configured(
        "attribution: {tenant: {labels: [t], values: {t-1: web}, limit: 2}, tag: {labels: [f], keep: [a]}}"
    )
    assert [attributor.shown("tenant", value) for value in ("t-1", "b", "c", "web", "c")] == [
        "web",
        "b",
        "other",
        "web",
        "other",
    ]
    assert attributor.past_limit == 2
    assert [attributor.shown("tag", value) for value in ("a", "b", "")] == ["a", "other", "unknown"]


def test_a_region_of_the_page_comes_before_the_target_s():
    attributor = configured("attribution: {region: {labels: [zone]}}")
    found = translated(
        {
            Series(TOTAL, (("status_code", "200"), ("zone", "us"))): 3.0,
            Series(TOTAL, (("status_code", "200"),)): 4.0,
        },
        attributor,
    )
    assert (total(found, "requests_total", region="us"), total(found, "requests_total", region="eu")) == (3.0, 4.0)


def failed(kind: str, value: float, **more: str) -> Samples:
    labels = {"exception_status": "429", "exception_class": kind, "team_alias": "web", **more}
    return {Series(FAILED, tuple(sorted(labels.items()))): value}


def test_a_429_of_litellm_is_told_apart_or_said_to_be_joint():
    page = {
        Series(TOTAL, (("status_code", "200"), ("team_alias", "web"))): 100.0,
        Series(TOTAL, (("status_code", "429"), ("team_alias", "web"))): 31.0,
        **failed("Hosted_vllm.RateLimitError", 1.0),
        **failed("RouterRateLimitError", 2.0),
        **failed("HTTPException", 4.0),
        **failed("BudgetExceededError", 8.0),
        **failed("HTTPException", 16.0, rate_limit_category="litellm_rate_limit", rate_limit_type="tokens"),
    }
    found = translated(page)
    reasons = {reason: total(found, "rejections_total", reason=reason) for reason in ("quota", "admission", "joint")}
    assert reasons == {"quota": 24.0, "admission": 3.0, "joint": 4.0}
    assert total(found, "requests_total", outcome="ok") == 124.0  # over its own quota: answered as it should be
    assert total(found, "requests_total", outcome="rejected") == 7.0  # what may be ours counts against us
    assert total(found, "requests_total") == 131.0


def test_without_the_family_of_failures_a_429_is_joint():
    found = translated({Series(TOTAL, (("status_code", "429"), ("team_alias", "web"))): 5.0})
    assert total(found, "rejections_total", reason="joint") == total(found, "requests_total", outcome="rejected") == 5.0


def test_a_gateway_that_tells_no_tenants_has_usage_by_tenant_only_where_the_map_says_how():
    page = {
        Series(
            "istio_requests_total", (("reporter", "source"), ("response_code", "200"), ("source_workload", "web"))
        ): 9.0
    }
    assert not total(translated(page), "tenant_requests_total")
    mapped = translated(page, configured("attribution: {tenant: {labels: [source_workload]}}"))
    assert total(mapped, "tenant_requests_total", tenant="web", outcome="ok") == 9.0
