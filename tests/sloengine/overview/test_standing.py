"""Ten thousand promises in one sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from sloengine.overview import queries
from sloengine.overview.standing import Promise, overview

PROMISE = Promise("chat", "Chat", "ttft", "First token", Decimal("0.999"), 0.9995, 0.5)


def test_a_promise_is_kept_at_its_target() -> None:
    assert replace(PROMISE, attained=0.999).kept is True
    assert replace(PROMISE, attained=0.9989).kept is False
    assert replace(PROMISE, attained=None).kept is None


def test_services_stand_by_their_worst_promise_and_no_data_comes_last() -> None:
    blind = replace(PROMISE, service="batch", name="Batch", attained=None, left=None)
    worse = replace(PROMISE, service="code", name="Code", slug="b", attained=0.9, left=-3.0)
    found = overview([blind, PROMISE, worse, replace(PROMISE, slug="c", left=0.9)])
    assert [one.service for one in found.services] == ["code", "chat", "batch"]
    assert [one.left for one in found.promises] == [-3.0, 0.5, 0.9, None]
    assert (found.known, found.kept, found.spent) == (3, 2, 1)
    assert found.kept_ratio == pytest.approx(2 / 3)
    chat = found.services[1]
    assert (chat.promises, chat.known, chat.kept, chat.spent, chat.worst.slug) == (2, 2, 2, 0, "ttft")


def test_nothing_promised_is_no_ratio() -> None:
    assert overview([]).kept_ratio is None


@pytest.mark.django_db
def test_an_organisation_sees_its_own_and_one_service_alone(world, frozen_now) -> None:
    asked = {"organisation": world.organisation, "since": frozen_now - timedelta(days=30), "now": frozen_now}
    every, chat = queries.overview(**asked), queries.overview(**asked, service="chat")
    assert {one.service for one in every.services} == {"chat", "code", "batch"}
    assert {one.service for one in chat.services} == {"chat"}
    assert every.known == 0
    assert queries.overview(**asked, service="nosuch").promises == ()
