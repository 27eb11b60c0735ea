"""Lines of every size, and plants of several lines, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import page_plant
import pytest
from page_browser import TEXT, browser, complaints, open_page, resize, serving, wait
from page_plant import MIN, NOW, Spec, parallel
from page_served import Server
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

__all__ = ["browser", "serving"]  # fixtures
SIZES = ((1400, 900), (1920, 1080), (1366, 625), (390, 844))
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": "hook wear"}
WAITS = {"state": "Suspended", "reason": "starved", "cause": "steel sheet"}
CLOSED = {"state": "Stopped", "reason": "no_shift"}
PAUSED = {"state": "Stopped", "reason": "planned_stop"}


def steps(**counts: int) -> tuple[Spec, ...]:
    return tuple(Spec(name, parallel(name, count), 80 * count, 1, 10, 5) for name, count in counts.items())


SEWING = steps(cut=1, fuse=1, jacket=130, trouser=36, iron=12, inspect=6)
LINES = {
    "two": steps(cut=1, pack=1),
    "toolmaking": steps(design=8, rough=10, harden=1, finish=9, edm=8, fit=12, tryout=2),
    "sewing": SEWING,
    "one step": steps(weave=200),
    "many steps": steps(**{f"station-with-a-long-name-{n}": 1 if n % 4 else 12 for n in range(14)}),
}
MEASURE = """
const root = document.scrollingElement;
const line = document.querySelector("#line");
const boxes = [...document.querySelectorAll(".step header")].map((node) => node.getBoundingClientRect());
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
const words = [...document.querySelectorAll(".step header *")];
const side = document.querySelector("#side").getBoundingClientRect();
const area = line.getBoundingClientRect();
const unseen = [...document.querySelectorAll(".tile")].filter((node) => {
  const box = node.getBoundingClientRect();
  const stack = node.parentElement.getBoundingClientRect();
  return box.width < 24 || box.height < 24 || box.right > stack.right + 1 || box.bottom > stack.bottom + 1;
});
return {
  page: root.scrollWidth - root.clientWidth,
  tall: root.scrollHeight - innerHeight,
  line: line.scrollWidth - line.clientWidth,
  wide: "wide" in line.dataset,
  headings: boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b))).length,
  overflowing: words.filter((node) => node.clientWidth && node.scrollWidth > node.clientWidth + 1).length,
  beside: meet(area, side),
  unseen: unseen.length,
};
"""


@pytest.mark.parametrize("name", LINES)
def test_every_machine_of_every_line_is_seen(
    browser: webdriver.Chrome, serving: Callable[..., Server], name: str
) -> None:
    server = serving(*LINES[name])
    for width, height in SIZES:
        resize(browser, width, height)
        open_page(browser, server, sum(len(spec.names) for spec in LINES[name]))
        found = browser.execute_script(MEASURE)
        size = (width, height)
        assert (found["page"], found["headings"], found["overflowing"]) == (0, 0, 0), size
        assert (found["beside"], found["unseen"]) == (False, 0), size
        if width > 900:
            assert found["tall"] == 0, size
        # more steps than stand side by side scroll inside the line; more machines are told short instead
        assert found["wide"] == (found["line"] > 0) == (name == "many steps" and width > 900), size
    assert complaints(browser) == []


def test_a_short_tile_tells_its_state_and_opens_by_the_keyboard(
    browser: webdriver.Chrome, serving: Callable[..., Server]
) -> None:
    server = serving(*SEWING)
    server.write(page_plant.state_frame("jacket-77", [(NOW + MIN, DOWN)]))
    resize(browser, 1400, 900)
    open_page(browser, server, 186)
    wait(browser, "return document.querySelector('.step[data-size=number] .tile[data-look=aborted]')?.title")
    told = browser.execute_script(
        """
        const tile = [...document.querySelectorAll(".tile")].find((node) => node.title.startsWith("jacket-77 "));
        tile.focus();
        const number = tile.querySelector(".short");
        const ground = (node) => getComputedStyle(node).backgroundColor;
        const plain = document.querySelector("[data-size=full] .tile[data-look=run]");
        return [tile.ariaLabel, tile.title, number.textContent, number.offsetWidth > 0, ground(tile) === ground(plain)];
        """
    )
    assert told[0] == "jacket-77, Aborted: breakdown, hook wear"
    assert told[1].startswith("jacket-77 · Aborted: breakdown, hook wear · since ")
    assert told[2:] == ["77", True, False]
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    wait(browser, "return document.querySelector('.detail h2').textContent === 'jacket-77'")
    assert browser.execute_script("return location.hash").endswith("jacket-77")
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    wait(browser, "return document.querySelector('.detail').hidden")


def test_closed_paused_and_waiting_for_material_are_told_apart(
    browser: webdriver.Chrome, serving: Callable[..., Server]
) -> None:
    server = serving(*steps(saw=4))
    rows = {"saw-1": CLOSED, "saw-2": PAUSED, "saw-3": WAITS, "saw-4": {"state": "Idle", "reason": "no_order"}}
    server.write(*(page_plant.state_frame(name, [(NOW + MIN, row)]) for name, row in rows.items()))
    resize(browser, 1400, 900)
    open_page(browser, server, 4)
    wait(browser, "return document.querySelector('.tile[data-look=idle]') !== null")
    tiles = browser.execute_script(
        """
        return [...document.querySelectorAll(".tile")].map((node) => [
          node.querySelector(".word").textContent, node.querySelector(".why").textContent,
          node.querySelector(".icon path").getAttribute("d"),
        ]);
        """
    )
    assert [tile[:2] for tile in tiles] == [
        ["Closed", ""], ["Paused", ""], ["Starved", "steel sheet"], ["Idle", "no order"],
    ]  # fmt: skip
    assert len({tile[2] for tile in tiles}) == 4


def other_line(name: str, count: int) -> list[Any]:
    """The births of another enterprise, under the same machine names as the first: only the path tells them apart."""
    frames = page_plant.births((Spec("press", parallel("press", count), 16, 3, 210, 95),))
    return [
        type(frame)(frame.measurement, {**frame.tags, "enterprise": name}, frame.time_ns, frame.fields)
        for frame in frames
    ]


def test_the_line_is_chosen_by_the_keyboard_and_kept_in_the_address(
    browser: webdriver.Chrome, serving: Callable[..., Server]
) -> None:
    server = serving(Spec("press", parallel("press", 3), 16, 3, 210, 95))
    server.write(*other_line("boshan-ceramics", 2), *other_line("zibo-<b>glass", 1))
    resize(browser, 1400, 900)
    open_page(browser, server, 3)  # the line with the most machines is the default
    wait(browser, "return document.querySelectorAll('.chooser option').length === 3")
    choice = browser.find_element("css selector", ".chooser")
    assert [option.text.split(" · ")[0] for option in Select(choice).options] == [
        f"{name} / plant-1 / line-1" for name in ("boshan-ceramics", "qingdao-appliances", "zibo-<b>glass")
    ]
    assert choice.get_attribute("aria-label") == "Line"
    assert "qingdao-appliances" in Select(choice).first_selected_option.text

    browser.execute_script("arguments[0].focus()", choice)
    ActionChains(browser).send_keys("b").perform()
    wait(browser, "return document.querySelectorAll('.tile').length === 2")
    assert browser.execute_script("return document.activeElement.className") == "chooser"
    there = "boshan-ceramics%2Fplant-1%2Fproduction%2Fline-1"
    assert browser.execute_script("return location.hash") == "#" + there

    browser.execute_script("document.querySelector('.tile').click()")  # the panel is of the line, and leads back to it
    wait(browser, "return !document.querySelector('.detail').hidden")
    browser.refresh()
    wait(browser, "return document.querySelectorAll('.tile').length === 2 && !document.querySelector('.detail').hidden")
    browser.execute_script("document.querySelector('.detail .close').click()")
    wait(browser, f"return location.hash === '#{there}'")
    assert browser.execute_script("return document.querySelectorAll('.tile').length") == 2

    Select(browser.find_element("css selector", ".chooser")).select_by_value("zibo-<b>glass/plant-1/production/line-1")
    wait(browser, "return document.querySelectorAll('.tile').length === 1")
    browser.back()
    wait(browser, "return document.querySelectorAll('.tile').length === 2")
    resize(browser, 390, 844)
    assert browser.execute_script("return document.scrollingElement.scrollWidth - innerWidth") == 0
    browser.execute_script(f"location.hash = {json.dumps('no/such/line/there')}")  # an old link
    wait(browser, "return document.querySelectorAll('.tile').length === 3")
    assert complaints(browser) == []


def test_one_line_needs_no_choice_and_figures_that_are_not_there_yet_are_announced(
    browser: webdriver.Chrome, serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = page_plant.kpis(steps(cut=1))
    monkeypatch.setattr(page_plant, "kpis", lambda *_: [])
    server = serving(*steps(cut=1))
    resize(browser, 1400, 900)
    browser.get(server.url)
    wait(browser, "return document.querySelectorAll('.tile').length === 1")
    assert not browser.find_element("css selector", ".chooser").is_displayed()
    assert browser.execute_script(TEXT.format("#bar .span")) == "figures are being computed"
    server.write(*figures)
    wait(browser, "return document.querySelector('#bar .span').textContent.startsWith('figures: last 60 min')")
