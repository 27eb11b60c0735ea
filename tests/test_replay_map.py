"""The map of `qilu replay`: what it holds, and that a wrong one is refused with the key and the next step."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from contract import ConfigError
from simulator.csv_map_toml import keys_table, parse_map

ROOT = Path(__file__).parents[1]
BASE = """
[device]
address = "acme/mill/utilities/power/meter-1"
[time]
column = "t"
period_s = 900
[counters.energy_wh]
column = "kWh"
unit = "Wh"
factor = 1000
[sensors.temperature]
column = "T"
"""


def test_the_map_is_typed_and_its_numbers_are_exact() -> None:
    map_ = parse_map(BASE.replace("factor = 1000", "factor = 0.1"), "m.toml")
    assert map_.counters["energy_wh"].factor == Decimal("0.1")
    assert map_.address.path == "acme/mill/utilities/power/meter-1"
    assert map_.period_ns == 900 * 10**9
    assert map_.units == {"energy_wh": "Wh"}
    assert map_.columns == ["t", "T", "kWh"]


@pytest.mark.parametrize("name", ["examples/steel.toml", "tests/data/replay/mill.toml"])
def test_the_maps_of_the_repository_are_right(name: str) -> None:
    map_ = parse_map((ROOT / name).read_text(encoding="utf-8"), name)
    assert map_.tariff is not None
    assert len(map_.units) == len(map_.counters) + sum(len(c.labels) for c in map_.counters.values())


def test_a_meter_that_shows_readings_needs_no_period() -> None:
    text = BASE.replace("period_s = 900\n", "").replace("factor = 1000", 'reading = "cumulative"')
    assert parse_map(text, "m.toml").period_ns == 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[device]", "[devise]", "unknown key devise; did you mean device?"),
        (
            'column = "kWh"',
            'colum = "kWh"',
            "unknown key counters.energy_wh.colum; did you mean counters.energy_wh.column?",
        ),
        ("period_s = 900", "interval = 900", "unknown key time.interval; known are column, format"),
        ("period_s = 900", '"a\\u001bb" = 1', "unknown key time.'a\\x1bb'"),
        ("period_s = 900", "period_s = 0", "`int` >= 1 at `time.period_s`"),
        ("period_s = 900", 'period_s = "900"', "at `time.period_s`"),
        ("period_s = 900", "", "counters.energy_wh has interval amounts: set time.period_s"),
        ('column = "t"', "", "missing required field `column` at `time`"),
        ('unit = "Wh"', 'unit = "kWh"', "counters.energy_wh counts Wh, not 'kWh'"),
        ("factor = 1000", "factor = 0", "factor: 0 is not between 0 and 1000000000"),
        ("factor = 1000", "factor = nan", "factor: NaN is not between"),
        ("factor = 1000", "factor = inf", "factor: Infinity is not between"),
        ("factor = 1000", 'split_by = "kind"', "split_by and labels go together"),
        ("factor = 1000", "labels = { a = 'energy_a' }", "split_by and labels go together"),
        ("factor = 1000", "split_by = 'k'\nlabels = { a = 'energy_wh' }", "two counters have the name 'energy_wh'"),
        ("factor = 1000", "split_by = 'k'\nlabels = { a = 'Energy' }", "matching regex"),
        ("counters.energy_wh", "counters.machine", "the name 'machine' is reserved"),
        ("counters.energy_wh", 'counters."energy Wh"', "matching regex"),
        ('column = "T"', 'column = "T"\nlow = nan', "sensors.temperature: low and high must be numbers"),
        ("utilities/power/", "utilities/", "device.address: 'acme/mill/utilities/meter-1' has 4 levels, not 5"),
        ("period_s = 900", 'period_s = 900\ntimezone = "Asia/Soul"', "time.timezone: no time zone 'Asia/Soul'"),
        ("period_s = 900", 'period_s = 900\ntimezone = "../etc"', "time.timezone: no time zone"),
        ("period_s = 900", 'period_s = 900\nformat = "epoch"', "neither a strptime format; did you mean epoch_"),
        ("period_s = 900", 'period_s = 900\nformat = "%d/%m %H:%M"', "does not give the year, the month and the day"),
        ("period_s = 900", 'period_s = 900\nformat = "%d/%m/%Q"', "does not read what it writes"),
        ("period_s = 900", 'period_s = 900\nformat = "epoch_s"\nbackward = "end_of_day"', "not with epoch_s"),
        ("period_s = 900", 'period_s = 900\nbackward = "ignore"', "Invalid enum value 'ignore' at `time.backward`"),
        ("[time]", '[csv]\nencoding = "base64"\n[time]', "'base64' is no text encoding"),
        ("[time]", '[csv]\nencoding = "utf-88"\n[time]', "'utf-88' is no text encoding"),
        ("[time]", '[csv]\ndecimal = ","\n[time]', "csv.delimiter ',' is a quote, a line's end or csv.decimal"),
        ("[time]", '[csv]\ndelimiter = "; "\n[time]', "at `csv.delimiter`"),
        ("[counters.energy_wh]", "[tariff]\nname = 'x'\n[counters.water_l]", "there is no [counters.energy_wh]"),
        ("period_s = 900", 'period_s = 900\nformat = "%Y-%m-%d %H:%d"', "does not read what it writes: redefinition"),
        ("[time]", "[time", "is not TOML"),
        ("factor = 1000", "factor = 1" + "0" * 5000, "is not TOML"),
        ("factor = 1000", "factor = " + "[" * 5000, "is not TOML"),
        ("factor = 1000", "factor = 1e9999999999999999999", "is not TOML"),
    ],
)
def test_a_wrong_map_is_refused_with_the_key_and_the_next_step(before: str, after: str, words: str) -> None:
    assert before in BASE
    with pytest.raises(ConfigError) as refused:
        parse_map(BASE.replace(before, after), "maps/m.toml")
    message = str(refused.value)
    assert message.startswith("maps/m.toml")
    assert words in message
    assert message.isprintable()


def test_nothing_to_publish_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing would be published"):
        parse_map(BASE.split("[counters", maxsplit=1)[0], "m.toml")


def test_more_than_one_message_can_carry_is_refused() -> None:
    many = "".join(f'[sensors.s{i}]\ncolumn = "T"\n' for i in range(500))
    with pytest.raises(ConfigError, match="501 sensors, at most 500 are allowed; make it two devices"):
        parse_map(BASE + many, "m.toml")


def test_the_table_in_the_documentation_is_the_one_of_the_code() -> None:
    page = (ROOT / "docs/replay.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- keys: .* -->\n(.*?)\n<!-- end of keys -->", page, re.DOTALL)
    assert found is not None
    assert found[1] == keys_table()
