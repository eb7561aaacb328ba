"""The servers that tests borrow answer; each is Debian's own program."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.servers import Server, required_program

pytestmark = pytest.mark.heavy


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def test_prometheus_answers_queries(prometheus_server: Callable[..., Server]) -> None:
    server = prometheus_server("global: {scrape_interval: 15s}\n")
    answer = json.loads(read(f"{server.url}/api/v1/query?query=vector(1)&time=0"))
    assert answer["data"]["result"] == [{"metric": {}, "value": [0, "1"]}]


def test_alertmanager_has_no_alerts(alertmanager_server: Callable[[str], Server]) -> None:
    server = alertmanager_server("route: {receiver: none}\nreceivers: [{name: none}]\n")
    assert json.loads(read(f"{server.url}/api/v2/alerts")) == []


@pytest.mark.browser
def test_chromium_shows_a_page(browser: Any) -> None:
    browser.get("data:text/html,<title>Tailwatch</title><p>hello")
    assert browser.title == "Tailwatch"


def test_a_missing_program_skips_or_fails_as_the_run_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILWATCH_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        required_program("no-such-program")
    monkeypatch.setenv("TAILWATCH_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="TAILWATCH_REQUIRE_SERVERS=1"):
        required_program("no-such-program")
