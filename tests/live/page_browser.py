"""A browser for the tests of the page, and what they all do with it.

What it is: fixtures and a few steps: a headless Chromium, servers that are stopped again, sizes, waiting, opening.
What it is not: tests. Where there is no Chromium they are skipped, or fail with ``QILU_LIVE=required``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import page_plant
import pytest
from page_served import WAIT_S, Server
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

TEXT = "return document.querySelector('{}').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "chromium and chromedriver are not on the PATH"
        if os.environ.get("QILU_LIVE") == "required":
            pytest.fail(reason + ", and QILU_LIVE=required")
        pytest.skip(reason)
    options = Options()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    found.set_script_timeout(WAIT_S)
    found.set_page_load_timeout(WAIT_S)
    yield found
    found.quit()


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*specs: page_plant.Spec) -> Server:
        started.append(Server(specs or page_plant.WASHING_MACHINES))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def resize(browser: webdriver.Chrome, width: int, height: int, theme: str = "light") -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wish = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)


def wait(browser: webdriver.Chrome, script: str) -> Any:
    """Until ``script`` returns something true; returns that."""
    return WebDriverWait(browser, WAIT_S, poll_frequency=0.05).until(lambda b: b.execute_script(script))


def open_page(browser: webdriver.Chrome, server: Server, machines: int) -> None:
    browser.get("about:blank")
    browser.get_log("browser")  # what another test provoked
    browser.get(server.url)
    wait(browser, f"return document.querySelectorAll('.tile').length === {machines}")
    wait(browser, "return document.querySelector('[data-figure=oee] .trace').getAttribute('d')?.length > 20")


def complaints(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
