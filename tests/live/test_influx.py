"""A real InfluxDB 1.8 as a historian: the laws."""

from __future__ import annotations

import asyncio

import pytest
from servers import Influxd

from historian import Historian, checks, open_store


@pytest.mark.parametrize("law", checks.LAWS, ids=lambda law: law.__name__)
def test_law(law: checks.Law, influxd: Influxd) -> None:
    buckets: list[str] = []

    def fresh() -> Historian:
        buckets.append(influxd.new_bucket())
        return open_store(influxd.url(buckets[-1]))

    asyncio.run(law(fresh))
    for bucket in buckets:
        influxd.drop_bucket(bucket)
