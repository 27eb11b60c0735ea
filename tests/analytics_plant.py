"""What the tests of the analytics share: drawn machines, a small plant by hand, and how events lie in the historian.

The frames are written here in the layout that the ingester gives them, by hand, for the analytics import neither the
ingester nor the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, StateEvent, Word
from contract import LEVELS, Band, Birth, Economics, PackMLState, Production, Reason, Tariff, encode
from historian import Frame

E = TypeVar("E")
MIN = 60 * 10**9
HOUR = 60 * MIN
T0 = 1_772_323_200 * 10**9  # 2026-03-01T00:00Z, a full hour
BOOT = "b00710ad"
PATH = ("acme", "plant-1", "production", "line-1", "stamp-1")

TARIFF = Tariff(
    timezone="Asia/Shanghai",
    bands={
        "p": Band(name="peak", price_per_kwh=1.05),
        "f": Band(name="flat", price_per_kwh=0.7),
        "v": Band(name="valley", price_per_kwh=0.35),
    },
    hours=["vvvvvvvvffffppppffffppvv"] * 12,
)
ECONOMICS = Economics(
    currency="CNY",
    operators=0.5,
    wage_per_h=45.0,
    depreciation_per_h=27.5,
    material_per_unit=4.0,
    scrap_credit_per_unit=0.5,
    tariff=TARIFF,
)
STATE_OF = {
    Reason.RUNNING: PackMLState.EXECUTE,
    Reason.STARVED: PackMLState.SUSPENDED,
    Reason.BLOCKED: PackMLState.SUSPENDED,
    Reason.NO_ORDER: PackMLState.IDLE,
    Reason.UTILITY: PackMLState.SUSPENDED,
    Reason.SETUP: PackMLState.STOPPED,
    Reason.MINOR_STOP: PackMLState.HELD,
    Reason.BREAKDOWN: PackMLState.ABORTED,
    Reason.PLANNED_STOP: PackMLState.STOPPED,
    Reason.NO_SHIFT: PackMLState.STOPPED,
    Reason.PLANNED_MAINTENANCE: PackMLState.STOPPED,
}


def state(t: int, reason: str, boot: str = BOOT, cause: str = "") -> StateEvent:
    """The state that goes with a reason."""
    return StateEvent(t, boot, str(STATE_OF[Reason(reason)]), str(reason), cause)


@st.composite
def machines(draw: st.DrawFn) -> MachineEvents:
    """A machine over about a quarter of an hour, with one to three boots, odd times, resets and gaps."""
    events = MachineEvents()
    moment = draw(st.integers(0, 100))
    for number in range(draw(st.integers(1, 3))):
        boot, length = f"{number:08x}", draw(st.integers(1, 1000))
        within = st.integers(moment, moment + length)
        times = draw(st.lists(within, unique=True, max_size=12))
        reasons = draw(st.lists(st.sampled_from(list(Reason)), min_size=len(times), max_size=len(times)))
        cause = st.sampled_from(["", "wear"])
        events.states += [state(t, reason, boot, draw(cause)) for t, reason in zip(times, reasons, strict=True)]
        quantity = st.integers(0, 5)
        for t in draw(st.lists(within, unique=True, max_size=8)):
            ideal_ns = draw(st.integers(0, 100))
            events.cycles.append(CycleEvent(t, boot, draw(quantity), draw(quantity), draw(quantity), ideal_ns))
        for t in draw(st.lists(within, unique=True, max_size=8)):
            events.readings.append(Reading(t, boot, draw(st.integers(0, 10_000))))
        if draw(st.booleans()):
            events.births.append(BirthEvent(moment, boot))
        if draw(st.booleans()):
            events.deaths.append(Word(moment + length, boot))
        moment += length + draw(st.integers(-50, 200))
        moment = max(moment, 0)
    return events


def shuffled(events: MachineEvents, seed: int) -> MachineEvents:
    """The same events in another order, some of them twice."""
    draw = Random(seed)

    def shuffle(rows: Iterable[E]) -> list[E]:
        every = list(rows)
        again = every + draw.sample(every, draw.randint(0, len(every)))
        draw.shuffle(again)
        return again

    return MachineEvents(
        shuffle(events.states),
        shuffle(events.cycles),
        shuffle(events.readings),
        shuffle(events.births),
        shuffle(events.deaths),
    )


def joined(one: MachineEvents, two: MachineEvents) -> MachineEvents:
    """Both together."""
    return MachineEvents(
        one.states + two.states,
        one.cycles + two.cycles,
        one.readings + two.readings,
        one.births + two.births,
        one.deaths + two.deaths,
    )


def address(path: tuple[str, ...]) -> dict[str, str]:
    """The tags of a path."""
    return dict(zip(LEVELS, path, strict=True))


def frames(path: tuple[str, ...], events: MachineEvents) -> list[Frame]:
    """The events of a machine as the ingester stores them."""
    tags = address(path)
    result: list[Frame] = []

    def add(measurement: str, rows: list, **columns: list) -> None:  # type: ignore[type-arg]
        if rows:
            fields = {"_boot": [row.boot for row in rows], "_seq": list(range(1, len(rows) + 1)), **columns}
            result.append(Frame(measurement, tags, [row.t for row in rows], fields))

    births, states, cycles, readings = events.births, events.states, events.cycles, events.readings
    bodies = [
        encode(
            Birth(
                boot=b.boot,
                seq=1,
                t=b.t,
                role=b.role,
                model="m",
                version="1",
                counters={"energy_wh": "Wh"},
                production=b.production,
                economics=b.economics,
            )
        ).decode()
        for b in births
    ]
    add("birth", births, role=[b.role for b in births], body=bodies)
    causes = [s.cause or None for s in states]
    said = {"cause": causes} if any(causes) else {}
    add("state", states, state=[s.state for s in states], reason=[s.reason for s in states], **said)
    add(
        "cycle",
        cycles,
        order=["o-1"] * len(cycles),
        good=[c.good for c in cycles],
        scrap=[c.scrap for c in cycles],
        rework=[c.rework for c in cycles],
        ideal_ns=[c.ideal_ns for c in cycles],
    )
    add("meter", readings, energy_wh=[r.wh for r in readings])
    add("death", events.deaths, reason=["end"] * len(events.deaths))
    return result


def plant(hours: float = 1.0, machines_: int = 3) -> dict[tuple[str, ...], MachineEvents]:
    """A small line at work from T0, and the site's auxiliary meter beside it: nothing in it is random."""
    found: dict[tuple[str, ...], MachineEvents] = {}
    reasons = [Reason.RUNNING, Reason.STARVED, Reason.RUNNING, Reason.BREAKDOWN, Reason.RUNNING, Reason.MINOR_STOP]
    end = int(hours * HOUR)
    for number in range(machines_):
        production = Production(step=f"step-{number}", position=number + 1, ideal_cycle_ns=(20 + number) * 10**9)
        steps = range(0, end, 97 * 10**9 + number)
        lots = range(31 * 10**9 + number, end, 41 * 10**9)
        found[*PATH[:4], f"m-{number}"] = MachineEvents(
            states=[state(T0 + t, reasons[(i + number) % len(reasons)]) for i, t in enumerate(steps)],
            cycles=[CycleEvent(T0 + t, BOOT, 2, i % 2, 0, (2 + i % 2) * 20 * 10**9) for i, t in enumerate(lots)],
            readings=[Reading(T0 + t, BOOT, 100 * t // MIN) for t in range(0, end + 1, MIN)],
            births=[BirthEvent(T0, BOOT, "machine", production, ECONOMICS)],
            deaths=[Word(T0 + end, BOOT)],
        )
    aux = ("acme", "plant-1", "utilities", "power", "aux-1")
    found[aux] = MachineEvents(
        readings=[Reading(T0 + t, BOOT, 6000 * t // MIN) for t in range(0, end + 1, MIN)],
        births=[BirthEvent(T0, BOOT, "meter", None, Economics(currency="CNY", tariff=TARIFF))],
        deaths=[Word(T0 + end, BOOT)],
    )
    return found
