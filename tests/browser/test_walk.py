"""One walk in real Chromium: login, Now, incident, acknowledge, runbook, dashboard; wide and phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from django.urls import reverse
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from incidents.alerts.models import Alert
from incidents.ingest.models import Integration
from observability.core import clock
from observability.core.navigation import GROUPS
from tests import worlds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("ignore::DeprecationWarning")]
NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
WAIT_SECONDS = 20

#: Every visible text against what lies behind it, by the WCAG formula; what is under 4.5 (3 for large letters) is returned.
CONTRAST = """
const channel = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > .99) return c.slice(0, 3);
  }
  return [255, 255, 255];
};
const bad = new Set();
for (const e of document.querySelectorAll('main *, nav *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility({checkOpacity: true})) continue;
  const style = getComputedStyle(e), svg = e.closest('svg');
  const ink = parse(svg ? style.fill : style.color).slice(0, 3);
  if (ink.length < 3) continue;
  const [a, b] = [light(ink), light(behind(svg ? svg.parentElement : e))].sort((x, y) => y - x);
  const ratio = (a + .05) / (b + .05);
  if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) bad.add(`${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
}
return [...bad];
"""


#: How the browser's own requests for parts of the page were answered.
STATUSES = (
    "return performance.getEntriesByType('resource').filter(e => e.name.includes('/part/')).map(e => e.responseStatus)"
)


@pytest.fixture
def world(transactional_db: None) -> Iterator[worlds.World]:
    with clock.frozen(NOW):
        yield worlds.small_world(now=NOW)


@pytest.fixture
def site(live_server: Any, world: worlds.World, settings: Any) -> str:
    settings.TAILWATCH_DEMO_FLEET_URL = "http://127.0.0.1:9850"
    return str(live_server.url)


@pytest.fixture
def at(browser: Any, site: str) -> Any:
    """Open an address as bob, once logged in, and wait until something is there."""

    def go(address: str, selector: str = "h1") -> Any:
        browser.get(site + address)
        return WebDriverWait(browser, WAIT_SECONDS).until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))

    go("/login/", "#id_username").send_keys("bob")
    browser.find_element(By.ID, "id_password").send_keys(worlds.PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "button.primary").click()
    WebDriverWait(browser, WAIT_SECONDS).until(lambda driver: "Log in" not in driver.title)
    return go


def wait(browser: Any, said: str) -> None:
    WebDriverWait(browser, WAIT_SECONDS).until(lambda driver: said in driver.find_element(By.TAG_NAME, "main").text)


def complaints(browser: Any) -> list[str]:
    """What Chromium said against our pages: errors of scripts, refused resources, breaches of the content policy."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def show(browser: Any, theme: str, width: int) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


def test_from_login_to_the_dashboard(browser: Any, at: Any) -> None:
    at("/")
    wait(browser, "chat burns its TTFT budget 20.1 times too fast")
    browser.find_element(By.PARTIAL_LINK_TEXT, "INC-2").click()
    wait(browser, "SEV2, not acknowledged")
    assert browser.find_elements(By.CSS_SELECTOR, ".tree svg g.on")
    browser.find_element(By.TAG_NAME, "body").send_keys("a")  # the key, not the button
    wait(browser, "SEV2, acknowledged")
    wait(browser, "by bob")
    browser.find_element(By.LINK_TEXT, "Whole runbook").click()
    wait(browser, "Mitigate now")
    browser.find_element(By.TAG_NAME, "body").send_keys("g")
    browser.find_element(By.TAG_NAME, "body").send_keys("d")
    wait(browser, "2 incidents, the worst SEV2")
    browser.find_element(By.LINK_TEXT, "7 days").click()
    drawn = (By.XPATH, "//nav[@aria-label='Range']/a[@class='here'][text()='7 days']")
    WebDriverWait(browser, WAIT_SECONDS).until(expected.presence_of_element_located(drawn))
    for name in ("SLOs", "Response", "Cost", "Contract", "Fleet", "Latency budget", "Trade-off"):
        browser.find_element(By.CSS_SELECTOR, ".boards").find_element(By.LINK_TEXT, name).click()
        here = (By.XPATH, f"//nav[contains(@class, 'boards')]/a[@class='here'][text()='{name}']")
        WebDriverWait(browser, WAIT_SECONDS).until(expected.presence_of_element_located(here))
        assert browser.current_url.partition("?")[2].find("range=7d") >= 0, name
        assert browser.find_element(By.TAG_NAME, "h1").text, name
    assert complaints(browser) == []


def test_a_row_is_acknowledged_in_place(browser: Any, at: Any) -> None:
    at("/")
    browser.execute_script("window.same = true")
    browser.find_element(By.ID, "ack-2").click()
    wait(browser, "acknowledged by bob")
    assert browser.execute_script("return window.same") is True  # the page was not loaded anew
    assert complaints(browser) == []


def test_what_someone_else_does_appears_by_itself(browser: Any, at: Any) -> None:
    from incidents.response import services
    from incidents.response.models import Incident
    from observability.core import permissions

    at("/incidents/2/")
    # Nothing happens: the second question is answered 304, and nothing on the page is touched.
    WebDriverWait(browser, WAIT_SECONDS).until(lambda driver: 304 in driver.execute_script(STATUSES))
    incident = Incident.objects.select_related("organisation").get(number=2)
    services.mitigate(incident=incident, actor=permissions.system(incident.organisation), now=NOW)
    wait(browser, "SEV2, mitigated")


def test_any_page_is_a_click_away_on_a_laptop_and_two_taps_on_a_phone(browser: Any, at: Any) -> None:
    show(browser, "light", 1280)
    at("/")
    browser.find_element(By.LINK_TEXT, "Silences").click()
    wait(browser, "Nothing is silenced")
    show(browser, "light", 390)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    at("/")
    browser.find_element(By.CSS_SELECTOR, ".bar button").click()
    browser.find_element(By.LINK_TEXT, "Maintenance").click()
    at(browser.current_url.removeprefix(browser.current_url.split("/maintenance/")[0]))
    assert browser.find_element(By.CSS_SELECTOR, "h1").text == "Maintenance"


def test_search_and_help_by_key(browser: Any, at: Any) -> None:
    at("/runbooks/")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys("?")
    assert browser.find_element(By.ID, "keys").is_displayed()
    browser.find_element(By.CSS_SELECTOR, "#keys button").click()
    body.send_keys("/")
    browser.switch_to.active_element.send_keys("INC-1" + Keys.ENTER)
    wait(browser, "1 incident for")


PAGES = [
    *(reverse(place.address) for group in GROUPS for place in group.places if place.here != "dash"),
    "/incidents/?state=all",
    "/incidents/2/",
    "/incidents/declare/",
    "/slos/chat/first-token-300ms/",
    "/runbooks/traffic-spike/",
    "/postmortems/1/",
    "/alerts/?state=all",
    "/oncall/inference-rota/",
    "/oncall/inference-rota/edit/",
    "/pagers/add/webhook/",
]


def test_every_page_fits_and_can_be_read(browser: Any, world: worlds.World, at: Any) -> None:
    worlds.furnish(world, now=NOW)
    sender = Integration.objects.get(kind="alertmanager")
    alert = Alert.objects.filter(integration=sender).earliest("pk")
    addresses = [*PAGES, f"/integrations/{sender.pk}/", f"/alerts/{alert.pk}/"]
    for theme, width in product(("light", "dark"), (1280, 390)):
        show(browser, theme, width)
        for address in addresses:
            at(address, "main")
            assert "Nothing is here" not in browser.title, address
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, (
                address,
                theme,
                width,
            )
            assert browser.execute_script(CONTRAST) == [], (address, theme, width)
    assert complaints(browser) == []
