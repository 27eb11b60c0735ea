r"""The laws of a historian: what any back end must do.

What it is: asynchronous functions that take ``fresh``, a function that makes a new and empty historian, and raise
AssertionError when it breaks the law. The tests run them on every back end of ours; a newcomer runs them on his own:

>>> import asyncio
>>> from historian import ModelHistorian
>>> for law in LAWS:
...     asyncio.run(law(ModelHistorian))

What it is not: a measure of speed (see ``bench/historian.py``), nor of what survives a crash (see the tests of each
back end).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from numpy.random import default_rng

from historian.base import MAX_TIME_NS, MIN_TIME_NS, Frame, Historian, Query, Table, Value
from historian.check_tools import T0, TEXTS, equal, random_frame, random_query, rejected_by, same
from historian.model import ModelHistorian

Fresh = Callable[[], Historian]
Law = Callable[[Fresh], Awaitable[None]]

_S: Final = 1_000_000_000


async def every_type_comes_back(fresh: Fresh) -> None:
    """Floats, integers, texts and truths are read as they were written, each with its type."""
    fields: dict[str, list[Value | None]] = {
        "rate": [0.1, -0.0, 1.0, 5e-324, 1.7976931348623157e308, 1e20, -123456.789],
        "count": [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 7],
        "text": ["", "x", "1.0", "true", "NULL", "None", "é"],
        "flag": [True, False, True, True, False, False, True],
    }
    times = [T0 + n for n in range(7)]
    async with fresh() as store:
        await store.write([Frame("m", {"machine": "a"}, times, fields)])
        table = await store.read(Query("m"))
    same(table, Table(times, {"machine": ["a"] * 7}, dict(sorted(fields.items()))))
    for name, column in fields.items():
        equal([type(v) for v in table.fields[name]], [type(v) for v in column], f"types of {name}")


async def any_text_comes_back(fresh: Fresh) -> None:
    """Tag values and string fields hold any text, and ``where`` finds it."""
    frames = [Frame("m", {"machine": text}, [T0], {"text": [text]}) for text in TEXTS]
    async with fresh() as store:
        await store.write(frames)
        equal((await store.read(Query("m"))).tags, {"machine": sorted(TEXTS)}, "tag values, in order")
        equal((await store.read(Query("m"))).fields, {"text": sorted(TEXTS)}, "string fields")
        for text in TEXTS:
            found = await store.read(Query("m", where={"machine": text}))
            equal(found.fields["text"], [text], f"points where machine is {text!r}")
        both = await store.read(Query("m", where={"machine": (TEXTS[1], TEXTS[6])}))
        equal(len(both), 2, "points of two machines with odd names")


async def writing_twice_is_writing_once(fresh: Fresh) -> None:
    """A batch may be written again, whole or in part, in one batch or in two, also behind newer points."""
    frame = Frame("m", {"machine": "a"}, [T0, T0 + 1], {"good": [1, 2], "text": ["x", None]})
    async with fresh() as store:
        await store.write([frame])
        once = await store.read(Query("m"))
        await store.write([frame, frame])
        same(await store.read(Query("m")), once)
        equal(await store.count("m", _S, T0, T0 + _S), {T0: 2}, "count")
        await store.write([Frame("m", {"machine": "a"}, [T0 + 2], {"good": [3]})])
        await store.write([frame])
        equal((await store.read(Query("m"))).fields, {"good": [1, 2, 3], "text": ["x", None, None]}, "late repeats")


async def fields_merge(fresh: Fresh) -> None:
    """Writing a point sets the fields given and leaves the others; the later value wins, inside a batch too."""
    tags = {"machine": "a"}
    async with fresh() as store:
        await store.write([Frame("m", tags, [T0], {"a": [1], "b": [1]})])
        await store.write([Frame("m", tags, [T0], {"b": [2], "c": ["new"]})])
        row = {"a": [1], "b": [2], "c": ["new"]}
        equal((await store.read(Query("m"))).fields, row, "fields after two writes")
        twice = Frame("m", tags, [T0 + 1, T0 + 1], {"a": [1, None], "b": [1, 3]})
        await store.write([twice, Frame("m", tags, [T0 + 1], {"a": [None], "c": ["last"]})])
        table = await store.read(Query("m", start_ns=T0 + 1))
        equal(table.fields, {"a": [1], "b": [3], "c": ["last"]}, "fields written thrice in one batch")


async def order_does_not_matter(fresh: Fresh) -> None:
    """Distinct points give the same table in any order, old after new, however they are cut into batches."""
    frames = [Frame("m", {"machine": f"m-{n % 3}"}, [T0 + n * _S, T0 + n * _S + 1], {"n": [n, -n]}) for n in range(30)]
    shuffled = [frames[place] for place in default_rng(1).permutation(len(frames))]
    async with fresh() as one, fresh() as other:
        await one.write(frames)
        for start in range(0, len(shuffled), 7):
            await other.write(shuffled[start : start + 7])
        same(await other.read(Query("m")), await one.read(Query("m")))


async def time_is_half_open_and_exact(fresh: Fresh) -> None:
    """``start_ns <= time < end_ns`` to the nanosecond, over all times that are stored."""
    times = [MIN_TIME_NS, -1, 0, 1, T0 - 1, T0, T0 + 1, MAX_TIME_NS]
    async with fresh() as store:
        await store.write([Frame("m", {}, times, {"n": list(range(8))})])
        equal((await store.read(Query("m"))).time_ns, times, "all times")
        for start, end, wanted in (
            (T0, T0 + 1, [T0]),
            (T0, T0, []),
            (-1, 1, [-1, 0]),
            (None, 0, times[:2]),
            (T0 + 1, None, times[6:]),
            (-(2**70), 2**70, times),
            (MAX_TIME_NS, MAX_TIME_NS + 1, times[7:]),
        ):
            table = await store.read(Query("m", start_ns=start, end_ns=end))
            equal(table.time_ns, wanted, f"times in [{start}, {end})")


async def where_chooses_series(fresh: Fresh) -> None:
    """One or several values per tag, all tags at once; an absent tag is an empty string; a field is no tag."""
    frames = [
        Frame("m", {"line": line, "machine": machine}, [T0], {"n": [n], "kind": ["a"]})
        for n, (line, machine) in enumerate([("x", "a"), ("x", "b"), ("y", "a"), ("", "c")])
    ]
    async with fresh() as store:
        await store.write(frames)
        cases: tuple[tuple[dict[str, str | tuple[str, ...]], list[int]], ...] = (
            ({}, [3, 0, 1, 2]),
            ({"line": "x"}, [0, 1]),
            ({"line": ("x", "y"), "machine": "a"}, [0, 2]),
            ({"line": ""}, [3]),
            ({"line": ("", "y")}, [3, 2]),
            ({"line": ()}, []),
            ({"line": "nosuch"}, []),
            ({"nosuch": "x"}, []),
            ({"nosuch": "", "machine": "c"}, [3]),
            ({"kind": "a"}, []),
            ({"machine": ("a' OR 'a' = 'a", "b")}, [1]),
        )
        for where, wanted in cases:
            table = await store.read(Query("m", where=where))
            equal(table.fields["n"], wanted, f"points where {where}")


async def last_is_the_newest_of_each_series(fresh: Fresh) -> None:
    """``last`` gives one row per series: the newest in the range that has one of the fields."""
    a = Frame("m", {"machine": "a"}, [T0, T0 + 1, T0 + 2], {"x": [1, 2, None], "y": [None, None, "end"]})
    b = Frame("m", {"machine": "b"}, [T0 + 5], {"x": [9]})
    async with fresh() as store:
        await store.write([a, b])
        table = await store.read(Query("m", last=True))
        equal(table.time_ns, [T0 + 2, T0 + 5], "newest points")
        equal(table.fields, {"x": [None, 9], "y": ["end", None]}, "their fields")
        equal((await store.read(Query("m", ("x",), last=True))).time_ns, [T0 + 1, T0 + 5], "newest with x")
        equal((await store.read(Query("m", end_ns=T0 + 1, last=True))).time_ns, [T0], "newest before")


async def fields_are_those_asked_for(fresh: Fresh) -> None:
    """The fields asked for, in their order; a point with none of them is no row; an unknown one is None."""
    async with fresh() as store:
        frame = Frame("m", {"machine": "a"}, [1, 2, 3, 4], {"x": [1, None, 3, None], "y": [None, "b", "c", None]})
        await store.write([frame])
        equal((await store.read(Query("m"))).time_ns, [1, 2, 3], "a row of None is no point")
        table = await store.read(Query("m", ("y", "x")))
        equal(list(table.fields.items()), [("y", [None, "b", "c"]), ("x", [1, None, 3])], "two fields")
        equal((await store.read(Query("m", ("x",)))).time_ns, [1, 3], "rows that have x")
        table = await store.read(Query("m", ("nosuch", "x")))
        equal(table.fields, {"nosuch": [None, None], "x": [1, 3]}, "an unknown field")
        equal(len(await store.read(Query("m", ("nosuch",)))), 0, "only an unknown field")
        equal(list((await store.read(Query("m", end_ns=2))).fields), ["x"], "fields that the rows have")


async def what_is_missing_is_empty(fresh: Fresh) -> None:
    """No measurement, no point, no frame: no error."""
    async with fresh() as store:
        same(await store.read(Query("nosuch")), Table([], {}, {}))
        same(await store.read(Query("nosuch", ("x",), {"machine": "a"}, 0, 9, last=True)), Table([], {}, {"x": []}))
        equal(await store.count("nosuch", 60, 0, 600), {}, "count of nothing")
        await store.write([])
        await store.write([Frame("m", {}, [], {"x": []}), Frame("m", {}, [1], {"x": [None]}), Frame("m", {}, [1], {})])
        same(await store.read(Query("m")), Table([], {}, {}))
        await store.write([Frame("m", {"machine": ""}, [1], {"x": [1]})])
        same(await store.read(Query("m")), Table([1], {}, {"x": [1]}))


async def count_counts_points(fresh: Fresh) -> None:
    """Windows are multiples of their length since 1970; the range is half-open; empty windows are left out."""
    async with fresh() as store:
        for machine in "ab":
            times = [T0 + n * _S for n in (0, 1, 59, 60, 200)]
            await store.write([Frame("m", {"machine": machine}, times, {"n": [1] * 5, "x": [1, None, 1, None, 1]})])
        minute = 60 * _S
        first = T0 // minute * minute
        counts = await store.count("m", minute, T0, T0 + 200 * _S)
        wanted = {first: 0, first + minute: 0, first + 2 * minute: 0}
        for n in (0, 1, 59, 60):
            wanted[(T0 + n * _S) // minute * minute] += 2
        equal(counts, {window: number for window, number in wanted.items() if number}, "points per minute")
        equal(sum((await store.count("m", minute, T0, T0 + 201 * _S)).values()), 10, "all points")
        times = [-1, 0, MAX_TIME_NS]
        await store.write([Frame("far", {}, times, {"n": [1, 2, 3]})])
        wanted = {time // minute * minute: 1 for time in times}
        equal(await store.count("far", minute, -(2**70), 2**70), wanted, "points of the past and the future")


async def other_types_are_refused(fresh: Fresh) -> None:
    """A field keeps its type; frames with another are named, and all others are stored."""
    tags = {"machine": "a"}
    bad_time = Frame("m", tags, [2**63 - 1], {"n": [1]})
    bad_text = Frame("m", tags, [T0], {"text": ["\ud800"]})
    async with fresh() as store:
        await store.write([Frame("m", tags, [T0], {"n": [1], "x": [1.0], "text": ["a"]})])
        good = [Frame("m", {"machine": f"g{n}"}, [T0 + n], {"n": [n], "x": [n / 2]}) for n in range(20)]
        bad = [Frame("m", tags, [T0 + 1], {"n": ["one"]}), Frame("m", tags, [T0 + 2], {"x": [1]}), bad_time, bad_text]
        batch = [*good[:3], bad[0], *good[3:9], bad[1], *good[9:], bad[2], bad[3]]
        rejected = await rejected_by(store, batch)
        equal([index for index, _ in rejected], [3, 10, 22, 23], "frames refused")
        equal(all(reason for _, reason in rejected), True, "each with a reason")
        table = await store.read(Query("m", where={"machine": tuple(f"g{n}" for n in range(20))}))
        equal(sorted(n for n in table.fields["n"] if isinstance(n, int)), list(range(20)), "all others are stored")
        equal([index for index, _ in await rejected_by(store, bad[:1])], [0], "a batch of one bad frame")
        await store.write(good)


async def a_large_batch_is_stored(fresh: Fresh) -> None:
    """50 000 points in one batch, and all of them in one answer."""
    times, rows = [T0 + row * _S for row in range(1000)], list(range(1000))
    frames = [Frame("m", {"machine": f"m-{n}"}, times, {"n": rows, "x": [0.5] * 1000}) for n in range(50)]
    async with fresh() as store:
        await store.write(frames)
        table = await store.read(Query("m"))
        equal(len(table), 50_000, "points")
        equal(table.fields["n"], rows * 50, "values, in order")
        equal(sum((await store.count("m", 3600 * _S, T0, T0 + 1000 * _S)).values()), 50_000, "count")


async def writers_and_readers_meet(fresh: Fresh) -> None:
    """Several writers and readers at once, each with new fields: nothing is lost, no reader sees half a frame."""
    async with fresh() as store:

        async def write(writer: int) -> None:
            for n in range(10):
                times = [T0 + n * 10 + k for k in range(5)]
                fields: dict[str, list[int]] = {"n": [n] * 5, f"only_{writer}": [n] * 5}
                await store.write([Frame("m", {"machine": f"w{writer}"}, times, fields)])

        async def look() -> None:
            for _ in range(10):
                table = await store.read(Query("m"))
                frames = list(zip(table.tags["machine"], table.fields["n"], strict=True))
                equal({frames.count(frame) for frame in frames} <= {5}, True, "whole frames")

        await asyncio.gather(*(write(writer) for writer in range(4)), look(), look())
        equal(len(await store.read(Query("m"))), 200, "points of four writers")


async def it_agrees_with_the_model(fresh: Fresh) -> None:
    """A random history, written in random batches, answers random questions as the model does."""
    rng = default_rng(7)
    async with fresh() as store, ModelHistorian() as model:
        for _ in range(8):
            batch = [random_frame(rng) for _ in range(1 + rng.integers(12))]
            await store.write(batch)
            await model.write(batch)
        for _ in range(40):
            query = random_query(rng)
            same(await store.read(query), await model.read(query), str(query))


async def closing_twice_is_closing_once(fresh: Fresh) -> None:
    """``close`` may be called again, used or not."""
    store = fresh()
    await store.close()
    await store.close()
    async with fresh() as store:
        await store.write([Frame("m", {}, [1], {"x": [1]})])
        await store.close()


LAWS: Final[tuple[Law, ...]] = (
    every_type_comes_back,
    any_text_comes_back,
    writing_twice_is_writing_once,
    fields_merge,
    order_does_not_matter,
    time_is_half_open_and_exact,
    where_chooses_series,
    last_is_the_newest_of_each_series,
    fields_are_those_asked_for,
    what_is_missing_is_empty,
    count_counts_points,
    other_types_are_refused,
    a_large_batch_is_stored,
    writers_and_readers_meet,
    it_agrees_with_the_model,
    closing_twice_is_closing_once,
)
