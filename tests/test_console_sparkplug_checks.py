"""The Sparkplug checker against traces made by hand: a good one, and every way to break it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from sparkplug_broken_edge import EDGE
from sparkplug_broken_host import HOST
from sparkplug_encode import M, P
from sparkplug_maker import Step, good
from sparkplug_mutations import drop

from console.sparkplug_mqtt import Publish
from console.sparkplug_table import assertions, promised
from console.sparkplug_verdict import CHECKS, Report, check_trace
from console.sparkplug_world import Event

MAY = {"edge": 2, "host": 2}
"""What is allowed and not demanded cannot fail: of it only "seen" is known."""


def check(steps: list[Step], **options: object) -> Report:
    return check_trace([step.event() for step in steps], **options)  # type: ignore[arg-type]


def may(role: str) -> set[str]:
    return {one.id for one in promised(role).values() if one.level == "MAY"}


def test_the_table_has_the_specifications_counts() -> None:
    assert len({one.id for one in assertions()}) == 299
    assert (len(promised("edge")), len(promised("host"))) == (143, 91)


@pytest.mark.parametrize("role", ["edge", "host"])
def test_every_promised_assertion_has_exactly_one_check(role: str) -> None:
    answered = [id_ for check in CHECKS if check.role == role for id_ in check.ids]
    assert sorted(answered) == sorted(promised(role))


def test_a_good_trace_passes_every_assertion() -> None:
    report = check(good())
    assert report.ok
    assert (report.count("edge"), report.count("host")) == (143, 91), report.as_text()


def test_nothing_seen_is_nothing_passed() -> None:
    report = check([])
    assert report.ok
    assert report.count("edge", "not seen") == 143
    assert report.count("host", "not seen") == 91


@pytest.mark.parametrize("name", EDGE)
def test_a_broken_edge_node_fails(name: str) -> None:
    _breaks("edge", name)


@pytest.mark.parametrize("name", HOST)
def test_a_broken_host_fails(name: str) -> None:
    _breaks("host", name)


def _breaks(role: str, name: str) -> None:
    how, wanted = {"edge": EDGE, "host": HOST}[role][name]
    report = check(how(good()))
    failed = set(report.ids(role, "failed"))
    assert wanted <= failed, f"{name}: {sorted(wanted - failed)} did not fail; failed: {sorted(failed)}"
    assert report.ok == (not wanted)


@pytest.mark.parametrize("role", ["edge", "host"])
def test_every_check_is_shown_to_fail(role: str) -> None:
    broken = set().union(*(wanted for _, wanted in {"edge": EDGE, "host": HOST}[role].values()))
    assert broken <= set(promised(role))
    assert set(promised(role)) - broken == may(role), "no trace breaks these"
    assert len(may(role)) == MAY[role]


def test_what_may_be_is_seen_only_when_it_is() -> None:
    steps = [step for step in good() if "n2" not in step.name and not step.name.startswith(("disconnect", "host disc"))]
    for step in list(steps):
        if step.name in ("NCMD", "DCMD", "NCMD odd"):
            steps.remove(step)
    report = check(steps)
    assert may("edge") <= set(report.ids("edge", "not seen"))
    assert may("host") <= set(report.ids("host", "not seen"))


def test_an_instrument_is_not_judged() -> None:
    steps = EDGE["NDATA QoS 1"][0](good())
    assert not check(steps).ok
    assert check(steps, instruments=["edge-n1"]).ok


def test_the_deaths_of_others_are_not_seen_where_the_host_tells_nothing() -> None:
    report = check(drop("told offline")(drop("told stale")(good())))
    assert report.ok
    unseen = set(report.ids("host", "not seen"))
    assert unseen == {id_ for id_ in promised("host") if "termination-host-action" in id_}


def test_the_reorder_timeout_can_be_handed_in() -> None:
    silent = drop("told setting")(good())
    assert "operational-behavior-host-reordering-param" in check(silent).ids("host", "not seen")
    assert check(silent, reorder_s=2.0).count("host") == 91
    assert "operational-behavior-host-reordering-param" in check(silent, reorder_s=9.0).ids("host", "failed")


def test_a_later_gap_is_not_held_against_one_that_closed() -> None:
    """The host asks for the second gap within the timeout of the first."""
    steps = good()
    start = next(step.at for step in steps if step.name == "odd 0")
    second = {"gap", "NCMD odd", "heard odd"}
    moved = [
        replace(step, at=start + 100 + (step.at - start - 5000)) if step.name in second else step for step in steps
    ]
    report = check(moved)
    assert report.count("host") == 91, report.as_text()


def test_the_report_shows_what_failed_and_when_and_escapes_it() -> None:
    steps = EDGE["device #"][0](good())
    text = check(steps).as_text()
    assert "edge: " in text and " of 143 assertions passed" in text and " of 91 assertions passed" in text
    assert "failed    edge  MUST        intro-device-id-chars" in text
    assert "topic 'spBv1.0/g/DDATA/n1/d#'" in text
    body = check(steps).as_json()
    assert body["edge"]["of"] == 143 and body["host"]["passed"] == 91
    shown = [one for one in body["edge"]["assertions"] if one["id"] == "intro-device-id-chars"]
    assert shown[0]["verdict"] == "failed" and shown[0]["evidence"][0]["client"] == "edge-n1"


GARBAGE = [
    b"",
    b"\xff",
    b"\x12\x02\x0a\x7f",
    b"{}",
    b"[1]",
    b"null",
    b'{"online":1,"timestamp":"x"}',
    P((M("bdSeq", 1, 8, field="long"),)).encode(),
]
TOPICS = [
    "",
    "/",
    "spBv1.0",
    "spBv1.0/STATE",
    "STATE",
    "spBv1.0/g/NCMD",
    "spBv1.0/g/DDATA/n1/a/b",
    "spBv1.0//NBIRTH//",
    "x/STATE/y",
]


def disturbed(events: list[Event], draw: random.Random) -> list[Event]:
    """Packets lost, doubled, exchanged, from another link or side, on another topic, with another payload."""
    found = []
    for event in events:
        packet, link, side = event.packet, event.link, event.side
        what = draw.random()
        if what < 0.05:
            continue
        if what < 0.1:
            packet = draw.choice(events).packet
        elif what < 0.15:
            link, side = draw.randrange(12), draw.choice(["client", "broker"])
        elif what < 0.25 and isinstance(packet, Publish):
            payload = draw.choice([*GARBAGE, packet.payload[: draw.randrange(40)]])
            packet = Publish(draw.choice([*TOPICS, packet.topic]), payload, draw.randrange(3), draw.random() < 0.5)
        found += [Event(event.at_ms + draw.randrange(-9000, 9000), link, side, packet)] * draw.choice([1, 1, 1, 2])
    return found


@pytest.mark.parametrize("seed", range(40))
def test_no_traffic_whatsoever_breaks_the_checker(seed: int) -> None:
    draw = random.Random(seed)
    events = [step.event() for step in good()]
    events = [event for n, event in enumerate(events) if n < 60 or n > 620 or draw.random() < 0.1]
    report = check_trace(disturbed(events, draw))
    assert report.count("edge", "failed") > 0
    assert len(report.as_text(every=True).splitlines()) > 200
    json.dumps(report.as_json())
