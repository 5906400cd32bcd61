"""The report in a browser: no errors, no network, by keyboard, on a phone, for screen readers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims.declared import load
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from ..support import MODELS, VECTORS, committed_cases
from .conftest import Made

CLAIMS = load(MODELS, VECTORS).claims
JOBS = [claim.job for claim in CLAIMS]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on PATH"
)

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip

ATTACK = "claims/twamp-reflection"
PAGES = (
    "index", "claims", "models", "mistakes", ATTACK, "claims/guess", "vectors/token",
    "vectors/handshake-20", "vectors/messages-13", "statements", "sections", "results", "sources",
    "sources/token_blocks.spthy", "search",
)  # fmt: skip


class Browser:
    """A browser that shows pages of the report."""

    def __init__(self, driver: webdriver.Chrome, root: Path) -> None:
        self.driver = driver
        self.root = root

    def open(self, name: str, fragment: str = "") -> None:
        """Load a page anew, also if it is the one that is shown."""
        self.driver.get("about:blank")
        page, _, _ = name.partition("#")
        self.driver.get(f"{(self.root / page).as_uri()}.html{fragment}")

    def size(self, width: int, height: int) -> None:
        """Lay the page out for a viewport of this size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def script(self, code: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """The elements that a selector matches."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first of them."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        """The id of what has the focus."""
        return self.driver.switch_to.active_element.get_attribute("id") or ""

    def wait(self, condition: Callable[[], object]) -> None:
        """Until a condition holds."""
        WebDriverWait(self.driver, 10, 0.05).until(lambda _: condition())

    def shown(self, rows: str) -> int:
        """How many of the rows are not hidden."""
        return int(self.script(f"return document.querySelectorAll('{rows}:not([hidden])').length"))


@pytest.fixture(scope="module")
def browser(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    except WebDriverException as error:
        pytest.skip(f"chromium does not start: {error.msg}")
    try:
        yield Browser(driver, made.root)
    finally:
        driver.quit()


def requests(browser: Browser) -> list[str]:
    """What the browser asked for since the last call."""
    found = []
    for entry in browser.driver.get_log("performance"):  # type: ignore[no-untyped-call]
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_quietly_from_disk(name: str, browser: Browser) -> None:
    browser.size(1280, 900)
    requests(browser)
    browser.open(name)
    asked = requests(browser)
    assert any(url.endswith(f"{name}.html") for url in asked)
    assert any(url.endswith("report.js") for url in asked)
    assert all(url.startswith(("file:", "data:", "about:")) for url in asked), asked
    assert browser.driver.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", [*PAGES, "vectors"])
def test_nothing_overflows_a_phone(name: str, browser: Browser) -> None:
    browser.size(375, 812)
    browser.open(name)
    assert browser.script("return document.documentElement.scrollWidth") <= 375
    wide = browser.script(
        """return [...document.querySelectorAll('main *')].filter((e) =>
            e.getBoundingClientRect().right > 376 && !e.closest('.scroll, pre.model, .unseen'))
            .map((e) => e.outerHTML.slice(0, 80)).slice(0, 5)"""
    )
    assert wide == []


MORE_OF_THE_SAME = (
    "tbody tr:nth-child(n+9), .case ~ .case, .item:nth-child(n+9), option:nth-child(n+9), "
    ".everything li:nth-child(n+30), .source .line:nth-child(n+60)"
)
"""Left out, as axe takes a minute for a page of 50 cases."""

LOOKS = [(name, "light") for name in PAGES]
LOOKS += [(name, "dark") for name in ("index", "claims", ATTACK, "vectors/handshake-20")]


@pytest.mark.parametrize(("name", "scheme"), LOOKS)
def test_axe_finds_nothing(name: str, scheme: str, browser: Browser) -> None:
    """The rules of WCAG 2.1 A and AA, and the best practices, of axe-core."""
    browser.size(1280, 900)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.open(name)
    browser.script(f"document.querySelectorAll('{MORE_OF_THE_SAME}').forEach((e) => e.remove())")
    source = resources.files("axe_core_python").joinpath("axe.min.js")
    browser.script(source.read_text(encoding="utf-8"))
    found = browser.driver.execute_async_script(
        """const done = arguments[arguments.length - 1];
        axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations.map(
            (v) => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)])))"""
    )
    assert found == []


def test_claims_are_filtered_by_keyboard(browser: Browser) -> None:
    browser.size(1280, 900)
    browser.open("claims")
    rows = "#claims tbody tr"
    every = browser.shown(rows)
    browser.press(Keys.TAB)
    assert browser.script("return document.activeElement.className") == "skip"
    browser.press(Keys.ENTER)
    assert browser.focused() == "main"
    browser.press(Keys.TAB)
    assert browser.focused() == "f-q"
    browser.press("reflect")
    few = browser.shown(rows)
    assert 0 < few < every
    assert browser.one(".filters output").text == f"{few} of {every} shown"
    texts = browser.script(
        f"return [...document.querySelectorAll('{rows}:not([hidden])')].map((r) => r.textContent)"
    )
    assert all("reflect" in text.lower() for text in texts)
    browser.press(Keys.TAB)
    assert browser.focused() == "f-verdict"
    browser.press("fal")
    fewer = browser.shown(rows)
    assert 0 < fewer < few
    assert browser.script("return location.hash") == "#q=reflect&verdict=falsified"
    for _ in range(5):
        browser.press(Keys.TAB)
    browser.press(Keys.ENTER)
    assert browser.shown(rows) == every
    assert browser.script("return location.hash") == ""


def test_the_hash_is_the_state(browser: Browser) -> None:
    browser.open("claims", "#model=token_blocks&flag=REPAIRED_TOKEN")
    of_model = [job for job in JOBS if job.model == "token_blocks"]
    assert browser.shown("#claims tbody tr") == len(
        [job for job in of_model if job.flags == ("REPAIRED_TOKEN",)]
    )
    assert browser.one("#f-model").get_attribute("value") == "token_blocks"
    browser.script("location.hash = '#verdict=falsified'")
    browser.wait(lambda: browser.one("#f-model").get_attribute("value") == "")
    falsified = [claim for claim in CLAIMS if claim.expected == "falsified"]
    assert browser.shown("#claims tbody tr") == len(falsified)
    browser.open("claims", "#model=none-such")
    assert browser.shown("#claims tbody tr") == len(CLAIMS)
    browser.open("vectors", "#file=token&result=acceptable&type=TokenFromPassphrase")
    kinds = [(case.type.name, case.result) for case in committed_cases(FILES["token"])]
    wanted = kinds.count(("TokenFromPassphrase", "acceptable"))
    assert browser.shown("#all-cases tbody tr") == wanted
    browser.open("mistakes", "#TokenForgery")
    top = browser.script(
        "return document.getElementById('TokenForgery').getBoundingClientRect().top"
    )
    assert 0 <= top < 300


def test_octets_appear_on_focus_and_go_on_escape(browser: Browser) -> None:
    browser.size(1280, 900)
    browser.open(ATTACK)
    links = browser.all("svg.chart a")
    assert not browser.one(".peek").is_displayed()
    browser.script("document.querySelector('.scroll').focus()")
    browser.press(Keys.TAB)
    for number, link in enumerate(links, 1):
        assert browser.driver.switch_to.active_element == link
        listed = browser.script(
            f"return document.querySelector('#message-{number} pre').textContent"
        )
        assert browser.one(".peek").is_displayed()
        assert browser.script("return document.querySelector('.peek pre').textContent") == listed
        browser.press(Keys.TAB)
    browser.driver.switch_to.active_element.send_keys(Keys.SHIFT, Keys.TAB)
    browser.press(Keys.ESCAPE)
    assert not browser.one(".peek").is_displayed()
    browser.script("document.querySelector('svg.chart a').focus()")
    browser.press(Keys.ENTER)
    assert browser.script("return location.hash") == "#message-1"
    assert not browser.one(".peek").is_displayed()


def test_octets_appear_on_hover_and_tap(browser: Browser) -> None:
    browser.size(1280, 900)
    browser.open(ATTACK)
    link = browser.all("svg.chart a")[1]
    browser.script("arguments[0].scrollIntoView({block: 'center'})", link)
    webdriver.ActionChains(browser.driver).move_to_element(link).perform()
    assert browser.one(".peek").is_displayed()
    webdriver.ActionChains(browser.driver).move_to_element(browser.one("h1")).perform()
    browser.wait(lambda: not browser.one(".peek").is_displayed())
    browser.driver.execute_cdp_cmd(
        "Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1}
    )
    try:
        browser.script("arguments[0].scrollIntoView({block: 'center'})", link)
        box = browser.script(
            "const b = arguments[0].getBoundingClientRect(); return [b.x + b.width / 2, b.y + 5]",
            link,
        )
        point = {"x": box[0], "y": box[1]}
        touch = "Input.dispatchTouchEvent"
        browser.driver.execute_cdp_cmd(touch, {"type": "touchStart", "touchPoints": [point]})
        browser.driver.execute_cdp_cmd(touch, {"type": "touchEnd", "touchPoints": []})
        browser.wait(lambda: browser.one(".peek").is_displayed())
        assert browser.script("return location.hash") == "", "a tap shows, and does not jump"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    browser.one(".peek button").click()
    assert not browser.one(".peek").is_displayed()


def test_on_a_phone_the_chart_is_a_list(browser: Browser) -> None:
    """What fits no phone as a picture is there as lines, each message with its octets."""
    browser.size(375, 812)
    browser.open(ATTACK)
    assert not browser.one(".chart-wide").is_displayed()
    shown = browser.one(".chart-narrow")
    assert shown.is_displayed()
    assert "Sender A → to Adversary:" in " ".join(shown.text.split())
    links = browser.all(".chart-narrow a")
    targets = [(link.get_attribute("href") or "").rpartition("#")[2] for link in links]
    assert targets == [f"message-{n}" for n in range(1, len(targets) + 1)]
    browser.size(1280, 900)
    assert browser.one(".chart-wide").is_displayed()
    assert not browser.one(".chart-narrow").is_displayed()


def test_the_json_of_a_case_is_the_files(browser: Browser) -> None:
    browser.size(1280, 900)
    browser.open("vectors/token-1")
    case = browser.all(".case")[1]
    number = int(str(case.get_attribute("id"))[3:])
    case.find_element(By.CSS_SELECTOR, "button.copy").click()
    browser.wait(lambda: browser.all(".case-json"))
    content = json.loads((VECTORS / "token.json").read_text(encoding="utf-8"))
    tests = {test["tcId"]: test for group in content["testGroups"] for test in group["tests"]}
    shown = browser.script("return document.querySelector('.case-json').textContent")
    assert json.loads(shown) == tests[number]


def test_everything_is_searched(browser: Browser) -> None:
    browser.open("search", "#q=reflect&part=vector")
    items = "#everything li"
    few = browser.shown(items)
    assert 0 < few < browser.script(f"return document.querySelectorAll('{items}').length")
    texts = browser.script(
        f"return [...document.querySelectorAll('{items}:not([hidden])')].map((e) => e.textContent)"
    )
    assert all("reflect" in text.lower() for text in texts)


def test_without_javascript_everything_is_shown(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open("claims", "#verdict=falsified")
        assert not browser.one(".filters").is_displayed()
        rows = browser.all("#claims tbody tr")
        assert len(rows) == len(CLAIMS)
        assert rows[0].is_displayed()
        assert rows[-1].is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_focus_is_visible(browser: Browser) -> None:
    browser.open("index")
    for _ in range(8):
        browser.press(Keys.TAB)
        style = browser.script(
            "const s = getComputedStyle(document.activeElement);"
            "return [s.outlineStyle, s.outlineWidth]"
        )
        assert style == ["solid", "3px"]


def test_what_is_folded_is_printed(browser: Browser) -> None:
    """Proof scripts are not; and afterwards all is folded again."""
    browser.open(ATTACK)
    folded = "return [...document.querySelectorAll('details')].map((item) => item.open)"
    assert not any(browser.script(folded))
    browser.script("dispatchEvent(new Event('beforeprint'))")
    summaries = browser.script(
        "return [...document.querySelectorAll('details[open] summary')].map((s) => s.textContent)"
    )
    assert summaries == ["The same as text"]
    browser.script("dispatchEvent(new Event('afterprint'))")
    assert not any(browser.script(folded))
