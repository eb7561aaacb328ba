"""Dash behind Django: who may look, what is refused, which policy it carries."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from dashboards.shelf import BOARDS
from observability.core.models import Role, User
from tests import worlds

pytestmark = [
    pytest.mark.django_db,
    # Importing Dash warns about its own dependencies; that is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CALLBACK = "/dash/_dash-update-component"
BODY = {
    "output": "page.children",
    "outputs": {"id": "page", "property": "children"},
    "inputs": [
        {"id": "address", "property": "pathname", "value": "/dash/slo/"},
        {"id": "address", "property": "search", "value": "?service=chat&range=7d"},
    ],
    "changedPropIds": ["address.search"],
}


@pytest.fixture
def viewer(world: worlds.World) -> Client:
    client = Client()
    client.force_login(world.people[Role.LEADERSHIP])
    return client


def call(client: Client, site: str | None = "same-origin", **extra: Any) -> Any:
    headers = {"Sec-Fetch-Site": site} if site else {}
    return client.post(CALLBACK, json.dumps({**BODY, **extra}), content_type="application/json", headers=headers)


def test_the_page_and_its_parts_ask_for_a_login(client: Client, world: worlds.World) -> None:
    for address in ["/dash/slo/", "/dash/_dash-layout", "/dash/_dash-dependencies", "/dash/slo.csv"]:
        assert client.get(address).headers["Location"].startswith("/login/?next=/dash/"), address
    assert call(client).status_code == 302


def test_a_stranger_is_refused(client: Client, world: worlds.World) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert client.get("/dash/slo/").status_code == 403


def test_the_frame_is_ours_and_the_policy_allows_no_inline_script(viewer: Client) -> None:
    response = viewer.get("/dash/slo/")
    text = response.content.decode()
    assert 'aria-current="page">Dashboards' in text
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert "unsafe" not in policy["script-src"]
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text)
    assert all("application/json" in tag or "_dash-renderer" in tag for tag in inline), inline
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_a_callback_answers_in_a_sentence(viewer: Client) -> None:
    answer = call(viewer)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "2 incidents in the last 7 days" in text
    assert "Reliability cost" in text or "was not counted" in text


@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_a_callback_from_elsewhere_is_refused(viewer: Client, site: str | None) -> None:
    assert call(viewer, site).status_code == 403


def test_a_callback_needs_the_csrf_token(world: worlds.World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people[Role.VIEWER])
    assert call(client).status_code == 403
    client.get("/dash/slo/")
    token = client.cookies["csrftoken"].value
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": token}
    assert client.post(CALLBACK, json.dumps(BODY), content_type="application/json", headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_can_be_written(viewer: Client, method: str) -> None:
    assert getattr(viewer, method)("/dash/slo/").status_code == 405


def test_posts_go_to_the_callback_only(viewer: Client) -> None:
    assert viewer.post("/dash/slo/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 403


def test_the_table_as_csv(viewer: Client) -> None:
    response = viewer.get("/dash/slo.csv")
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.content.decode().splitlines()[0] == "service,objective,target,attained,budget left,bad,total"


def test_another_organisation_sees_nothing_of_it(client: Client, world: worlds.World, frozen_now: Any) -> None:
    from observability.core.models import Organisation

    other = Organisation.objects.create(slug="other", name="Other")
    client.force_login(worlds.make_person(organisation=other, username="eve", role=Role.ADMIN, now=frozen_now))
    text = call(client).content.decode()
    assert "INC-" not in text
    assert "chat" not in text


def test_the_root_leads_to_the_first_page(viewer: Client) -> None:
    assert viewer.get("/dash/").headers["Location"] == "/dash/executive/"


@pytest.mark.parametrize("slug", BOARDS)
def test_every_board_has_an_address_and_a_csv(viewer: Client, slug: str) -> None:
    assert viewer.get(f"/dash/{slug}/").status_code == 200
    response = viewer.get(f"/dash/{slug}.csv?range=1d&service=chat")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{slug}.csv"'
    assert len(response.content.decode().splitlines()) >= 1


def test_a_click_on_a_point_is_followed(viewer: Client) -> None:
    """As Dash sends it: one chart of the page was clicked."""
    chart = {"type": "chart", "name": "budgets"}
    clicked = {"points": [{"customdata": "/slos/chat/ttft/"}]}
    body = {
        "output": "go.href",
        "outputs": {"id": "go", "property": "href"},
        "inputs": [[{"id": chart, "property": "clickData", "value": clicked}]],
        "changedPropIds": [json.dumps(chart, separators=(",", ":"), sort_keys=True) + ".clickData"],
    }
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = viewer.post(CALLBACK, json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"multi": True, "response": {"go": {"href": "/slos/chat/ttft/"}}}
