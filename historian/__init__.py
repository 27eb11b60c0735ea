"""Where points rest: one interface, two back ends, and the laws that both obey.

What it is: ``open_store(url)`` and the values that cross the wall. ``influx://`` is InfluxDB, ``duckdb:`` an embedded
file; the rest of the house cannot tell them apart.
What it is not: a place for meaning. What a measurement says is the business of ``ingest/frames.py`` and ``analytics/``.

>>> import asyncio
>>> async def tour() -> None:
...     async with open_store("duckdb::memory:") as store:
...         await store.write([Frame("meter", {"machine": "drum-1"}, [60, 120], {"energy_wh": [5, 9]})])
...         print((await store.read(Query("meter", start_ns=100))).fields)
>>> asyncio.run(tour())
{'energy_wh': [9]}
"""

from historian.base import MAX_TIME_NS, MIN_TIME_NS, Frame, Historian, Query, Table, Tags, Value
from historian.model import ModelHistorian
from historian.store import open_store

__all__ = [
    "MAX_TIME_NS",
    "MIN_TIME_NS",
    "Frame",
    "Historian",
    "ModelHistorian",
    "Query",
    "Table",
    "Tags",
    "Value",
    "open_store",
]
