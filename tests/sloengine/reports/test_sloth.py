"""Rules and results under Sloth's names."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.core import clock, permissions
from observability.core.models import Role
from observability.core.services import default_organisation
from probes.exposition import Parser, series
from sloengine.budgets.tallies import queries as tallies
from sloengine.objectives import openslo, services
from sloengine.objectives.objective import Indicator, Method, Objective
from sloengine.reports import queries
from sloengine.reports.sloth import Measured, rules, samples
from tests import factories, servers
from tests.sloengine.budgets.world import World

OWN = {"sloth_id": "chat-availability", "sloth_service": "chat", "sloth_slo": "availability"}
AVAILABILITY = Objective(
    service="chat", slug="availability", title="Requests answered", indicator=Indicator.AVAILABILITY, method=Method.OCCURRENCES,
    target=Decimal("0.995"), window=timedelta(days=30),
)  # fmt: skip


def test_rules_have_sloths_names_labels_and_factors() -> None:
    text, left_out = rules([(AVAILABILITY, None)])
    groups = yaml.safe_load(text)["groups"]
    assert left_out == []
    assert [group["name"].removesuffix("-chat-availability") for group in groups] == [
        "sloth-slo-sli-recordings", "sloth-slo-meta-recordings", "sloth-slo-alerts",
    ]  # fmt: skip
    recorded = [rule["record"] for group in groups[:2] for rule in group["rules"]]
    assert recorded[:8] == [
        f"slo:sli_error:ratio_rate{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    ]
    assert len(recorded) == 15
    page, ticket = groups[2]["rules"]
    assert "ratio_rate5m" in page["expr"]
    assert "> (14.4 * 0.005)" in page["expr"]
    assert (page["labels"], ticket["labels"]) == ({"sloth_severity": "page"}, {"sloth_severity": "ticket"})


def test_the_period_of_compat_is_sloths_mean_of_five_minute_ratios() -> None:
    exact, mean = (yaml.safe_load(rules([(AVAILABILITY, None)], compat=compat)[0]) for compat in (False, True))
    assert "[30d]" in exact["groups"][0]["rules"][-1]["expr"]
    assert mean["groups"][0]["rules"][-1]["expr"].startswith("sum_over_time(slo:sli_error:ratio_rate5m{")


def test_a_tier_that_cannot_fire_gives_no_alert() -> None:
    text, _ = rules([(replace(AVAILABILITY, target=Decimal("0.9")), None)])
    page, _ticket = yaml.safe_load(text)["groups"][2]["rules"]
    assert "14.4" not in page["expr"]
    text, _ = rules([(replace(AVAILABILITY, target=Decimal("0.01")), None)])
    alerts = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule]
    assert [rule["labels"]["sloth_severity"] for rule in alerts] == ["ticket"]


@pytest.mark.parametrize(
    ("method", "record", "begins"),
    [
        (Method.TIMESLICES, "tailwatch:slice_good:bool", "(\n"),
        (Method.RATIO_TIMESLICES, "tailwatch:slice_good:ratio", "clamp("),
    ],
)
def test_windows_of_slices_are_means_of_slices(method: Method, record: str, begins: str) -> None:
    promise = replace(AVAILABILITY, method=method, slice_target=0.95 if method is Method.TIMESLICES else None)
    groups = yaml.safe_load(rules([(promise, None)])[0])["groups"]
    (rule,) = groups[0]["rules"]
    assert (rule["record"], rule["expr"].startswith(begins)) == (record, True)
    assert "> 0)" in rule["expr"], "a slice without traffic is no bad one"
    assert groups[1]["rules"][0]["expr"].startswith(f"1 - avg_over_time({record}{{")


@pytest.mark.heavy
@pytest.mark.parametrize("compat", [False, True])
def test_promtool_accepts_the_rules_of_the_whole_library(tmp_path: Path, compat: bool) -> None:
    promises = openslo.parse(
        documents=services.library(), known=openslo.Known(services=('chat "beta"', "code"))
    ).objectives
    text, left_out = rules([(promise, None) for promise in promises], compat=compat)
    file = tmp_path / "rules.yml"
    file.write_text(text)
    checked = subprocess.run(
        [str(servers.required_program("promtool")), "check", "rules", str(file)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, left_out) == (0, []), checked.stderr
    assert f"{sum(len(group['rules']) for group in yaml.safe_load(text)['groups'])} rules found" in checked.stdout


def test_results_are_what_the_rules_would_have_recorded_and_what_is_not_known_is_absent() -> None:
    ratios = dict.fromkeys((1800, 3600, 7200, 21600, 86400, 259200), None) | {300: 0.1, 2592000: 0.004}
    found = samples([Measured(AVAILABILITY, ratios)])
    assert found[series("slo:sli_error:ratio_rate5m", sloth_window="5m", **OWN)] == 0.1
    assert found[series("slo:current_burn_rate:ratio", **OWN)] == pytest.approx(20)
    assert found[series("slo:period_error_budget_remaining:ratio", **OWN)] == pytest.approx(0.2)
    assert not any(one.name == "slo:sli_error:ratio_rate1h" for one in found)


@pytest.fixture
def world() -> World:
    world = World(organisation=default_organisation())
    world.apply_library()
    world.minutes(4, good=90, failed=10)
    return world


def scraped(client: Client, service: str) -> str:
    answer: Any = client.get("/metrics/slo", {"service": service})
    assert answer.streaming
    return b"".join(answer.streaming_content).decode()


@pytest.mark.django_db
def test_who_scrapes_with_a_token_reads_the_results_of_a_service(world: World, client: Client) -> None:
    reader = factories.make_user(world.organisation, role=Role.VIEWER)
    client.force_login(reader)
    with clock.frozen(world.now):
        text, other = scraped(client, "chat"), scraped(client, "code")
    found = Parser().parse(text)
    assert found[series("slo:sli_error:ratio_rate5m", sloth_window="5m", **OWN)] == pytest.approx(0.1)
    assert "# TYPE slo:error_budget:ratio gauge" in text
    assert other == ""


@pytest.mark.django_db
def test_a_stranger_reads_nothing(world: World, client: Client) -> None:
    assert client.get("/metrics/slo").status_code == 401
    assert client.get("/metrics/slo", headers={"authorization": "Bearer made-up"}).status_code == 401
    outsider = factories.make_user(factories.make_organisation(), role=Role.ADMIN)
    client.force_login(outsider)
    assert scraped(client, "") == ""


@pytest.mark.django_db
def test_one_objective_or_six_cost_as_many_questions(world: World) -> None:
    def asked() -> int:
        tallies.forget()
        with CaptureQueriesContext(connection) as seen:
            list(queries.exposed(organisation=world.organisation, service="chat", now=world.now))
        return len(seen)

    many = asked()
    actor = permissions.system(world.organisation)
    library = services.library()
    services.apply(organisation=world.organisation, documents=library[:1], actor=actor, now=world.now, prune=True)
    assert asked() == many
