"""What commands do: obeyed once or refused with a reason, and what is promised is kept; however time is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from factory_runs import DAY_NS, HOUR_NS, MINUTE_NS, START, all_rows, ask, factory, machine, park_of, two

from contract import Address, CommandRow, decode
from simulator.factory import Factory
from simulator.happenings import NEVER, Doing, OrderEvent
from simulator.kernel import act, layout
from simulator.plant import Park

HOME = park_of("home_appliances")
STAMP = machine(HOME, "stamp-1")
SITE = HOME.sites[0]


def number(park: Park, address: Address) -> int:
    return [a for _, a, _ in park.machines].index(address)


def told(made: Factory, until: int) -> dict[tuple[str, str], list[Any]]:
    return all_rows(made.advance(START + until, HOUR_NS))


def states(rows: dict[tuple[str, str], list[Any]], address: Address, reason: str) -> list[Any]:
    return [row for row in rows.get((address.path, "state"), []) if row.reason == reason]


def started(made: Factory) -> list[int]:
    """The orders that were begun since this was last asked, in their order."""
    tables = [part.ordered for part in made.take_happened()]
    return [int(order) for rows in tables for order in rows["order"][rows["what"] == OrderEvent.STARTED]]


def limit_w(made: Factory) -> int:
    return int(made.plant.s[int(made.plant.s[layout.G.AT_GROUPS]) + layout.W.LIMIT_W])


def test_the_same_command_twice_is_obeyed_once() -> None:
    made = factory(HOME)
    made.skip(START + HOUR_NS)
    first = ask(made, STAMP, "stop")
    assert (first.status, first.t) == ("done", made.now_ns)
    ask(made, STAMP, "start", "c-2")
    made.skip(START + 2 * HOUR_NS)
    assert ask(made, STAMP, "stop") == first
    assert not act.closed(made.plant, number(HOME, STAMP))
    assert ask(made, machine(HOME, "drum-1"), "stop").t == made.now_ns, "another machine's is another command"


@pytest.mark.parametrize(
    ("where", "action", "changes", "reason"),
    [
        ("stamp-1", "stop", {"expires": START + HOUR_NS}, "expired"),
        ("stamp-1", "stop", {"interlock": "door open"}, "no interlock 'door open'"),
        ("stamp-1", "stp", {}, "did you mean"),
        ("stamp-1", "stop", {"arguments": {"now": "yes"}}, "unknown argument"),
        ("stamp-1", "set_dispatch", {"arguments": {"rule": "lifo"}}, "no rule"),
        ("stamp-1", "set_priority", {"arguments": {"order": "o-999999999", "priority": "1"}}, "no open order"),
        ("stamp-1", "set_priority", {"arguments": {"order": "eleven", "priority": "1"}}, "no order 'eleven'"),
        ("stamp-1", "fault", {"arguments": {"kind": "jamm"}}, "did you mean"),
        ("gateway", "fault", {"arguments": {"kind": "jam"}}, "machine"),
        ("gateway", "stop", {}, "no machine at this address"),
        ("gateway", "maintain", {}, "no machine at this address"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    where: str, action: str, changes: dict[str, Any], reason: str
) -> None:
    made = factory(HOME)
    made.skip(START + HOUR_NS)
    before = made.plant.s.tobytes(), made.plant.f.tobytes(), made.plant.o.tobytes()
    address = SITE.gateway if where == "gateway" else STAMP
    reply = ask(made, address, action, **changes)
    assert reply.status == "refused"
    assert reason in reply.reason and len(reply.reason) <= 200
    assert (made.plant.s.tobytes(), made.plant.f.tobytes(), made.plant.o.tobytes()) == before
    assert not made.plan.all


def test_the_interlock_spares_a_machine_that_runs() -> None:
    made = factory(HOME)
    runs: Callable[[], bool] = lambda: act.doing(made.plant, number(HOME, STAMP)) is Doing.RUNNING  # noqa: E731
    statuses = Counter[tuple[bool, str]]()
    for minute in range(0, 600, 5):
        made.skip(START + minute * MINUTE_NS)
        running = runs()
        reply = ask(made, STAMP, "maintain", f"c-{minute}", interlock="not_running", expires=NEVER)
        statuses[running, reply.status] += 1
        if len({one for one, _ in statuses}) == 2:
            break
    assert set(statuses) == {(True, "refused"), (False, "accepted")}


def test_a_machine_is_stopped_and_started_by_command() -> None:
    made = factory(HOME)
    told(made, HOUR_NS)
    ask(made, STAMP, "stop")
    rows = told(made, 2 * HOUR_NS)[STAMP.path, "state"]
    assert [(row.t, row.reason, row.cause) for row in rows] == [(START + HOUR_NS, "planned_stop", "command")]
    ask(made, STAMP, "start", "c-2")
    assert told(made, 3 * HOUR_NS)[STAMP.path, "state"][0].t == START + 2 * HOUR_NS


def maintained(cuts: list[int], *faults: str) -> tuple[Factory, dict[tuple[str, str], list[Any]]]:
    made = factory(HOME, *faults)
    said = made.advance(START + HOUR_NS, HOUR_NS)
    assert ask(made, STAMP, "maintain").status == "accepted"
    for cut in [*cuts, 12 * HOUR_NS]:
        said += made.advance(START + cut, HOUR_NS)
    return made, all_rows(said)


def test_maintenance_is_promised_and_done_when_it_is_over() -> None:
    made, rows = maintained([])
    (done,) = rows[STAMP.path, "reply"]
    assert (done.command, done.status) == ("c-1", "done")
    begun = states(rows, STAMP, "planned_maintenance")[0]
    after = next(row for row in rows[STAMP.path, "state"] if row.t > begun.t)
    assert START + HOUR_NS <= begun.t < after.t == done.t
    assert dict(made.truth())[STAMP.path]["maintained"] >= 1
    _, cut = maintained([HOUR_NS + 1, (begun.t - START + 1), (done.t - START), 5 * HOUR_NS])
    assert cut == rows


def test_a_machine_that_fails_before_its_maintenance_is_as_good_as_new_too() -> None:
    _, rows = maintained([], "breakdown machine=stamp-1 at=1h")
    (done,) = rows[STAMP.path, "reply"]
    repair = next(row for row in rows[STAMP.path, "state"] if row.t > START + HOUR_NS and row.state == "Clearing")
    assert done.t == next(row for row in rows[STAMP.path, "state"] if row.t > repair.t).t


def test_a_fault_by_command_begins_now_and_once() -> None:
    made = factory(HOME)
    told(made, HOUR_NS)
    own = made.plant.world.power_w[0]
    arguments = {"kind": "power_limit", "for": "1h", "magnitude": "300"}
    assert ask(made, SITE.gateway, "fault", arguments=arguments).status == "accepted"
    (line,) = made.fault_lines(())
    assert (line["start_ns"], line["end_ns"], line["origin"]) == (START + HOUR_NS, START + 2 * HOUR_NS, "mqtt")
    told(made, HOUR_NS + MINUTE_NS)
    assert limit_w(made) == 300_000
    told(made, 2 * HOUR_NS + MINUTE_NS)
    assert limit_w(made) == own


def test_the_rule_of_a_step_and_the_priority_of_an_order() -> None:
    policies = msgspec.structs.replace(SITE.policies, dispatch="fifo", look=50)
    park = Park((replace(SITE, own_policies=policies),))
    made = factory(park)
    made.skip(START + HOUR_NS)
    waiting = [n for n in range(5000) if made._bookings.owner(n) == 0]
    begun = set(started(made))
    released = [n for n in waiting if n not in begun and int(made.plant.o[_place(made, n)]) <= made.now_ns]
    assert len(released) > 10
    order = released[9]
    assert ask(made, STAMP, "set_dispatch", arguments={"rule": "priority"}).status == "done"
    given = {"order": f"o-{order:06d}", "priority": "7"}
    assert ask(made, STAMP, "set_priority", "c-2", arguments=given).status == "done"
    made.skip(START + 3 * HOUR_NS)
    assert started(made)[0] == order
    made.skip(START + 10 * DAY_NS)
    refused = ask(made, STAMP, "set_priority", "c-3", arguments=given)
    assert (refused.status, refused.reason) == ("refused", f"no open order 'o-{order:06d}'")


def _place(made: Factory, order: int) -> int:
    return (order - int(made.plant.s[layout.G.ORDER_BASE])) * layout.ORDER_SIZE + layout.O.RELEASE_NS


def test_nobody_hurries_the_orders_of_another_enterprise() -> None:
    made = factory(two())
    made.skip(START + HOUR_NS)
    theirs = next(n for n in range(10_000) if made._bookings.owner(n) == 1)
    arguments = {"order": f"o-{theirs:06d}", "priority": "7"}
    a, b = (site.gateway for site in two().sites)
    assert ask(made, a, "set_priority", arguments=arguments).status == "refused"
    assert ask(made, b, "set_priority", arguments=arguments).status == "done"


def test_two_answers_of_one_moment_have_times_of_their_own() -> None:
    made = factory(HOME)
    made.skip(START + HOUR_NS)
    rows = [CommandRow(t=made.now_ns, command=f"c-{n}", action="stop") for n in range(3)]
    said = [made.reply(STAMP, made.command(STAMP, row)[0]) for row in rows]
    times = [row.t for one in said for row in decode("reply", one.payload).rows]  # type: ignore[attr-defined]
    assert times == sorted(set(times))
    assert times[0] - made.now_ns < len(times) + 3, "a nanosecond each, no more"
