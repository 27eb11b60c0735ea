"""The page in a real browser: live figures are drawn and change, text stays text, and nothing needs scrolling."""

from __future__ import annotations

import time
from collections.abc import Callable

import page_plant
import pytest
from page_browser import TEXT, browser, complaints, open_page, resize, serving, wait
from page_served import Server
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

__all__ = ["browser", "serving"]  # fixtures
LINE, NOW, MIN = page_plant.LINE, page_plant.NOW, page_plant.MIN
EVIL = "<script>window.ran=1<:script>"
EVIL_CAUSE = "<img src=x onerror='window.ran=1'>"
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": EVIL_CAUSE}
SIZES = ((1366, 768), (1366, 625), (1920, 1080))  # 625: what a browser's own bars leave of 768
PRESS = page_plant.Spec("press", ("press-1",), 16, 3, 210, 95)


def test_live_figures_are_drawn_and_change(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving(PRESS)
    resize(browser, 1366, 768)
    open_page(browser, server, 1)
    assert browser.execute_script(TEXT.format(".link")) == "live"
    clock = browser.execute_script(TEXT.format(".clock"))
    wait(browser, f"return document.querySelector('.clock').textContent !== '{clock}'")
    before = browser.execute_script(TEXT.format("[data-figure=unit_cost] .value"))
    assert before[0].isdigit()

    start = NOW // (5 * MIN) * (5 * MIN) + 5 * MIN
    fields = {"apt_ns": 1, "pri_pq_ns": 1, "pri_gq_ns": 1, "gq": 1, "rq": 0, "sellable": 1, "cost_total": 1e6}
    server.write(
        page_plant.kpi_frame("line", LINE, "5m", start, start + MIN, fields),
        page_plant.state_frame("press-1", [(NOW + MIN, page_plant.CALM), (NOW + 2 * MIN, DOWN)]),
    )
    wait(browser, "return document.querySelector('.tile').dataset.look === 'aborted'")
    wait(browser, f"return document.querySelector('[data-figure=unit_cost] .value').textContent !== '{before}'")
    assert "Aborted" in browser.execute_script(TEXT.format(".tile .state"))
    assert "breakdown" in browser.execute_script(TEXT.format(".events li[data-lasts] .what"))
    assert complaints(browser) == []


def test_text_of_the_plant_is_text(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving(page_plant.Spec("<b>step<:b>", (EVIL,), 16, 3, 210, 95))
    server.write(page_plant.state_frame(EVIL, [(NOW + MIN, DOWN)]))
    open_page(browser, server, 1)
    assert browser.execute_script(TEXT.format(".tile .name")) == EVIL
    wait(browser, "return document.querySelector('.events li[data-lasts] .what') !== null")
    assert EVIL_CAUSE in browser.execute_script(TEXT.format(".events li[data-lasts] .what"))
    browser.execute_script("document.querySelector('.tile').click()")
    wait(browser, "return document.querySelectorAll('.sensors li').length === 3")
    assert browser.execute_script(TEXT.format(".detail h2")) == EVIL
    assert browser.execute_script("return [window.ran, document.querySelectorAll('img, main script').length]") == [
        None,
        0,
    ]
    assert complaints(browser) == []


def test_the_policy_holds(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    """Even were there a hole in our own code: markup, inline script and foreign hosts are refused by the browser."""
    open_page(browser, serving(PRESS), 1)
    refused = browser.execute_async_script(
        """
        const done = arguments[0];
        const found = [];
        document.addEventListener("securitypolicyviolation", (event) => found.push(event.violatedDirective));
        try { document.body.innerHTML = "<p>x</p>"; } catch { found.push("markup"); }
        const image = document.createElement("img");
        image.src = "http://192.0.2.1/x.png";
        document.body.append(image);
        setTimeout(() => done(found), 500);
        """
    )
    assert {"markup", "img-src"} <= set(refused)


def test_22_machines_need_no_scrolling(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving()
    for width, height in SIZES:
        resize(browser, width, height)
        open_page(browser, server, 22)
        assert browser.execute_script(
            """
            const root = document.scrollingElement;
            const out = [...document.querySelectorAll(".tile, .figure, .step h2, #bar > *")].filter((node) => {
              const box = node.getBoundingClientRect();
              return box.bottom > innerHeight || box.right > innerWidth || node.scrollHeight > node.clientHeight + 1;
            });
            const cut = [...document.querySelectorAll(".tile .name, .figure .reading")].filter(
              (node) => node.scrollWidth > node.clientWidth,
            );
            const bad = out.concat(cut).map((node) => node.textContent);
            return [root.scrollWidth - innerWidth, root.scrollHeight - innerHeight, bad];
            """
        ) == [0, 0, []], (width, height)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_its_contrast(browser: webdriver.Chrome, serving: Callable[..., Server], theme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 : 1 for every text, in every state of a machine, in both themes."""
    looks = (
        {"state": "Held", "reason": "minor_stop"}, {"state": "Aborted", "reason": "breakdown", "cause": "die wear"},
        {"state": "Suspended", "reason": "starved"}, {"state": "Suspended", "reason": "blocked"},
        {"state": "Idle", "reason": "no_order"}, {"state": "Stopped", "reason": "setup", "cause": "8 to 10 kg"},
        {"state": "Stopped", "reason": "planned_stop"}, {"state": "Stopped", "reason": "planned_maintenance"},
        {"state": "Suspended", "reason": "utility"}, {"state": "Clearing", "reason": "breakdown", "cause": "die wear"},
    )  # fmt: skip
    server = serving(page_plant.Spec("test", page_plant.parallel("test", 10), 220, 0.3, 0, 1.2))
    server.write(*(page_plant.state_frame(f"test-{n}", [(NOW + MIN, look)]) for n, look in enumerate(looks, start=1)))
    resize(browser, 1366, 768, theme)
    open_page(browser, server, 10)
    wait(browser, "return document.querySelectorAll('[data-look=aborted]').length === 2")
    for panel in (False, True):
        if panel:
            browser.execute_script("document.querySelector('.tile').click()")
            wait(browser, "return document.querySelectorAll('.sensors li').length === 3")
        time.sleep(0.3)  # the tiles' colours take 150 ms to change
        checked, poor = browser.execute_script(_CONTRAST)
        assert checked > 80
        assert poor == []
    browser.execute_script("location.hash = ''")


# For every element with text of its own: the colour of the text against the first ground behind it that is not clear.
_CONTRAST = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b]
  .map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
let checked = 0;
const poor = [];
for (const node of document.querySelectorAll("body *")) {
  if (![...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())) continue;
  if (!node.checkVisibility() || node.closest("noscript")) continue;
  let ground = node;
  while (ground && (parse(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0) ground = ground.parentElement;
  const pair = [getComputedStyle(node).color, getComputedStyle(ground ?? document.body).backgroundColor];
  const [high, low] = pair.map((colour) => light(parse(colour))).sort((a, b) => b - a);
  checked += 1;
  if ((high + 0.05) / (low + 0.05) < 4.5) poor.push(`${node.className}: ${node.textContent} ${pair.join(" on ")}`);
}
return [checked, poor];
"""


def test_what_is_wrong_on_the_way_is_seen(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving(PRESS)
    resize(browser, 1366, 768)
    open_page(browser, server, 1)
    server.store.broken = True
    wait(browser, "return document.querySelector('#problem').checkVisibility()")
    assert "the store is away" in browser.execute_script(TEXT.format("#problem"))
    server.store.broken = False
    wait(browser, "return !document.querySelector('#problem').checkVisibility()")
    server.stop()
    wait(browser, "return document.body.dataset.link === 'ended'")
    assert "figures from" in browser.execute_script(TEXT.format(".link"))
    assert browser.execute_script("return document.querySelectorAll('.tile').length") == 1  # still there, faded


def test_a_phone_sees_the_stops_first(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving()
    server.write(page_plant.state_frame("drum-1", [(NOW + MIN, DOWN)]))
    resize(browser, 390, 844)
    open_page(browser, server, 22)
    wait(browser, "return document.querySelector('.events li[data-lasts]') !== null")
    first, too_wide = browser.execute_script(
        """
        const top = (selector) => document.querySelector(selector).getBoundingClientRect().top;
        return [top(".events li[data-lasts]") < top("#headline"), document.scrollingElement.scrollWidth - innerWidth];
        """
    )
    assert first
    assert too_wide <= 0
    resize(browser, 1366, 768)


def test_the_keyboard_follows_the_panel(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    """The list of stops makes room for the panel: the focus must not be lost with the button that was pressed."""
    server = serving(PRESS)
    server.write(page_plant.state_frame("press-1", [(NOW + MIN, DOWN)]))
    resize(browser, 1366, 768)
    open_page(browser, server, 1)
    wait(browser, "return document.querySelector('.events li[data-lasts] button') !== null")
    browser.execute_script("document.querySelector('.events li button').focus()")
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    wait(browser, "return !document.querySelector('.detail').hidden")
    assert browser.execute_script("return document.activeElement.className") == "close"
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    wait(browser, "return document.querySelector('.detail').hidden")
    assert browser.execute_script("return document.activeElement.closest('.events') !== null")


def test_a_phone_sees_the_panel_that_it_opens(browser: webdriver.Chrome, serving: Callable[..., Server]) -> None:
    server = serving()
    resize(browser, 390, 844)
    open_page(browser, server, 22)
    tile = browser.find_elements("css selector", ".tile")[-1]
    browser.execute_script("arguments[0].scrollIntoView()", tile)
    tile.click()
    in_sight = "const top = document.querySelector('.detail h2').getBoundingClientRect().top;"
    wait(browser, in_sight + "return top >= 0 && top < innerHeight")
    browser.find_element("css selector", ".detail .close").click()
    wait(browser, "return scrollY > 0 && document.activeElement.classList.contains('tile')")
