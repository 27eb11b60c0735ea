"""``qilu report``: the figures of ``compute``, cut by place and clock, as a table, as CSV and as JSON."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from analytics_plant import BOOT, HOUR, PATH, T0, frames, plant, state

from analytics.compute import evaluate
from analytics.cost import LINES, to_float
from analytics.events import MachineEvents
from analytics.kpi import kpis
from analytics.report import entries, together
from analytics.rollup import LEVELS
from console import report_command
from console.cli import main
from console.report_rows import steps
from historian import open_store

Plant = Mapping[tuple[str, ...], MachineEvents]


def stored(tmp_path: Path, events: Plant) -> str:
    """The events in a store; returns its URL."""
    url = f"duckdb:{tmp_path / 'historian.duckdb'}"

    async def fill() -> None:
        async with open_store(url) as store:
            for path, one in events.items():
                await store.write(frames(path, one))

    asyncio.run(fill())
    return url


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(tmp_path_factory.mktemp("store"), plant(3.0))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["report", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("level", LEVELS)
def test_the_figures_are_those_of_compute(capsys: pytest.CaptureFixture[str], store: str, level: str) -> None:
    document = json.loads(told(capsys, "--store", store, "--by", level, "--json"))
    results = evaluate(plant(3.0), [T0, T0 + 3 * HOUR + 1])
    wanted = entries(results, level)
    assert document["timezone"] == "Asia/Shanghai"
    assert len(document["entries"]) == len(wanted) > 0
    for row, entry in zip(document["entries"], wanted, strict=True):
        assert tuple(row[name] for name in [*LEVELS][::-1] if name in row) == entry.path
        assert (row["start_ns"], row["end_ns"]) == (T0, T0 + 3 * HOUR + 1)
        for name, value in kpis(entry.figures.elements).items():
            if level == "machine" or not name.startswith("energy_kwh"):
                assert row[name] == value, name
        if row["good"]:  # of a line, the units that left its last step
            assert row["energy_kwh_per_good"] == pytest.approx(row["energy_wh"] / 1000 / row["good"])
            assert (row["energy_kwh_per_produced"] is None) == (level != "machine")
        assert row["oee"] is None or 0 < row["oee"] < 1
        assert entry.figures.costs is not None
        assert entry.spent is not None
        assert entry.spent.total == entry.figures.costs.total
        for line in LINES:
            assert row[f"cost_{line}"] == to_float(getattr(entry.figures.costs, line))
        spent = sum(value for name, value in row.items() if name.startswith("spent_"))
        assert spent == pytest.approx(row["cost_total"])


def test_windows_add_up_to_the_whole(capsys: pytest.CaptureFixture[str], store: str) -> None:
    document = json.loads(told(capsys, "--store", store, "--by", "machine,hour", "--format", "json"))
    for whole in document["whole"]:
        parts = [row for row in document["entries"] if row.get("machine") == whole["machine"]]
        assert len(parts) == 4  # 08:00, 09:00, 10:00 in Shanghai, and the last nanosecond
        for name in ("apt_ns", "adet_ns", "gq", "sq", "energy_wh", "lost_breakdowns_ns", "failures"):
            assert sum(part[name] for part in parts) == whole[name], name
        assert sum(part["cost_total"] for part in parts) == pytest.approx(whole["cost_total"])


def test_shifts_of_another_clock(capsys: pytest.CaptureFixture[str], store: str) -> None:
    words = ("--by", "site,shift", "--shifts", "02:00,10:00", "--timezone", "Europe/Berlin", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(told(capsys, "--store", store, *words))))
    assert [row["start"] for row in rows] == ["2026-03-01T01:00:00+01:00", "2026-03-01T02:00:00+01:00"]
    assert {row["site"] for row in rows} == {"plant-1"}


def test_a_range_by_time(capsys: pytest.CaptureFixture[str], store: str) -> None:
    words = ("--from", "2026-03-01T01:00Z", "--to", "2026-03-01T02:00Z", "--json")
    (line, power) = json.loads(told(capsys, "--store", store, *words))["entries"]
    assert line["pot_ns"] == 3 * HOUR
    assert power["energy_wh"] == 360_000


def test_the_table_is_for_people(capsys: pytest.CaptureFixture[str], store: str) -> None:
    table = told(capsys, "--store", store, "--by", "machine")
    lines = table.splitlines()
    assert lines[0] == "2026-03-01 08:00 to 2026-03-01 11:00 Asia/Shanghai, money in CNY"
    assert [line.split()[0] for line in lines[2:6]] == ["line-1/m-0", "line-1/m-1", "line-1/m-2", "power/aux-1"]
    assert all(line == line.rstrip() and len(line) <= 120 for line in lines)
    heads = ["where the time went", "what was spent, by nature", "the same, by activity"]
    assert [line for line in lines if line in heads] == heads
    results = evaluate(plant(3.0), [T0, T0 + 3 * HOUR + 1])
    elements, costs, _ = together(entries(results, "site"))
    assert costs is not None
    totals = [line.split() for line in lines if line.startswith("total")]
    assert totals == [["total", f"{float(costs.total):,.0f}", "100.0", "%"]] * 2
    (productive,) = (line for line in lines if line.startswith("fully productive time"))
    assert f" {elements.pri_gq_ns / HOUR:,.1f} h" in productive


def test_a_profile_books_minor_stops_elsewhere(capsys: pytest.CaptureFixture[str], store: str) -> None:
    iso, vorne = (
        json.loads(told(capsys, "--store", store, "--json", "--profile", name))["entries"][0]
        for name in ("iso22400", "vorne")
    )
    assert iso["oee"] == vorne["oee"]
    assert iso["availability"] < vorne["availability"]


def test_a_machine_that_never_worked_is_in_the_denominator_and_a_meter_is_not(tmp_path: Path) -> None:
    events = dict(plant(1.0, 1))
    dead = replace(events[*PATH[:4], "m-0"], states=[], cycles=[], readings=[])
    events[*PATH[:4], "m-1"] = dead
    (whole,) = entries(evaluate(events, [T0, T0 + HOUR]), "enterprise")
    assert whole.figures.elements.unknown_ns == HOUR
    assert whole.fall.levels["all_time"] == 2 * HOUR


def test_names_are_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "=HYPERLINK(1)"
    red = "\x1b[31mred"
    one = plant(0.1, 1)[*PATH[:4], "m-0"]
    url = stored(tmp_path, {("acme", "p", "a", "l", evil): one, ("acme", "p", "a", "l", red): one})
    assert "\x1b" not in told(capsys, "--store", url, "--by", "machine")
    rows = list(csv.DictReader(io.StringIO(told(capsys, "--store", url, "--by", "machine", "--format", "csv"))))
    assert {row["machine"] for row in rows} == {f"'{evil}", red}
    document = told(capsys, "--store", url, "--by", "machine", "--json")
    assert "\x1b" not in document
    assert {row["machine"] for row in json.loads(document)["entries"]} == {evil, red}


class Page(HTMLParser):
    """What stands in a page, and whether its tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onerror", "onclick"}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_needs_nothing_else(capsys: pytest.CaptureFixture[str], store: str) -> None:
    text = told(capsys, "--store", store, "--by", "machine,hour", "--format", "html")
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in text
    assert page.tags.count("svg") == 6
    assert page.tags.count("tr") == 1 + 4 * 4
    results = evaluate(plant(3.0), [T0, T0 + 3 * HOUR + 1])
    elements, costs, _ = together(entries(results, "site"))
    assert costs is not None
    assert f"{100 * elements.pri_gq_ns / elements.pbt_ns:.1f} %" in page.words
    assert f"{float(costs.total):,.0f} CNY" in page.words


def test_a_window_without_time_has_no_oee(capsys: pytest.CaptureFixture[str], store: str) -> None:
    words = ("--store", store, "--to", "2026-03-01T05:00Z", "--by", "site,hour", "--format", "html")
    told_of = Page(told(capsys, *words)).words
    first = told_of.index("OEE, window by window")
    shown = told_of[first + 1 : told_of.index("Energy against output, a dot for each row of the table")]
    assert shown[-4:] == ["03-01 11:00", "–", "03-01 12:00", "–"]
    assert all(text.endswith(" %") for text in shown[1:-4:2])


def test_time_that_is_lost_to_the_last_hour_is_a_loss() -> None:
    (whole,) = entries(
        evaluate({PATH: MachineEvents([state(T0, "breakdown"), state(T0 + HOUR, "breakdown")])}, [T0, T0 + HOUR]),
        "site",
    )
    found = [(step.name, step.begin_ns, step.level) for step in steps(whole.fall) if step.time_ns]
    assert found[-1] == ("breakdowns", 0, False)
    assert [name for name, _, level in found if level] == ["all time", "operating time", "planned production time"]


def test_a_page_of_strangers_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    one = plant(0.1, 1)[*PATH[:4], "m-0"]
    url = stored(tmp_path, {("acme", "p", "a", "l", evil): one})
    page = Page(told(capsys, "--store", url, "--by", "machine", "--format", "html"))
    assert "img" not in page.tags
    assert any(evil in word for word in page.words)


def test_two_currencies_have_no_sum(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    events = dict(plant(0.1, 2))
    path = (*PATH[:4], "m-1")
    births = [replace_economics(birth, "EUR") for birth in events[path].births]
    events[path] = replace(events[path], births=births)
    table = told(capsys, "--store", stored(tmp_path, events))
    assert "money" not in table.splitlines()[0]
    assert "what was spent" not in table


def replace_economics(birth: Any, currency: str) -> Any:
    import msgspec  # noqa: PLC0415

    return birth._replace(economics=msgspec.structs.replace(birth.economics, currency=currency))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--by", "week"], "--by: 'week' is none of machine, line, area, site, enterprise, hour, shift, day"),
        (["--by", "line,site"], "--by: name one place and one time at most, not line,site"),
        (["--by", "shift"], "--by shift and --shifts go together: --by shift --shifts 06:00,14:00,22:00"),
        (["--by", "shift", "--shifts", "6"], "--shifts: '6' is no time of day; write HH:MM, such as 06:00,14:00,22:00"),
        (["--timezone", "Mars/Base"], "--timezone: no time zone 'Mars/Base'; IANA names are such as Asia/Shanghai"),
        (["--from", "2026-03-02T00:00Z"], "nothing was said in that range; see --from and --to"),
        (["--from", "2h", "--to", "3h"], "--to is not after --from"),
        (
            ["--from", "1971-01-01T00:00Z", "--by", "hour"],
            "that is about 483,555 windows, of at most 20,000; see --from, --to and --by",
        ),
    ],
)
def test_errors_name_the_flag(capsys: pytest.CaptureFixture[str], store: str, words: list[str], error: str) -> None:
    assert main(["report", "--store", store, *words]) == 2
    assert capsys.readouterr().err == f"qilu: {error}\n"


def test_a_store_without_events(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["report", "--store", stored(tmp_path, {})]) == 2
    assert "the store has no events; run qilu demo first" in capsys.readouterr().err


def test_the_flags_know_the_analytics() -> None:
    from analytics.kpi import PROFILES  # noqa: PLC0415

    assert tuple(LEVELS) == report_command._PLACES
    assert tuple(PROFILES) == report_command._PROFILES


def test_one_event_is_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = stored(tmp_path, {PATH: MachineEvents(states=[state(T0, "running", BOOT)])})
    (row,) = json.loads(told(capsys, "--store", url, "--json"))["entries"]
    assert row["oee"] is None
