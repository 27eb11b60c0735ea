"""Every query of every Grafana dashboard, run as Grafana would against a real InfluxDB that holds a small, known plant.

The points are written by hand in the layout that ingest and analytics write, so that expected figures can be worked
out on paper: two windows in which the mean of the ratios is not the ratio of the sums.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

DASHBOARDS = sorted((Path(__file__).resolve().parents[2] / "deploy/grafana/dashboards").glob("*.json"))
S = 1_000_000_000
HOUR = 3600 * S
T0 = 1_767_225_600 * S  # 2026-01-01T00:00:00Z
TO = T0 + 2 * HOUR
SITE = "plant-1 (west)"  # what is special to a regular expression must not matter
LINE = "line-1"


@dataclass(frozen=True)
class Store:
    """The bucket behind an ``influx_url``."""

    base: str
    bucket: str

    def write(self, lines: list[str]) -> None:
        url = f"{self.base}/api/v2/write?org=qilu&bucket={self.bucket}&precision=ns"
        with urllib.request.urlopen(url, "\n".join(lines).encode(), timeout=30) as answer:
            assert answer.status == 204

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series of the answer."""
        body = urllib.parse.urlencode({"q": text}).encode()
        with urllib.request.urlopen(f"{self.base}/query?db={self.bucket}&epoch=ns", body, timeout=30) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, f"{result['error']}: {text}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series


@pytest.fixture
def store(influx_url: str) -> Iterator[Store]:
    parts = urlsplit(influx_url)
    store = Store(f"http://{parts.netloc}", parts.path.strip("/"))
    store.write(sample())
    yield store


def sample() -> list[str]:
    site = SITE.replace(" ", "\\ ")
    place = f"enterprise=acme,site={site},area=production,line={LINE}"
    lines = []
    # The first window runs well for a short time, the second badly for a long time.
    for at, (pbt, apt, pri_pq, pri_gq, good) in {
        0: (100, 90, 90, 90, 9),
        1: (300, 120, 60, 30, 3),
    }.items():
        for window, step in (("5m", 300 * S), ("1h", HOUR)):
            elements = (
                f"pbt_ns={pbt * S}i,apt_ns={apt * S}i,pri_pq_ns={pri_pq * S}i,pri_gq_ns={pri_gq * S}i,"
                f"gq={good}i,rq=0i,energy_wh=1500i,failures={at}i,cost_total=60.0,cost_material=40.0,cost_energy=5.0,"
                f"cost_labour=10.0,cost_depreciation=6.0,cost_scrap_recovery=-1.0,unit_cost={60 / good},"
                f"oee={pri_gq / pbt},availability={apt / pbt},effectiveness={pri_pq / apt},"
                f"quality_ratio={pri_gq / pri_pq}"
            )
            time = T0 + at * step
            lines.append(f"kpi,{place},level=line,window={window} {elements},line_oee=0.5,sellable={good}i {time}")
            lines.append(f"kpi,{place},machine=m-1,level=machine,window={window} {elements} {time}")
            lines.append(f"kpi,enterprise=acme,site={site},level=site,window={window} {elements} {time}")
    other = f"enterprise=acme,site={site},area=utilities,line=power"
    lines.append(f"kpi,{other},machine=aux-1,level=machine,window=1h energy_wh=360000i {T0}")
    lines.append(f"kpi,{other},level=line,window=1h energy_wh=360000i {T0}")
    machine = f"{place},machine=m-1"
    lines.append(f'state,{machine} state="Execute",reason="running",mode="Production" {T0 - 3 * HOUR}')
    lines.append(f'state,{machine} state="Aborted",reason="breakdown",mode="Production" {T0 + HOUR}')
    lines += [f"meter,{machine} energy_wh={1000 + 20 * minute}i {T0 + minute * 60 * S}" for minute in range(4)]
    lines += [f"ingest,client=qilu-ingest lag_ms=12.5,dead_lettered=0i {T0 + n * S}" for n in range(3)]
    return lines


def escaped(value: str) -> str:
    """Grafana's ``:regex`` format."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", lambda m: "\\" + m[0], value)


def rendered(query: str, start: int = T0, end: int = TO) -> str:
    """The query with Grafana's variables filled in."""
    ms = {"from": start // 1_000_000, "to": end // 1_000_000}
    text = query.replace("$timeFilter", f"time >= {ms['from']}ms and time <= {ms['to']}ms")
    text = text.replace("${__from}", str(ms["from"])).replace("${__to}", str(ms["to"]))
    text = text.replace("$__interval", "1m").replace("$window", "5m")
    text = text.replace("${site:regex}", escaped(SITE)).replace("${line:regex}", escaped(LINE))
    assert "$" not in text.replace("$/", "/"), text
    return text


def queries() -> list[Any]:
    found = []
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                name = f"{path.stem}: {panel['title']} {target['refId']}"
                found.append(pytest.param(target["query"], id=name))
        found += [
            pytest.param(variable["query"], id=f"{path.stem}: ${variable['name']}")
            for variable in dashboard["templating"]["list"]
            if variable["type"] == "query"
        ]
    return found


def query_of(title: str) -> str:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            if panel["title"] == title:
                query: str = panel["targets"][0]["query"]
                return rendered(query)
    raise LookupError(title)


@pytest.mark.parametrize("query", queries())
def test_every_query_runs_and_returns_rows(store: Store, query: str) -> None:
    series = store.query(rendered(query))
    rows = [row for each in series for row in each["values"]]
    assert rows
    assert all(value is not None for row in rows for value in row)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Fleet OEE", 120 / 400),  # not (0.9 + 0.1) / 2
        ("Availability", 210 / 400),
        ("Effectiveness", 150 / 210),
        ("Quality", 120 / 150),
        ("Unit cost", 120 / 12),
        ("Energy per sellable unit", 3.0 / 12),
        ("Sellable units", 12),
        ("Line OEE, last hour", 0.5),
    ],
)
def test_figures_over_a_range_are_sums_divided_last(store: Store, title: str, expected: float) -> None:
    ((_, value),) = store.query(query_of(title))[0]["values"]
    assert value == pytest.approx(expected, rel=1e-12)


def test_oee_is_the_product_of_the_three_factors_shown_beside_it(store: Store) -> None:
    def value(title: str) -> float:
        shown: float = store.query(query_of(title))[0]["values"][0][1]
        return shown

    product = value("Availability") * value("Effectiveness") * value("Quality")
    assert value("Fleet OEE") == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("title", ["Fleet OEE", "Availability", "Effectiveness", "Quality"])
def test_a_line_that_is_closed_has_no_ratio_rather_than_zero(store: Store, title: str) -> None:
    """InfluxQL says 0 for a division by zero; undefined must not look like a loss of everything."""
    place = f"enterprise=acme,site={SITE},area=production,line=closed".replace(" ", "\\ ")
    closed = "pbt_ns=0i,pdot_ns=300000000000i,apt_ns=0i,pri_pq_ns=0i,pri_gq_ns=0i"
    store.write([f"kpi,{place},level=line,window=5m {closed} {T0 + n * 300 * S}" for n in range(3)])
    assert store.query(query_of(title).replace(escaped(LINE), "closed")) == []


def test_the_parts_of_the_unit_cost_add_to_it(store: Store) -> None:
    (series,) = store.query(query_of("Unit cost and its parts, by the hour"))
    assert series["columns"] == ["time", "material", "energy", "labour", "depreciation", "scrap recovery", "unit cost"]
    for _, *parts, whole in series["values"]:
        assert sum(parts) == pytest.approx(whole, rel=1e-12)


def test_the_state_in_force_at_the_left_edge_is_there(store: Store) -> None:
    (series,) = store.query(query_of("Machine states"))
    assert series["tags"] == {"machine": "m-1"}
    assert series["values"] == [[T0 - 3 * HOUR, "running"], [T0 + HOUR, "breakdown"]]


def test_power_is_the_slope_of_the_counter(store: Store) -> None:
    (series,) = store.query(query_of("Power"))
    assert [watt for _, watt in series["values"]] == [1200.0, 1200.0, 1200.0]  # 20 Wh a minute


def test_the_whole_sites_energy_has_the_auxiliary_meter_in_it(store: Store) -> None:
    series = store.query(query_of("Energy by the hour, whole site"))
    assert {each["tags"]["machine"] for each in series} == {"m-1", "aux-1"}


def test_the_line_variable_offers_production_lines_only(store: Store) -> None:
    dashboard = json.loads(DASHBOARDS[0].read_text())
    (query,) = [v["query"] for v in dashboard["templating"]["list"] if v["name"] == "line"]
    (series,) = store.query(rendered(query))
    assert [value for _, value in series["values"]] == [LINE]
