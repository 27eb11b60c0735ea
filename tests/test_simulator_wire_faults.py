"""Faults of communication: what becomes of messages on a bad wire."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from fault_cases import BOOT, MACHINES, Talk, changes, faults, targets
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract import Address, Death, Order, OrderRow, decode
from simulator.durations import SECOND_NS
from simulator.fault_kinds import FAULTS
from simulator.fault_plan import FaultPlan, Planned
from simulator.faults import Fault, fault_of_text
from simulator.happenings import NEVER
from simulator.outgoing import Outgoing
from simulator.wire_faults import Dropped, WireFaults

HERE = Address("acme", "plant-1", "production", "line-1", "stamp-1")
ZERO = 1_772_380_800 * SECOND_NS
MINUTE = 60 * SECOND_NS
WIRE = tuple(kind for kind, of in FAULTS.items() if of.group == "communication")


# The wire


Sent = list[tuple[int, Outgoing]]


def _through(plan: FaultPlan, until_ns: int, extra: list[int]) -> tuple[list[Outgoing], Sent, list[Dropped]]:
    """What was said, what was sent and when, and what was dropped; cut at the changes and at ``extra``."""
    wire, talk = WireFaults(plan), Talk()
    edges = sorted({ZERO, until_ns, *changes(plan, ZERO, until_ns), *(t for t in extra if ZERO < t < until_ns)})
    said: list[Outgoing] = []
    sent: Sent = []
    for a, b in pairwise(edges):
        fresh = talk.said(a, b)
        said += fresh
        sent += [(b, item) for item in wire.apply(fresh, b)]
    sent += [(NEVER, item) for item in wire.flush()]
    assert wire.held == 0
    return said, sent, wire.take_dropped()


def _name(item: Outgoing) -> tuple[str, int]:
    return item.address.path, item.seq


@settings(max_examples=60)
@given(st.lists(faults(kinds=WIRE, most_s=900), max_size=5), st.lists(st.integers(1, 1199), max_size=12))
def test_nothing_is_lost_and_each_fault_does_its_own_only(asked: list[Fault], cuts: list[int]) -> None:
    plan = FaultPlan(5, ZERO, [targets()])
    planned = [plan.add(fault, ZERO, "scenario") for fault in asked]
    said, sent, dropped = _through(plan, ZERO + 1200 * SECOND_NS, [ZERO + cut * SECOND_NS for cut in cuts])
    gone = {(one.path, one.seq) for one in dropped}
    count = Counter(_name(item) for _, item in sent)
    assert set(count) == {_name(item) for item in said} - gone
    by_name = {_name(item): item for item in said}
    at = {_name(item): decode(item.kind, item.payload).times[0] for item in said}

    def under(kind: str, name: tuple[str, int]) -> list[Planned]:
        return [one for one in plan.at(at[name]) if one.fault.kind == kind and one.hits(name[0])]

    for name in gone:
        assert by_name[name].kind == "telemetry"
        assert under("drop_telemetry", name)
    for name, times in count.items():
        assert times == 1 or (times <= 1 + len(under("duplicate", name)))
    for when, item in sent:
        name = _name(item)
        for one in under("delay", name):
            assert when >= min(at[name] + round(one.fault.size * SECOND_NS), NEVER)
        assert when == NEVER or not [
            one for one in plan.at(when - 1) if one.fault.kind == "outage" and one.hits(name[0])
        ]
        if not under("clock_skew", name):
            assert item is by_name[name]
    for address in {name[0] for name in count}:
        order = [name[1] for name in dict.fromkeys(_name(item) for _, item in sent) if name[0] == address]
        if any(one.fault.kind == "reorder" and one.hits(address) for one in planned):
            _check_neighbours(order)
        else:
            assert order == sorted(order)


def _check_neighbours(order: list[int]) -> None:
    """A list in order but for pairs of neighbours that have changed places."""
    mended, i = sorted(order), 0
    while i < len(order):
        if order[i] != mended[i]:
            assert order[i : i + 2] == mended[i : i + 2][::-1]
            i += 1
        i += 1


@settings(max_examples=60)
@given(st.lists(faults(kinds=WIRE, most_s=900), max_size=5), st.lists(st.integers(1, 1199), max_size=12))
def test_no_cut_of_time_changes_what_an_address_says(asked: list[Fault], cuts: list[int]) -> None:
    kinds = {fault.kind for fault in asked}
    assume(not {"delay", "reorder"} <= kinds)  # how late a message is let go depends on when somebody looks
    plan = FaultPlan(5, ZERO, [targets()])
    for fault in asked:
        plan.add(fault, ZERO, "scenario")
    whole = _through(plan, ZERO + 1200 * SECOND_NS, [])
    cut = _through(plan, ZERO + 1200 * SECOND_NS, [ZERO + cut * SECOND_NS for cut in cuts])
    for machine in Talk().addresses:
        assert [i for _, i in whole[1] if i.address == machine] == [i for _, i in cut[1] if i.address == machine]
    assert sorted(whole[2]) == sorted(cut[2])


def test_without_a_fault_everything_passes_as_it_is() -> None:
    plan = FaultPlan(5, ZERO, [targets()])
    plan.add(fault_of_text("outage at=1h for=1h"), ZERO, "scenario")
    items = Talk().said(ZERO, ZERO + MINUTE)
    assert WireFaults(plan).apply(items, ZERO + MINUTE) == items


def test_an_outage_holds_everything_and_lets_it_go_in_order() -> None:
    plan = FaultPlan(5, ZERO, [targets()])
    plan.add(fault_of_text("outage machine=stamp-1 at=1m for=2m"), ZERO, "scenario")
    wire, talk = WireFaults(plan), Talk()
    first = talk.said(ZERO, ZERO + MINUTE)
    during = talk.said(ZERO + MINUTE, ZERO + 3 * MINUTE)
    after = talk.said(ZERO + 3 * MINUTE, ZERO + 4 * MINUTE)
    assert wire.apply(first, ZERO + MINUTE) == first
    assert wire.apply(during, ZERO + 3 * MINUTE) == [i for i in during if i.address.machine != "stamp-1"]
    held = [i for i in during if i.address.machine == "stamp-1"]
    assert wire.held == len(held) > 0
    assert wire.apply(after, ZERO + 4 * MINUTE) == held + after


def test_a_swap_ends_with_its_fault() -> None:
    plan = FaultPlan(5, ZERO, [targets()])
    plan.add(fault_of_text("reorder magnitude=1 for=2m"), ZERO, "scenario")
    plan.add(fault_of_text("outage at=1m for=2m"), ZERO, "scenario")
    wire, talk = WireFaults(plan), Talk(("stamp-1",))
    sent = []
    for minute in range(4):
        now_ns = ZERO + (minute + 1) * MINUTE
        sent.append([i.seq for i in wire.apply(talk.said(now_ns - MINUTE, now_ns), now_ns)])
    assert sent == [[2, 1, 4, 3, 6, 5], [], [], list(range(7, 25))]
    plan.add(fault_of_text("reorder magnitude=1 at=4m for=30s"), ZERO + 4 * MINUTE, "mqtt")
    assert [i.seq for i in wire.apply(talk.said(now_ns, now_ns + 30 * SECOND_NS), now_ns + 30 * SECOND_NS)] == [26, 25]
    assert [i.seq for i in wire.apply([], now_ns + 31 * SECOND_NS)] == [27]
    assert wire.held == 0


def test_shares_of_the_messages_are_hit() -> None:
    texts = ["duplicate machine=stamp-1 magnitude=0.3", "reorder machine=pack-1 magnitude=0.3"]
    texts.append("drop_telemetry magnitude=0.4 for=5h 'cause=a full buffer'")
    plan = FaultPlan(5, ZERO, [targets(machines=MACHINES)])
    for text in texts:
        plan.add(fault_of_text(text), ZERO, "scenario")
    said, sent, dropped = _through(plan, ZERO + 5 * 60 * MINUTE, [])
    telemetry = [item for item in said if item.kind == "telemetry"]
    assert 0.35 < len(dropped) / len(telemetry) < 0.45
    assert {one.fault for one in dropped} == {"f-0003"}
    assert sum(one.rows for one in dropped) == 2 * len(dropped)
    count = Counter(_name(item) for _, item in sent)
    twice = [name for name, times in count.items() if times == 2]
    assert {name[0] for name in twice} == {HERE.path}
    assert 0.24 < len(twice) / sum(1 for name in count if name[0] == HERE.path) < 0.36
    for a, b in pairwise(item for _, item in sent):
        assert a.address != HERE or b.address != HERE or a.seq <= b.seq
    order = [item.seq for _, item in sent if item.address.machine == "pack-1"]
    swaps = sum(a > b for a, b in pairwise(order))
    assert 0.15 < swaps / len(order) < 0.3  # of those that wait, some are the next one of another


@given(st.integers(-3600, 3600), st.integers(1, 600))
@settings(max_examples=30)
def test_a_wrong_clock_never_says_a_time_twice(seconds: int, length: int) -> None:
    plan = FaultPlan(seconds, ZERO, [targets()])
    skew = plan.add(Fault(kind="clock_skew", magnitude=seconds, at="2m", for_=f"{length}s"), ZERO, "scenario")
    said, sent, _ = _through(plan, ZERO + 1200 * SECOND_NS, [])
    times = Counter((i.address, i.kind, t) for _, i in sent for t in decode(i.kind, i.payload).times)
    assert max(times.values()) == 1
    for before, (_, after) in zip(said, sent, strict=True):
        old, new = decode(before.kind, before.payload), decode(after.kind, after.payload)
        shift = new.times[0] - old.times[0]
        assert (shift != 0) == (skew.start_ns <= old.times[0] < skew.end_ns)
        assert [t - shift for t in new.times] == list(old.times)
        assert shift == 0 or 0 < shift - seconds * SECOND_NS < 100_000
        assert (before.kind, before.seq, before.rows, before.address) == (
            after.kind,
            after.seq,
            after.rows,
            after.address,
        )


def test_a_wrong_clock_leaves_agreed_dates_alone() -> None:
    plan = FaultPlan(1, ZERO, [targets()])
    plan.add(fault_of_text("clock_skew magnitude=30"), ZERO, "scenario")
    row = OrderRow(t=ZERO + 5, order="o-1", product="p", options={}, quantity=1, price=1.0, due=ZERO + 99)
    timeless = Outgoing.of(HERE, Death(boot=BOOT, seq=0, t=None, reason="lost"))
    items = [Outgoing.of(HERE, Order(boot=BOOT, seq=1, rows=[row])), timeless]
    order, death = WireFaults(plan).apply(items, ZERO + 10)
    moved = decode("order", order.payload).rows[0]  # type: ignore[attr-defined]
    assert (moved.t > ZERO + 30 * SECOND_NS, moved.due, moved.order) == (True, ZERO + 99, "o-1")
    assert death == timeless


def test_the_end_of_a_machine_is_neither_doubled_nor_swapped() -> None:
    plan = FaultPlan(1, ZERO, [targets()])
    plan.add(fault_of_text("duplicate magnitude=1"), ZERO, "scenario")
    plan.add(fault_of_text("reorder magnitude=1"), ZERO, "scenario")
    wire, talk = WireFaults(plan), Talk(("stamp-1",))
    sent = wire.apply(talk.said(ZERO, ZERO + 30 * SECOND_NS), ZERO + 30 * SECOND_NS)
    death = Outgoing.of(HERE, Death(boot=BOOT, seq=4, t=ZERO + 30 * SECOND_NS, reason="end"))
    sent += wire.apply([death], ZERO + 30 * SECOND_NS + 1) + wire.flush()
    assert [item.seq for item in sent] == [2, 2, 1, 1, 3, 3, 4]
