"""Services, deployments and changes, from labels."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from probes.exposition import Series, series
from sloengine.catalog.discovery import Seen, find
from sloengine.catalog.models import Change, Deployment, Service
from sloengine.catalog.queries import changes_between, deployments_at, previous_version
from sloengine.catalog.services import discover, record, record_change
from tests import factories
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)


def config(version: str, *, hashed: str = "h", service: str = "chat", region: str = "eu") -> Series:
    return series(
        "tailwatch_config_info", service=service, region=region, version=version, model="m", config_hash=hashed
    )


def test_config_info_is_believed_before_other_labels() -> None:
    gateway = series("tailwatch_requests_total", service="chat", version="gateway", outcome="ok")
    bare = series("tailwatch_requests_total", service="code", version="7", outcome="ok")
    found = find([config("1"), gateway, bare, series("up"), series("tailwatch_probe_start_seconds")])
    assert found.services == {"chat", "code"}
    assert found.deployments == {Seen("chat", "eu", "1", "m", "h"), Seen("code", "", "7", "", "")}


@pytest.mark.django_db
class TestDiscover:
    def see(self, *names: Series, now: datetime = NOW) -> dict[str, Service]:
        return discover(samples=names, organisation=factories.make_organisation("acme"), now=now, simulated=True)

    def changes(self) -> list[tuple[str, str, str]]:
        rows = Change.objects.order_by("pk")
        return [(row.kind, row.before["version"], row.after["version"]) for row in rows]

    def test_the_first_version_is_no_change_and_seeing_it_again_none_either(self) -> None:
        assert set(self.see(config("1"), config("3", service="code"))) == {"chat", "code"}
        assert self.see(config("1"), now=NOW + 5 * MINUTE)["chat"].simulated
        assert self.changes() == []
        row = Deployment.objects.get(service__slug="chat")
        assert (row.seen_from, row.seen_until) == (NOW, NOW + 5 * MINUTE)

    def test_a_new_version_is_a_deploy_and_a_new_hash_a_change_of_configuration(self) -> None:
        self.see(config("1"))
        self.see(config("1"), config("2"), now=NOW + MINUTE)
        self.see(config("2", hashed="other"), now=NOW + 2 * MINUTE)
        assert self.changes() == [("deploy", "1", "2"), ("config", "2", "2")]

    def test_a_configuration_that_was_not_told_before_or_is_no_longer_is_no_change(self) -> None:
        bare = series("tailwatch_requests_total", service="chat", region="eu", version="1", model="m", outcome="ok")
        self.see(bare)
        self.see(config("1"), now=NOW + MINUTE)
        self.see(bare, now=NOW + 60 * MINUTE)
        self.see(config("1", hashed="other"), now=NOW + 120 * MINUTE)
        assert self.changes() == []

    def test_going_back_is_a_change_too(self) -> None:
        self.see(config("1"))
        self.see(config("2"), now=NOW + MINUTE)
        self.see(config("1"), now=NOW + 30 * MINUTE)
        assert self.changes() == [("deploy", "1", "2"), ("deploy", "2", "1")]
        assert Deployment.objects.count() == 3

    def test_going_back_within_minutes_is_one_as_well_and_a_flapping_canary_none(self) -> None:
        organisation = factories.make_organisation("acme")
        one, two = find([config("1")]), find([config("2")])
        record(found=one, organisation=organisation, now=NOW)
        record(found=two, organisation=organisation, now=NOW + 4 * MINUTE, before=one, before_at=NOW + 3.5 * MINUTE)
        record(found=one, organisation=organisation, now=NOW + 8 * MINUTE, before=two, before_at=NOW + 7.5 * MINUTE)
        assert self.changes() == [("deploy", "1", "2"), ("deploy", "2", "1")]
        both = find([config("1"), config("3")])
        record(found=both, organisation=organisation, now=NOW + 9 * MINUTE, before=one, before_at=NOW + 8.5 * MINUTE)
        record(found=one, organisation=organisation, now=NOW + 10 * MINUTE, before=both, before_at=NOW + 9.5 * MINUTE)
        record(found=both, organisation=organisation, now=NOW + 11 * MINUTE, before=one, before_at=NOW + 10.5 * MINUTE)
        assert self.changes()[2:] == [("deploy", "1", "3")]
        spans = [(row.version, row.seen_from, row.seen_until) for row in Deployment.objects.order_by("seen_from", "pk")]
        assert spans[:2] == [("1", NOW, NOW + 3.5 * MINUTE), ("2", NOW + 4 * MINUTE, NOW + 7.5 * MINUTE)]

    def test_a_restart_of_the_only_replica_is_none(self) -> None:
        self.see(config("1"))
        self.see(config("1"), now=NOW + 60 * MINUTE)
        assert self.changes() == []

    def test_each_region_has_its_own_versions(self) -> None:
        self.see(config("1"), config("1", region="us"))
        self.see(config("2"), config("1", region="us"), now=NOW + MINUTE)
        change = Change.objects.get()
        assert change.after == {"region": "eu", "version": "2", "model": "m", "config_hash": "h"}

    def test_organisations_do_not_share_services(self) -> None:
        self.see(config("1"))
        discover(samples=[config("2")], organisation=factories.make_organisation("other"), now=NOW)
        assert Service.objects.filter(slug="chat").count() == 2
        assert self.changes() == []

    def test_what_changed_between_two_instants_and_what_served_before(self) -> None:
        chat = self.see(config("1"))["chat"]
        self.see(config("2"), now=NOW + MINUTE)
        record_change(service=chat, kind=Change.Kind.MAINTENANCE, at=NOW + 2 * MINUTE, before={}, after={"by": "us"})
        everything = changes_between(organisation=chat.organisation, start=NOW, end=NOW + 5 * MINUTE)
        assert [one.kind for one in everything] == ["deploy", "maintenance"]
        assert changes_between(service=chat, start=NOW + MINUTE, end=NOW + 2 * MINUTE) == everything[1:]
        assert changes_between(service=chat, start=NOW, end=NOW + 5 * MINUTE, kinds=["deploy"]) == everything[:1]
        assert [row.version for row in deployments_at(service=chat, at=NOW + MINUTE)] == ["2"]
        before = previous_version(service=chat, at=NOW + MINUTE)
        assert before is not None
        assert before.version == "1"
        assert previous_version(service=factories.make_service(chat.organisation), at=NOW) is None
        with pytest.raises(ValueError, match="neither was given"):
            changes_between(start=NOW, end=NOW)
