"""What is certainly new to a series, and that DuckDB keeps every point single whichever way it is written."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import RetryLater
from historian import duck_sql, open_store
from historian.base import Frame, Query
from historian.columns import Block
from historian.newest import Newest


def points(*rows: tuple[int, int]) -> Block:
    series, times = zip(*sorted(rows), strict=True)
    return Block(np.array(series, np.int32), np.array(times, np.int64), {})


def test_only_what_is_newer_than_its_own_series_is_new() -> None:
    newest = Newest(lambda measurement: {1: 100} if measurement == "state" else {})
    assert not newest.are_beyond("state", points((1, 100), (1, 101)))
    assert newest.are_beyond("state", points((1, 102), (2, 5), (2, 6)))
    assert not newest.are_beyond("state", points((1, 103), (2, 6)))
    assert newest.are_beyond("cycle", points((1, 1)))
    assert not newest.are_beyond("cycle", points((1, 1))), (
        "a write that fails is tried again, and may be stored after all"
    )


def test_the_database_is_asked_once_for_a_measurement() -> None:
    asked: list[str] = []

    def ask(measurement: str) -> dict[int, int]:
        asked.append(measurement)
        return {}

    newest = Newest(ask)
    for t_ns in range(3):
        assert newest.are_beyond("state", points((1, t_ns)))
    assert asked == ["state"]


@pytest.mark.parametrize("stored", [True, False])
def test_a_write_that_fails_half_way_is_tried_again_and_stored_once(
    monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """Of two measurements the second fails: neither is there, and what was taken for new is so no longer."""
    batch = [Frame(name, {"a": "x"}, [5, 6], {"v": [1, 2]}) for name in "mn"]
    append = duck_sql.append

    def broken(measurement: str, fields: Iterable[str]) -> str:
        return "SELECT nothing" if measurement == "n" else append(measurement, fields)

    async def run() -> None:
        async with open_store("duckdb::memory:") as store:
            if stored:
                await store.write([Frame(name, {"a": "x"}, [1], {"v": [0]}) for name in "mn"])
            with monkeypatch.context() as patch:
                patch.setattr(duck_sql, "append", broken)
                with pytest.raises(RetryLater):
                    await store.write(batch)
            assert (await store.read(Query("m"))).time_ns == [1] * stored
            for _ in range(2):
                await store.write(batch)
            await store.write([Frame("m", {"a": "y"}, [5], {"v": [7]})])
            for name in "mn":
                table = await store.read(Query(name, where={"a": "x"}))
                assert table.time_ns == [1] * stored + [5, 6]

    asyncio.run(run())


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 99)), min_size=1, max_size=8),
        min_size=1,
        max_size=6,
    ),
    reopen=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_points_stay_single_in_any_order(batches: list[list[tuple[int, int, int]]], reopen: bool) -> None:
    """The last value of a point is what is read, also after the file was opened anew in between."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"duckdb:{Path(folder) / 'x.duckdb'}"

        async def run() -> dict[tuple[str, int], object]:
            for number in range(2 if reopen else 1):
                async with open_store(url) as store:
                    for batch in batches[number :: 2 if reopen else 1]:
                        await store.write([Frame("m", {"a": str(s)}, [t], {"v": [v]}) for s, t, v in batch])
                    if number == (1 if reopen else 0):
                        table = await store.read(Query("m"))
            assert len(set(zip(table.tags["a"], table.time_ns, strict=True))) == len(table)
            return dict(zip(zip(table.tags["a"], table.time_ns, strict=True), table.fields["v"], strict=True))

        found = asyncio.run(run())
    order = batches[0::2] + batches[1::2] if reopen else batches
    assert found == {(str(s), t): v for batch in order for s, t, v in batch}
