"""Faults as they are asked for: durations, three forms of one fault, and commands."""

from __future__ import annotations

import json

import pytest
from fault_cases import BOOT, SENSORS, faults, lengths, text_of_fault
from hypothesis import given
from hypothesis import strategies as st

from contract import Address, Command, CommandRow, decode, encode
from service.datafile import parse
from simulator import durations
from simulator.actions import ARGUMENTS, Inject, Maintain, SetDispatch, SetPriority, Start, Stop, action_of
from simulator.durations import SECOND_NS, duration_ns, moment_ns, start_ns
from simulator.fault_kinds import FAULTS
from simulator.faults import Fault, fault_of_text

HERE = Address("acme", "plant-1", "production", "line-1", "stamp-1")
GATEWAY = Address("acme", "plant-1", "production", "line-1", "gateway")
ZERO = 1_772_380_800 * SECOND_NS
MINUTE = 60 * SECOND_NS


# Durations and times


@given(st.integers(0, durations.LONGEST_NS // 1_000_000))
def test_a_duration_is_the_sum_of_its_parts(ms: int) -> None:
    parts, left = [], ms * 1_000_000
    for unit, size in durations.UNITS.items():
        count, left = divmod(left, size)
        parts.append(f"{count}{unit}")
    assert duration_ns("".join(parts)) == ms * 1_000_000
    assert duration_ns(f"{ms}ms") == ms * 1_000_000 if ms < 10**10 else True


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1h1d", "1h2h", "-1h", "1 h", "1e3s", "1,5h", "٣h", "1H", "3661d", "9" * 11 + "s", "1h" * 50]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration "):
        duration_ns(text)


def test_a_begin_is_an_offset_or_a_time() -> None:
    assert start_ns("2h", ZERO) == ZERO + 120 * MINUTE
    assert start_ns("-2h30m", ZERO) == ZERO - 150 * MINUTE
    assert start_ns("2026-03-01T16:00:00Z", 0) == start_ns("2026-03-02T00:00:00+08:00", 5) == ZERO
    assert moment_ns("2026-03-01T16:00:00.000001") == ZERO + 1000
    for text in ("tomorrow", "2h30", "--2h", "1969-12-31", "2201-01-01", "2" * 5000, ""):
        with pytest.raises(ValueError, match=r"^expected (an offset|a duration)") as error:
            start_ns(text, ZERO)
        assert len(str(error.value)) < 200


# One fault, three forms


@given(faults())
def test_a_fault_is_the_same_as_text_and_in_a_file(fault: Fault) -> None:
    assert fault_of_text(text_of_fault(fault)) == fault
    said = {name.rstrip("_"): getattr(fault, name) for name in fault.__struct_fields__}
    text = json.dumps({key: value for key, value in said.items() if value not in ("", None)}, ensure_ascii=False)
    assert parse(text.encode(), Fault, "f.yaml") == fault


@given(faults(ats=False), st.booleans())
def test_a_fault_is_the_same_by_command(fault: Fault, at_gateway: bool) -> None:
    here = GATEWAY if at_gateway or not fault.machine else Address(*GATEWAY.levels[:4], fault.machine)
    said = {name.rstrip("_"): getattr(fault, name) for name in fault.__struct_fields__}
    words = {key: str(value) for key, value in said.items() if value not in ("", None) and key != "enterprise"}
    if here is not GATEWAY:
        words.pop("machine", None)
    command = Command(boot=BOOT, seq=1, rows=[CommandRow(t=ZERO, command="c-1", action="fault", arguments=words)])
    arrived = decode("command", encode(command))
    action = action_of(arrived.rows[0], here)  # type: ignore[attr-defined]
    plain = {name: getattr(fault, name) for name in fault.__struct_fields__}
    assert action == Inject(Fault(**(plain | {"enterprise": "acme"})))


def test_a_fault_as_it_is_typed() -> None:
    fault = fault_of_text("stuck machine=stamp-1 sensor=press_force at=2h for=30m cause='loose plug'")
    expected = Fault(
        kind="stuck", machine="stamp-1", sensor="press_force", at="2h", for_="30m", cause="loose plug", magnitude=None
    )
    assert fault == expected
    assert fault_of_text("delay").size == 60
    assert fault_of_text("delay magnitude=5").size == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected KIND key=value"),
        ("stuk machine=a sensor=b", r"^kind: no fault 'stuk'; did you mean stuck\?"),
        ("stuck machine=a", "^stuck: sensor: the key is missing"),
        ("stuck machine=a sensor=b magnitud=3", r"'magnitud': unknown key; did you mean magnitude\?"),
        ("stuck machine=a sensor=b sensor=c", "'sensor': this key stands twice"),
        ("stuck kind=drift", "'kind': this key stands twice"),
        ("stuck machine=a sensor=b magnitude=3", "^stuck: magnitude: a fault of this kind has none"),
        (
            "stuck machine=a sensor=b supplier=c",
            "^stuck: supplier: a fault of this kind has none; its targets: machine",
        ),
        ("stuck machine=a sensor=../b", "^stuck: sensor: expected a name"),
        ("stuck machine=a/b sensor=c", "^stuck: machine 'a/b' holds the character '/'"),
        ("stuck machine= sensor=c", "^machine: expected a value"),
        ("drift machine=a sensor=b magnitude=1", "^drift: for: the key is missing"),
        ("drift machine=a sensor=b for=1h", "^drift: magnitude: the key is missing; unit of the sensor"),
        ("offset machine=a sensor=b magnitude=nan", "^magnitude: expected a number"),
        ("offset machine=a sensor=b magnitude=1e999", "^offset: magnitude: expected unit of the sensor"),
        ("duplicate magnitude=1.1", "^duplicate: magnitude: expected share of the messages, 0 to 1, found 1.1"),
        ("breakdown machine=a for=1h", "^breakdown: for: a fault of this kind is an instant"),
        ("outage for=8d", "^outage: for: expected at most 7d"),
        ("outage for=0s", "^outage: for: expected more than nothing"),
        ("outage for=10", "^outage: for: expected a duration"),
        ("outage at=soon for=1h", "^outage: at: expected an offset"),
        ("delay machine=a supplier=b", "^delay: supplier: expected a machine or a supplier"),
        ("delay 'cause=a\nb'", "^delay: cause: expected one line"),
        ("delay oops", "expected key=value, found 'oops'"),
        ("delay cause='a", "no closing quotation"),
        ("x" * 1001, "1001 characters"),
    ],
)
def test_a_wrong_fault_is_refused_by_key(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fault_of_text(text)


@given(
    st.text(max_size=1200)
    | st.lists(st.sampled_from([*FAULTS, *SENSORS, "at=", "for=1h", "=", "'", "\x1b"])).map(" ".join)
)
def test_whatever_is_typed_gives_a_fault_or_a_short_sentence(text: str) -> None:
    try:
        fault = fault_of_text(text)
    except ValueError as error:
        assert len(str(error)) < 600
        assert str(error).isprintable()
    else:
        assert fault_of_text(text_of_fault(fault)) == fault


# Commands


def test_each_action_is_understood() -> None:
    def asked(action: str, **arguments: str) -> object:
        return action_of(CommandRow(t=ZERO, command="c-1", action=action, arguments=arguments), HERE)

    assert asked("maintain") == Maintain()
    assert asked("stop") == Stop()
    assert asked("start") == Start()
    assert asked("set_dispatch", rule="due") == SetDispatch("due")
    assert asked("set_priority", order="o-000007", priority="-3") == SetPriority("o-000007", -3)
    slow = Fault(kind="slow", enterprise="acme", machine="stamp-1", magnitude=0.5, for_="1h")
    assert asked("fault", kind="slow", magnitude="0.5", **{"for": "1h"}) == Inject(slow)
    assert set(ARGUMENTS) == {"fault", "maintain", "stop", "start", "set_dispatch", "set_priority"}


@pytest.mark.parametrize(
    ("action", "arguments", "why"),
    [
        ("stopp", {}, r"^no action 'stopp'; did you mean stop\?"),
        ("stop", {"for": "1h"}, "^stop: 'for': unknown argument"),
        ("fault", {"kind": "slow", "at": "1h"}, "^fault: 'at': unknown argument"),
        ("fault", {"kind": "slow", "machine": "pack-1"}, "^fault: machine: the command came to stamp-1"),
        ("fault", {}, "^fault: the key kind is missing"),
        ("fault", {"kind": ""}, "^fault: kind: no fault ''"),
        ("fault", {"kind": "stuck"}, "^fault: stuck: sensor: the key is missing"),
        ("set_dispatch", {"rule": "dua"}, r"^set_dispatch: rule: no rule 'dua'; did you mean due\?"),
        ("set_dispatch", {}, "^set_dispatch: the argument rule is missing"),
        ("set_priority", {"order": "o", "priority": "9999999"}, "^set_priority: priority: expected a whole number"),
        ("set_priority", {"order": "o", "priority": "1.5"}, "^set_priority: priority: expected a whole number"),
        ("set_priority", {"order": "o" * 201, "priority": "1"}, "^set_priority: order: expected 1 to 200"),
        ("\x1b" * 5000, {}, r"^no action '\\x1b"),
    ],
)
def test_a_wrong_command_is_refused(action: str, arguments: dict[str, str], why: str) -> None:
    row = CommandRow(t=ZERO, command="c-1", action=action, arguments=arguments)
    with pytest.raises(ValueError, match=why) as error:
        action_of(row, HERE)
    assert len(str(error.value)) < 600
    assert str(error.value).isprintable()


@given(lengths())
def test_the_lengths_of_these_tests_are_lengths(text: str) -> None:
    assert 0 < duration_ns(text) <= duration_ns("7d")
