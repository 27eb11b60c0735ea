"""A second reader of InfluxDB, for the judgement: what is stored, to the bit, without a line of the product.

What it is: InfluxQL over HTTP and JSON read by hand: which fields are floats is asked for, ``-0`` keeps its sign.
What it is not: fast, or for more than one test's points.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from ingest_plant import Points
from servers import Influxd


def ask(influxd: Influxd, bucket: str, query: str) -> list[dict[str, Any]]:
    """The series that a query answers with, of all its statements."""
    url = f"http://127.0.0.1:{influxd.port}/query?" + urlencode({"db": bucket, "q": query, "epoch": "ns"})
    with urlopen(url, timeout=30) as answer:
        results = json.loads(answer.read(), parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))["results"]
    for result in results:
        assert "error" not in result, result
    return [series for result in results for series in result.get("series", ())]


def count_rows(influxd: Influxd, bucket: str, kinds: Iterable[str], where: str = "") -> int:
    """How many points of these kinds a database holds; 0 while it is down."""
    query = "SELECT count(_seq) FROM " + ", ".join(f'"{kind}"' for kind in kinds) + where
    try:
        return sum(series["values"][0][1] for series in ask(influxd, bucket, query))
    except OSError:  # it is down, which is what some tests are about
        return 0


def measurements(influxd: Influxd, bucket: str) -> set[str]:
    """The names of all measurements."""
    return {value[0] for series in ask(influxd, bucket, "SHOW MEASUREMENTS") for value in series["values"]}


def read_points(influxd: Influxd, bucket: str, kinds: Iterable[str]) -> Points:
    """Everything that is stored of these kinds, in the form of ``ingest_plant.points_of``."""
    points: Points = {}
    for kind in kinds:
        types = {
            name: type_ for s in ask(influxd, bucket, f'SHOW FIELD KEYS FROM "{kind}"') for name, type_ in s["values"]
        }
        for series in ask(influxd, bucket, f'SELECT * FROM "{kind}" GROUP BY *'):
            tags = tuple(sorted((name, value) for name, value in series["tags"].items() if value))
            for time_ns, *values in series["values"]:
                named = zip(series["columns"][1:], values, strict=True)
                points[kind, tags, time_ns] = {
                    name: float(value) if types[name] == "float" else value
                    for name, value in named
                    if value is not None
                }
    return points
