"""From rows to the device's messages: counters that add up, readings where they belong, any batch the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import KINDS, MAX_BYTES, MAX_INT, Birth, ConfigError, Death, Message, Meter, Telemetry, decode, encode
from simulator.csv_map import CsvMap
from simulator.csv_map_toml import parse_map
from simulator.csv_rows import Row
from simulator.replay import MAX_BATCH, Counters, Reading, batch_of, messages, readings, will

S = 10**9
KIND_OF = {type_: kind for kind, type_ in KINDS.items()}
INTERVAL = parse_map(
    """
[device]
address = "acme/mill/utilities/power/meter-1"
[time]
column = "t"
period_s = 60
[counters.energy_wh]
column = "kWh"
unit = "Wh"
split_by = "load"
labels = { low = "energy_wh_low", high = "energy_wh_high" }
[counters.gas_l]
column = "gas"
unit = "l"
reading = "cumulative"
[sensors.temp]
column = "T"
unit = "Cel"
low = 1
""",
    "m.toml",
)
CUMULATIVE = parse_map(
    """
device.address = "acme/mill/utilities/power/meter-1"
time.column = "t"
[counters.energy_wh]
column = "kWh"
unit = "Wh"
reading = "cumulative"
split_by = "load"
labels = { low = "energy_wh_low", high = "energy_wh_high" }
""",
    "m.toml",
)


def row(t_s: int, amount: int, label: str = "low", gas: int | None = 0, temp: float | None = 1.0, line: int = 2) -> Row:
    amounts = {"energy_wh": amount} if gas is None else {"energy_wh": amount, "gas_l": gas}
    samples = {} if gas is None else {"temp": temp}
    return Row(line, t_s * S, amounts, {"energy_wh": f"energy_wh_{label}"}, samples)


def spoken(rows: Sequence[Row], map_: CsvMap, batch: int) -> list[Message]:
    made = readings(rows, map_, Counters(map_, "f.csv"))
    said = list(messages(made, map_, boot="00ff00ff", economics=None, batch=batch))
    return [decode(KIND_OF[type(message)], encode(message)) for message in said]  # what a reader gets


def meter_rows(said: Sequence[Message]) -> list[tuple[int, dict[str, int]]]:
    return [(r.t // S, r.counters) for message in said if isinstance(message, Meter) for r in message.rows]


def test_a_life_from_birth_to_death() -> None:
    said = spoken([row(60, 5, gas=7), row(120, 3, "high", gas=9, temp=None), row(180, 1, gas=2)], INTERVAL, 10)
    birth, meter, telemetry, death = said
    assert [message.seq for message in said] == [1, 2, 3, 4]
    assert isinstance(birth, Birth)
    assert (birth.t, birth.role, birth.sensors["temp"].low) == (0, "meter", 1.0)
    units = {"energy_wh": "Wh", "gas_l": "l", "energy_wh_low": "Wh", "energy_wh_high": "Wh"}
    assert birth.counters == units
    assert meter_rows([meter]) == [
        (0, {"energy_wh": 0, "energy_wh_low": 0, "energy_wh_high": 0}),
        (60, {"energy_wh": 5, "gas_l": 7, "energy_wh_low": 5, "energy_wh_high": 0}),
        (120, {"energy_wh": 8, "gas_l": 9, "energy_wh_low": 5, "energy_wh_high": 3}),
        (180, {"energy_wh": 9, "gas_l": 2, "energy_wh_low": 6, "energy_wh_high": 3}),
    ]
    assert isinstance(telemetry, Telemetry)
    assert (telemetry.t, telemetry.values) == ([60 * S, 180 * S], {"temp": [1.0, 1.0]})
    assert isinstance(death, Death)
    assert (death.t, death.reason) == (180 * S, "end of the file")


def test_where_rows_are_missing_the_counter_stands_until_the_next_interval_begins() -> None:
    said = spoken([row(60, 5), row(600, 3)], INTERVAL, 10)
    energy = [(t, counters["energy_wh"]) for t, counters in meter_rows(said)]
    assert energy == [(0, 0), (60, 5), (540, 5), (600, 8)]


def test_a_meter_that_shows_readings_is_passed_on_and_its_resets_are_bridged_in_the_split() -> None:
    rows = [row(60, 100, gas=None), row(120, 130, "high", gas=None), row(180, 4, "low", gas=None)]
    counters = Counters(CUMULATIVE, "f.csv")
    made = list(readings(rows, CUMULATIVE, counters))
    assert [dict(r.counters) for r in made] == [
        {"energy_wh": 100, "energy_wh_low": 0, "energy_wh_high": 0},
        {"energy_wh": 130, "energy_wh_low": 0, "energy_wh_high": 30},
        {"energy_wh": 4, "energy_wh_low": 4, "energy_wh_high": 30},
    ]
    assert counters.increase == {"energy_wh": 34, "energy_wh_low": 4, "energy_wh_high": 30}


steps = st.tuples(
    st.integers(1, 5), st.integers(0, 10**9), st.sampled_from(["low", "high"]), st.none() | st.floats(-1e9, 1e9)
)


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=40), st.integers(1, 50))
def test_what_is_published_adds_up_and_does_not_depend_on_the_batch(
    plan: list[tuple[int, int, str, float | None]], batch: int
) -> None:
    rows, minute = [], 0
    for step, amount, label, temp in plan:
        minute += step
        rows.append(row(minute * 60, amount, label, temp=temp))
    said = spoken(rows, INTERVAL, batch)
    assert [message.seq for message in said] == list(range(1, len(said) + 1))
    read = meter_rows(said)
    assert all(a < b for (a, _), (b, _) in pairwise(read))
    risen = {name: read[-1][1][name] - read[0][1][name] for name in ("energy_wh", "energy_wh_low", "energy_wh_high")}
    assert risen["energy_wh"] == sum(amount for _, amount, _, _ in plan)
    assert risen["energy_wh_low"] == sum(amount for _, amount, label, _ in plan if label == "low")
    assert risen["energy_wh"] == risen["energy_wh_low"] + risen["energy_wh_high"]
    whole = spoken(rows, INTERVAL, 500)
    assert read == meter_rows(whole)
    samples = [(t, v) for m in said if isinstance(m, Telemetry) for t, v in zip(m.t, m.values["temp"], strict=True)]
    assert samples == [(r.t_ns, r.samples["temp"]) for r in rows if r.samples["temp"] is not None]


def test_no_rows_no_life() -> None:
    assert spoken([], INTERVAL, 10) == []


def test_last_words_can_be_chosen() -> None:
    made = [Reading(5, {"energy_wh": 1})]
    *_, death = messages(made, INTERVAL, boot="00ff00ff", economics=None, batch=1, last_words=lambda: "stopped")
    assert isinstance(death, Death)
    assert death.reason == "stopped"
    assert will("00ff00ff") == Death(boot="00ff00ff", seq=0, t=None, reason="connection lost")


def test_a_counter_too_large_for_the_wire_is_refused_with_its_line() -> None:
    rows = [row(60, MAX_INT), row(120, 1, line=3)]
    with pytest.raises(ConfigError, match=rf"f\.csv:3: energy_wh passes {MAX_INT}; take a larger unit"):
        spoken(rows, INTERVAL, 10)


@pytest.mark.parametrize("width", [1, 3, 40, 400])
def test_a_full_batch_of_the_longest_numbers_fits_into_a_message(width: int) -> None:
    tables = "".join(
        f'[counters.{"c" * 50}{i}]\ncolumn = "c"\nunit = "Wh"\nreading = "cumulative"\n'
        f'[sensors.{"s" * 50}{i}]\ncolumn = "s"\n'
        for i in range(width)
    )
    map_ = parse_map(f'device.address = "a/b/c/d/e"\ntime.column = "t"\n{tables}', "m.toml")
    batch = batch_of(map_)
    assert 1 <= batch <= MAX_BATCH
    counters, samples = dict.fromkeys(map_.counters, MAX_INT), dict.fromkeys(map_.sensors, -2.2250738585072014e-308)
    made = [Reading(2**63 - 1000 + i, counters, samples) for i in range(batch)]
    said = list(messages(made, map_, boot="f" * 32, economics=None, batch=batch))
    assert [type(message) for message in said] == [Birth, Meter, Telemetry, Death]
    assert max(len(encode(message)) for message in said) <= MAX_BYTES
