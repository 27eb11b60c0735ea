"""A real InfluxDB 1.8 as a historian: the laws, every character, and a server that goes away."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import Influxd

from contract import RetryLater
from historian import Frame, Historian, Query, checks, open_store

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\n\r\t ,=\"'⧵␤␍␀␛#%\0"), max_size=30)


@pytest.mark.parametrize("law", checks.LAWS, ids=lambda law: law.__name__)
def test_law(law: checks.Law, influxd: Influxd) -> None:
    buckets: list[str] = []

    def fresh() -> Historian:
        buckets.append(influxd.new_bucket())
        return open_store(influxd.url(buckets[-1]))

    asyncio.run(law(fresh))
    for bucket in buckets:
        influxd.drop_bucket(bucket)


def test_every_character_in_a_tag(influx_url: str) -> None:
    """Alone, in the middle, and at both ends; each is found by ``where``."""
    special = [chr(code) for code in range(0x180)] + list("⧵␤␍␀␛\u2028\u2029\ufeff\ufffd\uffff🏭")
    texts = sorted(
        {form for character in special for form in (character, f"a{character}b", f"{character}x{character}")}
    )

    async def run() -> None:
        async with open_store(influx_url) as store:
            await store.write([Frame("m", {"machine": text}, [1], {"text": [text]}) for text in texts])
            table = await store.read(Query("m"))
            assert table.tags["machine"] == texts
            assert table.fields["text"] == texts
            for text in texts:
                found = await store.read(Query("m", where={"machine": text}))
                assert found.fields["text"] == [text], repr(text)

    asyncio.run(run())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=20, unique=True))
def test_any_text(influxd: Influxd, texts: list[str]) -> None:
    bucket = influxd.new_bucket()

    async def run() -> None:
        async with open_store(influxd.url(bucket)) as store:
            await store.write([Frame("m", {"line": "x", "machine": text}, [1], {"text": [text]}) for text in texts])
            table = await store.read(Query("m", where={"machine": tuple(texts)}))
            assert table.tags["machine"] == sorted(texts)
            assert table.fields["text"] == sorted(texts)

    asyncio.run(run())
    influxd.drop_bucket(bucket)


def test_a_server_that_dies_and_comes_back(influxd: Influxd, influx_url: str) -> None:
    """What was written is there after SIGKILL; while it is down every call says RetryLater."""
    frame = Frame("m", {"machine": "a"}, [1, 2], {"n": [1, 2]})

    async def run() -> None:
        async with open_store(influx_url) as store:
            await store.write([frame])
            influxd.kill()
            with pytest.raises(RetryLater, match="does not answer"):
                await store.write([frame])
            with pytest.raises(RetryLater, match="does not answer"):
                await store.read(Query("m"))
            influxd.start()
            await store.write([Frame("m", {"machine": "b"}, [1], {"n": [3]})])
            assert (await store.read(Query("m"))).fields == {"n": [1, 2, 3]}

    asyncio.run(run())


def test_a_bucket_that_does_not_exist(influxd: Influxd) -> None:
    async def run() -> None:
        async with open_store(influxd.url("nosuch")) as store:
            with pytest.raises(RetryLater, match="'nosuch', answers 404: there is no such bucket"):
                await store.write([Frame("m", {}, [1], {"n": [1]})])
            with pytest.raises(RetryLater, match="database not found: nosuch"):
                await store.read(Query("m"))

    asyncio.run(run())
