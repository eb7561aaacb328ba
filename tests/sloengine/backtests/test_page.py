"""The back-test of an objective on its page and over REST."""

from __future__ import annotations

import pytest
from django.test import Client

from observability.core import clock
from observability.core.models import Role
from sloengine.budgets.models import Finding
from tests import factories
from tests.sloengine.budgets.world import World

pytestmark = pytest.mark.django_db
PAGE = "/slos/chat/availability/backtest/"


@pytest.fixture
def world(db):
    found = World(replicas=1)
    found.apply_library()
    for good, failed in ((100, 0), (50, 50), (100, 0)):
        found.minutes(6, good=good, failed=failed)
    return found


@pytest.fixture
def viewer(world):
    client = Client()
    client.force_login(factories.make_user(world.organisation, role=Role.VIEWER))
    with clock.frozen(world.now):
        yield client


def test_the_page_shows_each_alert_and_other_targets(world, viewer):
    text = viewer.get(PAGE).content.decode()
    assert f'href="{PAGE}"' in viewer.get("/slos/chat/availability/").content.decode()
    fired = Finding.objects.filter(organisation=world.organisation, kind="burn", evidence__objective="availability")
    assert fired.exists()
    assert "1 page would have fired." in text
    assert text.count('data-label="Impact began"') == fired.count()
    assert text.count('data-label="Pages"') == 3  # 99.5 % as it is, 99 %, 99.9 %
    assert "Burn rate" in text
    assert text.count('data-label="Pages"') < viewer.get(
        f"{PAGE}?targets=90%25,99%25&windows=7d,4w"
    ).content.decode().count('data-label="Pages"')


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("days=900", "expected 1 to 90"),
        ("days=-1", "expected 1 to 90"),
        ("days=31&source=main", "expected 1 to 30"),
        ("source=nowhere", "there is no source"),
        ("targets=lots", "expected ratios such as"),
        ("windows=soon", "expected hours, days or weeks"),
        (f"targets={'99%25,' * 30}", "pairs of a target and a window"),
    ],
)
def test_what_cannot_be_asked_is_said(viewer, asked, words):
    answer = viewer.get(f"{PAGE}?{asked}")
    assert (answer.status_code, words in answer.content.decode()) == (200, True)
    refused = viewer.get(f"/api/v1/objectives/chat/availability/backtest?{asked}")
    assert refused.status_code == 422


def test_the_same_over_rest(viewer):
    found = viewer.get("/api/v1/objectives/chat/availability/backtest", {"targets": "99%", "windows": "7d"}).json()
    assert [one["tier"] for one in found["alerts"]] == ["fast"]
    (other,) = found["alternatives"]
    assert (other["target"], other["window_seconds"]) == ("0.99", 7 * 86400)
    assert found["curve"][-1]["remaining_ratio"] == pytest.approx(1 - found["spent_ratio"])
    assert max(point["burn_rate"] or 0 for point in found["curve"]) == pytest.approx(100)


def test_an_objective_of_others_and_one_without_data(world, viewer):
    stranger = factories.make_objective(
        factories.make_service(factories.make_organisation(), slug="theirs"), slug="ttft"
    )
    assert viewer.get(f"/slos/theirs/{stranger.slug}/backtest/").status_code == 404
    assert viewer.get("/api/v1/objectives/theirs/ttft/backtest").status_code == 404
    assert "Nothing was measured" in viewer.get("/slos/chat/answer-quality/backtest/").content.decode()
