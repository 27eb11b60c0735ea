"""Fuzz target: any frame as line protocol, read back by a second parser and by a real InfluxDB: the same to the bit."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hunting import BUDGET_S, SEED
from hypothesis import given, settings
from hypothesis import strategies as st
from parsing import parse_lines
from servers import Influxd, find_program

from historian.base import MAX_TIME_NS, MIN_TIME_NS, RESERVED, Frame, Value
from historian.line_protocol import encode, given_tag

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name not in RESERVED)
NASTY = st.text(st.sampled_from(' ,="\\\n\r\t\0#%s{}⧵␤␍␀␛\u2028é中'), max_size=12)
TEXTS = NASTY | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COLUMNS = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=2, max_size=2),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=2, max_size=2),
    st.lists(TEXTS | st.none(), min_size=2, max_size=2),
    st.lists(st.booleans() | st.none(), min_size=2, max_size=2),
)
TIMES = st.lists(st.integers(MIN_TIME_NS, MAX_TIME_NS), min_size=2, max_size=2, unique=True)


@settings(deadline=None, max_examples=max(200, int(BUDGET_S * 100)))
@given(NAMES, st.dictionaries(NAMES, TEXTS, max_size=4), st.dictionaries(NAMES, COLUMNS, max_size=4), TIMES)
def test_fuzz_frames(
    measurement: str, tags: dict[str, str], fields: dict[str, list[Value | None]], times: list[int]
) -> None:
    fields = {name: column for name, column in fields.items() if name not in tags}
    points = parse_lines(encode([Frame(measurement, tags, times, fields)]))
    rows = [(t, {name: column[row] for name, column in fields.items() if column[row] is not None})
            for row, t in enumerate(times)]  # fmt: skip
    rows = [(t, row) for t, row in rows if row]
    assert [(p.time_ns, {n: repr(v) for n, v in p.fields.items()}) for p in points] == [
        (t, {name: repr(value) for name, value in row.items()}) for t, row in rows
    ]
    for point in points:
        assert point.measurement == measurement
        assert {name: given_tag(value) for name, value in point.tags.items()} == {n: v for n, v in tags.items() if v}


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    program = find_program("influxd")
    if program is None:
        pytest.skip("influxd is neither on the PATH nor in .servers/bin")
    server = Influxd(program, tmp_path_factory.mktemp("influxd"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_fuzz_lines_against_influxdb(influxd: Influxd, tmp_path: Path) -> None:
    """Hundreds of nasty series in a write; what InfluxDB exports must read as what was said."""
    from influx_oracle import ask  # noqa: PLC0415

    draw = random.Random(f"{SEED} lines")
    until = time.monotonic() + BUDGET_S
    seen = 0
    while time.monotonic() < until:
        bucket = influxd.new_bucket()
        said: dict[tuple[tuple[str, str], ...], tuple[str, float, int, bool]] = {}
        frames = []
        for number in range(300):
            tags = {name: _text(draw) for name in draw.sample(["machine", "line", "site"], draw.randint(1, 3))}
            series = tuple(sorted((name, value) for name, value in tags.items() if value))
            values = (_text(draw), draw.uniform(-1, 1) * 10.0 ** draw.randint(-300, 300), draw.getrandbits(63), True)
            if series in said:
                continue
            said[series] = values
            columns = dict(zip(("word", "number", "count", "truth"), ([value] for value in values), strict=True))
            frames.append(Frame("state", tags, [number + 1], columns))
        influxd.write(bucket, encode(frames))
        found = {}
        for one in ask(influxd, bucket, 'SELECT word, number, "count", truth FROM "state" GROUP BY *'):
            key = tuple(sorted((name, given_tag(value)) for name, value in one["tags"].items() if value))
            (_, word, value, count, truth), *more = one["values"]
            assert not more
            found[key] = (word, float(value), count, truth)
        assert found == said
        assert [s["values"] for s in ask(influxd, bucket, "SHOW MEASUREMENTS")] == [[["state"]]]
        influxd.drop_bucket(bucket)
        seen += len(said)
    print(f"{seen} series")
    assert seen > 300


def _text(draw: random.Random) -> str:
    alphabet = ' ,="\\\n\r\t\0#%s{}⧵␤␍␀␛\u2028é中abc\u0301\U0001f600'
    return "".join(draw.choice(alphabet) for _ in range(draw.randint(0, 10)))
