"""Mapping files: what is wrong is refused with file, line and key; a hostile one before anything is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_cases import HEAD

from contract import ConfigError
from ingest.mapping import Mapping
from ingest.mapping_check import problems
from ingest.mapping_file import parse_file

ROOT = Path(__file__).parents[1]
GOOD = """id: mill
devices:
- address: acme/p/a/{line}/{machine}
  model: press
  topics:
  - topic: x/{line}/{machine}
    time: {from: ts}
    sensors:
      a: {unit: W}
    counters:
      c: {unit: Wh}
    state:
      words: {ON: {state: Execute, reason: running}}
  - topic: y/{line}/{machine}/{what}
    payload: plain
    pick: what
    sensors:
      b: {unit: V, picked: B}
"""


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        Mapping.parse(text.encode(), "f.yaml")
    return str(caught.value)


def test_a_right_file() -> None:
    assert Mapping.parse(GOOD.encode(), "f.yaml").filters == ["x/+/+", "y/+/+/+"]


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "mappings").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_files_of_the_repository_are_right(path: Path) -> None:
    file = parse_file(path.read_bytes(), path.name)
    assert not list(problems(file))
    assert file.id == path.stem.replace("_", "-")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    time: {from: ts}", "    tme: {from: ts}", "7: T0.tme: unknown key; did you mean time?"),
        ("{unit: W}", "{unti: W}", "9: T0.sensors.a.unti: unknown key; did you mean unit?"),
        ("  model: press\n", "", "3: devices[0]: the key model is missing"),
        ("      a: {unit: W}", "      A b: {unit: W}", "9: T0.sensors.A b: expected text matching"),
        ("      a: {unit: W}", "      time: {unit: W}", "3: devices[0]: sensors: the name 'time' is reserved"),
        ("state: Execute", "state: Executing", "13: T0.state.words.ON.state: expected one of Clearing"),
        ("payload: plain", "payload: text", "15: T1.payload: expected one of json, plain, found 'text'"),
        ("address: acme/p/a/{line}/{machine}", "address: acme/p/a/{machine}", "3: devices[0].address: "),
        ("address: acme/p/a/{line}/{machine}", "address: a/p/a/{Line}/{machine}", "3: devices[0].address: a capture"),
        ("{line}/{machine}\n  model", "{line}/{machin}\n  model", "6: T0.topic: the address needs {machin}"),
        ("  topics:\n", "  names: {plant: {a: b}}\n  topics:\n", "7: T0.topic: names needs {plant}"),
        ("  topics:\n", "  names: {machine: {a: b/c}}\n  topics:\n", "5: devices[0].names.machine.a: the name 'b/c'"),
        ("  topics:\n", "  names: {machine: {a+: b}}\n  topics:\n", "5: devices[0].names.machine.a+: the text 'a+'"),
        ("  topics:\n", "  role: meter\n  topics:\n", "13: T0.state: a meter has no states"),
        ("  topics:\n", "  role: gateway\n  topics:\n", "5: devices[0].role: expected one of machine, meter"),
        ("topic: x/{line}", "topic: x/#/{line}", "6: T0.topic: # stands for any number of levels"),
        ("topic: x/{line}", "topic: x-{line}", "6: T0.topic: '{' in the level 'x-{line}'"),
        ("topic: x/{line}", "topic: qilu/{line}", "6: T0.topic: topics below 'qilu' are not foreign"),
        ("topic: x/{line}", "topic: $SYS/{line}", "6: T0.topic: topics below '$SYS' are not"),
        ("topic: x/{line}", "topic: x/{machine}", "6: T0.topic: {machine} stands twice"),
        ("topic: x/{line}", "topic: y/{line}/{a}", "14: T1.topic: never reached: T0.topic"),
        ("pick: what", "pick: that", "14: T1.topic: pick needs {that}"),
        ("      b: {unit: V, picked: B}", "      b: {unit: V, picked: B}\n      c: {unit: V, picked: B}",
         "19: T1.sensors.c.picked: 'B' means sensors.b already"),
        ("    pick: what\n", "", "17: T1.sensors.b.picked: without pick or pick_from, nothing"),
        ("    pick: what\n    sensors:\n      b: {unit: V, picked: B}", "    sensors: {a: {unit: W}, b: {unit: V}}",
         "15: T1.payload: a plain payload is one value, not 2"),
        ("payload: plain", "payload: json", "18: T1.sensors.b: the key from is missing"),
        ("pick: what", "pick: what\n    time: {from: t}", "17: T1.time: a plain payload has no parts"),
        ("pick: what", "pick: what\n    each: t", "17: T1.each: a plain payload has no parts"),
        ("pick: what", "pick_from: t", "16: T1.pick_from: a plain payload has no parts"),
        ("{from: ts}", "{from: ts}\n    each: '['", "8: T0.each: '[' is no path"),
        ("{from: ts}", "{from: ts}\n    pick_from: id", "10: T0.sensors.a: the key from is missing"),
        ("{from: ts}", "{from: ts}\n    pick: line\n    pick_from: id", "9: T0.pick_from: pick says already"),
        ("picked: B", "picked: B, from: v", "18: T1.sensors.b.from: a plain payload has no parts"),
        ("{unit: W}", "{unit: W, from: a..b}", "9: T0.sensors.a.from: 'a..b' is no path; write it as"),
        ("{from: ts}", "{from: '[x]'}", "7: T0.time.from: '[x]' is no path"),
        ("{from: ts}", "{from: ts, timezone: Europe/Berln}", "7: T0.time.timezone: no time zone"),
        ("{from: ts}", "{from: ts, timezone: ../etc/passwd}", "7: T0.time.timezone: no time zone"),
        ("{from: ts}", "{from: ts, format: unix_s, timezone: UTC}", "7: T0.time.timezone: unix_s counts"),
        ("{unit: W}", "{unit: W, words: {ON: 1}, scale: 2}", "9: T0.sensors.a.words: a word has no"),
        ("{unit: W}", "{unit: W, scale: 0}", "9: T0.sensors.a.scale: 0 would make"),
        ("{unit: W}", "{unit: W, low: 2, high: 1}", "9: T0.sensors.a.low: above high"),
        ("{unit: Wh}", "{unit: Wh, scale: -1}", "11: T0.counters.c.scale: expected a number > 0"),
        ("words: {ON: {state: Execute, reason: running}}", "bands: [{state: Execute, reason: running, below: 3}]",
         "13: T0.state.bands: each band has below, but for the last"),
        ("words: {ON: {state: Execute, reason: running}}",
         "bands: [{state: Idle, reason: no_order, below: 3}, {state: Held, reason: setup, below: 3}, "
         "{state: Execute, reason: running}]",
         "13: T0.state.bands: below must rise from band to band"),
        ("      words: {ON: {state: Execute, reason: running}}", "      from: s",
         "12: T0.state: expected words or bands, and not both"),
        ("      b: {unit: V, picked: B}", "      a: {unit: V, picked: B}",
         "18: T1.sensors.a: declared in another way as T0.sensors.a"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_line_and_key(before: str, after: str, message: str) -> None:
    assert GOOD.count(before) == 1
    found = wrong(GOOD.replace(before, after))
    for number in (0, 1):
        message = message.replace(f"T{number}", f"devices[0].topics[{number}]")
    assert found.startswith(f"f.yaml:{message}")
    assert len(found) < 400


def test_two_groups_of_one_address() -> None:
    head = "- address: acme/p/a/{line}/{machine}\n  model: m\n"
    more = head + "  topics: [{topic: 'z/{line}/{machine}', sensors: {a: {unit: u}}}]\n"
    assert wrong(GOOD + more).startswith("f.yaml:19: devices[1].address: devices[0] has this address too")


def test_a_topic_that_says_nothing() -> None:
    assert wrong(HEAD + "  - {topic: 'x/{machine}'}\n").startswith("f.yaml:6: devices[0].topics[0]: it says nothing")


def test_the_economics_are_the_contracts() -> None:
    more = "  economics: {currency: EUR, tariff: {timezone: Nowhere, bands: {}, hours: []}}\n  topics:\n"
    assert "devices[0].economics.tariff: tariff: no time zone" in wrong(GOOD.replace("  topics:\n", more))
    right = Mapping.parse(
        GOOD.replace("  topics:\n", "  economics: {currency: EUR, operators: 0.5}\n  topics:\n").encode(), "f"
    )
    assert right.file.devices[0].economics is not None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: [*a, *a]\n",
        "id: !!python/object/apply:os.system [ls]\n",
        "id: a\nid: b\n",
        "[" * 20_000,
        "id: " + "9" * 200_000,
        "x" * 300_000,
        "",
        "\x00",
    ],
)
def test_a_hostile_file(text: str) -> None:
    assert wrong(text).startswith("f.yaml")
