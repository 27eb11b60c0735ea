"""From the text of a CSV to exact rows: numbers, times that go forward, labels, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import MAX_INT, ConfigError
from simulator.csv_cells import BadCell, number, scaled
from simulator.csv_map_toml import parse_map
from simulator.csv_rows import Row, Tally, read_rows

HERE = Path(__file__).parent / "data/replay"
MAP = """
[device]
address = "acme/mill/utilities/power/meter-1"
[time]
column = "t"
period_s = 3600
[csv]
[counters.energy_wh]
column = "kWh"
unit = "Wh"
factor = 1000
[sensors.temp]
column = "T"
"""


def read(text: str, map_text: str = MAP) -> tuple[list[Row], Tally]:
    tally = Tally()
    rows = list(read_rows(text.splitlines(keepends=True), parse_map(map_text, "m.toml"), "f.csv", tally))
    return rows, tally


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


def test_a_file_of_another_country() -> None:
    map_ = parse_map((HERE / "mill.toml").read_text(encoding="utf-8"), "mill.toml")
    tally = Tally()
    with (HERE / "mill.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(read_rows(lines, map_, "mill.csv", tally))
    berlin = ["2018-03-24 23:00", "2018-03-24 23:30", "2018-03-25 00:00", "2018-03-25 00:30"]
    assert [row.t_ns for row in rows] == [at(text, "Europe/Berlin") for text in berlin]
    assert [row.amounts["energy_wh"] for row in rows] == [1250, 5, 3000, 0]
    assert [row.labels["energy_wh"][10:] for row in rows] == ["light", "heavy", "heavy", "light"]
    assert [row.samples["temperature"] for row in rows] == [20.5, None, -1.5, 21.0]
    assert [row.line for row in rows] == [2, 3, 4, 5]
    assert (tally.rows, tally.backward, tally.stale, tally.bad, tally.gaps) == (4, 1, 0, 0, 0)
    assert (tally.first_ns, tally.last_ns) == (rows[0].t_ns, rows[-1].t_ns)


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=10**12, places=3))
def test_amounts_are_exact_or_refused(value: Decimal) -> None:
    assert scaled("c", f"{value:f}", ".", Decimal(1000)) == int(value * 1000)
    assert scaled("c", f"{value:f}".replace(".", ","), ",", Decimal(1000)) == int(value * 1000)
    with pytest.raises(BadCell, match="finer than the counter"):
        scaled("c", f"{value:f}1", ".", Decimal(1000))


@pytest.mark.parametrize(
    "text", ["1_000", "٣", "NaN", "inf", "0x10", "1,5", "1 000", "--1", ".", "1e9999", "9" * 41, "", "="]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match="is no number with the decimal sign"):
        number("c", text, ".")


def test_a_fraction_needs_no_zero_before_its_point() -> None:
    assert number("c", ".5", ".") == number("c", "-,5", ",").copy_abs() == Decimal("0.5")


def test_a_point_is_no_decimal_comma() -> None:
    assert number("c", " 1,5 ", ",") == Decimal("1.5")
    with pytest.raises(BadCell):
        number("c", "1.5", ",")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("2018-01-01T02:00Z,3.1234,1", "f.csv:3: column 'kWh': '3.1234' is finer than the counter"),
        ("2018-01-01T02:00Z,-1,1", "f.csv:3: column 'kWh': '-1' is negative"),
        ("2018-01-01T02:00Z,,1", "f.csv:3: column 'kWh': '' is no number"),
        ("2018-01-01T02:00Z,1e300,1", "f.csv:3: column 'kWh': '1e300' is too large"),
        ("2018-01-01T02:00Z,9007199254740.992,1", f"is 9007199254740992 Wh, more than {MAX_INT}"),
        ("2018-01-01T02:00Z,1,x\x1b[31m", r"f.csv:3: column 'T': 'x\x1b[31m' is no number"),
        ("2018-01-01T02:00Z,1,1e999", "f.csv:3: column 'T': '1e999' is too large for a sample"),
        ("2018-01-01T02:00:00.1234567891Z,1,1", "'2018-01-01T02:00:00.1234567891Z' is finer than a nanosecond"),
        ("2018-01-01T02:00Z,1", "f.csv:3: 2 cells, and the header has 3"),
        ("yesterday,1,1", "f.csv:3: column 't': 'yesterday' is no time of the form iso"),
        ("2018-01-01T01:00Z,1,1", "f.csv:3: column 't': '2018-01-01T01:00Z' lies not after the row before"),
        ("2018-01-01T01:30Z,1,1", "ends an interval of 3600 s that begins before the row before ended"),
        ("1800-01-01T01:30Z,1,1", "is not between 1970 and 2261"),
        ("9999-12-31T23:59-12:00,1,1", "is not between 1970 and 2261"),
    ],
)
def test_a_bad_row_is_named_or_left_out(cells: str, words: str) -> None:
    text = f"t,kWh,T\n2018-01-01T01:00Z,1,1\n{cells}\n2018-01-01T03:00Z,2,2\n"
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert words in str(refused.value)
    assert 'csv.on_bad_row = "skip"' in str(refused.value)
    assert str(refused.value).isprintable()
    rows, tally = read(text, MAP.replace("[csv]", '[csv]\non_bad_row = "skip"'))
    assert [row.line for row in rows] == [2, 4]
    assert (tally.rows, tally.bad, tally.stale, tally.gaps) == (2, 1, 0, 1)
    assert words in tally.problems[0]


def test_nanoseconds_are_kept() -> None:
    """Two samples within a microsecond, in an hour that daylight saving repeats: nothing is cut off, nothing moves."""
    stamps = ["2018-10-28T02:30:00.1234567", "2018-10-28T02:30:00.123456789", "2018-10-28T02:30:00.1"]
    map_text = MAP.replace("[csv]", 'timezone = "Europe/Berlin"\n[csv]').partition("[counters")[0]
    rows, _ = read("t,T\n" + "".join(f"{t},1\n" for t in stamps), map_text + '[sensors.temp]\ncolumn = "T"\n')
    first = at("2018-10-28T00:30")
    assert [row.t_ns - first for row in rows] == [123_456_700, 123_456_789, 3600 * 10**9 + 100_000_000]


def test_digits_of_a_date_are_no_nanoseconds() -> None:
    text = "t,kWh,T\n31.1220182300,1,1\n"
    rows, _ = read(text, MAP.replace("[csv]", 'format = "%d.%m%Y%H%M"\n[csv]'))
    assert rows[0].t_ns == at("2018-12-31T23:00")


def test_a_text_without_its_mark_is_refused() -> None:
    lines = iter(("t,kWh,T\n",))

    def broken() -> Iterator[str]:
        yield from lines
        raise UnicodeError("UTF-16 stream does not start with BOM")

    with pytest.raises(ConfigError, match=r"near line 2: UTF-16 stream does not start with BOM; set csv\.encoding"):
        list(read_rows(broken(), parse_map(MAP, "m.toml"), "f.csv", Tally()))


def test_rows_that_lie_not_after_the_one_before_can_be_left_out() -> None:
    text = "t,kWh,T\n2018-01-01T01:00Z,1,1\n2018-01-01T01:00Z,9,9\n2018-01-01T00:00Z,9,9\n2018-01-01T02:00Z,2,2\n"
    rows, tally = read(text, MAP.replace("[csv]", 'backward = "skip"\n[csv]'))
    assert [row.amounts["energy_wh"] for row in rows] == [1000, 2000]
    assert (tally.rows, tally.backward, tally.stale, tally.bad, tally.gaps) == (2, 2, 2, 0, 0)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "f.csv:1: no header line"),
        ("t,KWh,T", "f.csv:1: no column 'kWh'; did you mean KWh?"),
        ("t,kWh,T,T", "f.csv:1: 2 columns are named 'T'"),
        ('t,"kWh,T\n1,2', "no CSV: unexpected end of data; is a quotation mark left open there?"),
    ],
)
def test_a_wrong_header_is_refused(header: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(header)
    assert words in str(refused.value)


def test_an_open_quotation_mark_is_named_by_the_line_where_it_opens() -> None:
    body = "".join(f"2018-01-01T{h:02}:00Z,1,1\n" for h in range(3, 24)) * 500
    with pytest.raises(ConfigError, match=r"f\.csv:2: no CSV"):
        read(f't,kWh,T\n2018-01-01T01:00Z,"1,1\n{body}')


def test_empty_lines_and_a_byte_order_mark_say_nothing() -> None:
    rows, tally = read('\ufeff"t",kWh,T\n\n2018-01-01T01:00Z,1,1\n\n')
    assert (len(rows), tally.rows, tally.bad) == (1, 1, 0)


def test_text_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("t,kWh,T\n2018-01-01T01:00Z,1,°\n".encode("cp1252"))
    with (
        path.open(encoding="utf-8", newline="") as lines,
        pytest.raises(ConfigError, match=r"set csv\.encoding, now utf-8"),
    ):
        list(read_rows(lines, parse_map(MAP, "m.toml"), "f.csv", Tally()))


@pytest.mark.parametrize(
    ("form", "cell", "expected_ns"),
    [
        ("iso", "2018-01-01 01:00", at("2018-01-01 01:00", "Asia/Seoul")),
        ("iso", "2018-01-01T01:00:00.250+02:00", at("2017-12-31 23:00") + 250_000_000),
        ("%Y%m%dT%H%M%z", "20180101T0100+0900", at("2017-12-31 16:00")),
        ("epoch_s", "1514764800.25", 1514764800_250_000_000),
        ("epoch_ms", "1514764800001", 1514764800_001_000_000),
        ("epoch_us", "1514764800000001", 1514764800_000_001_000),
        ("epoch_ns", "1514764800000000001", 1514764800_000_000_001),
    ],
)
def test_the_forms_of_time(form: str, cell: str, expected_ns: int) -> None:
    rows, _ = read(f"t,kWh,T\n{cell},1,1\n", MAP.replace("[csv]", f'format = "{form}"\ntimezone = "Asia/Seoul"\n[csv]'))
    assert [row.t_ns for row in rows] == [expected_ns]


BERLIN = MAP.replace("[csv]", 'timezone = "Europe/Berlin"\n[csv]')


def test_the_hour_that_comes_twice_is_told_apart_by_order() -> None:
    local = ["2018-10-28 01:00", "2018-10-28 02:00", "2018-10-28 02:00", "2018-10-28 03:00"]
    rows, tally = read("t,kWh,T\n" + "".join(f"{text},1,1\n" for text in local), BERLIN)
    assert [row.t_ns for row in rows] == [at("2018-10-27 23:00") + hour * 3600 * 10**9 for hour in range(4)]
    assert (tally.backward, tally.gaps) == (1, 0)


def test_the_hour_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no time in Europe/Berlin, where the clocks go forward"):
        read("t,kWh,T\n2018-03-25 02:30,1,1\n", BERLIN)


CHANGES = [datetime(2018, 3, 11), datetime(2018, 11, 4), datetime(1988, 5, 8), datetime(1988, 10, 9)]
near_a_change = st.builds(
    lambda day, hours: day - timedelta(hours=hours), st.sampled_from(CHANGES), st.integers(-20, 40)
)


@settings(deadline=None)
@given(
    near_a_change | st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
    st.sampled_from(["Asia/Seoul", "America/New_York"]),
)
def test_the_local_clock_read_row_by_row_gives_the_hours_of_the_world(start: datetime, zone: str) -> None:
    """Forty true hours in a row, written by the local clock and read back, through any change of the clocks."""
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    moments = [first + timedelta(hours=hour) for hour in range(40)]
    lines = [f"{m.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()},1,1\n" for m in moments]
    local = datetime.fromisoformat(lines[0].split(",")[0]).replace(tzinfo=ZoneInfo(zone), fold=1)
    moved = local.utcoffset() != local.replace(fold=0).utcoffset()
    rows, _ = read("t,kWh,T\n" + "".join(lines), MAP.replace("[csv]", f'timezone = "{zone}"\n[csv]'))
    # A file that begins in the second pass of an hour cannot say so; its first row is taken for the first pass.
    skip = 1 if moved else 0
    assert [row.t_ns for row in rows][skip:] == [int(m.timestamp()) * 10**9 for m in moments][skip:]


def test_reading_is_streaming() -> None:
    def endless() -> Iterator[str]:
        yield "t,kWh,T\n"
        hour = 0
        while True:
            hour += 1
            yield f"{hour * 3600},1,1\n"

    stream = read_rows(endless(), parse_map(MAP.replace("[csv]", 'format = "epoch_s"\n[csv]'), "m"), "f", Tally())
    assert [next(stream).line for _ in range(1000)][-1] == 1001
