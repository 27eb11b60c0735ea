"""A stream of stored events, row by row, and the figures that it must end in."""

from __future__ import annotations

from random import Random

from analytics_plant import BOOT, ECONOMICS, MIN, PATH, T0, frames, state

from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, Word
from contract import Production, Reason
from historian import Frame, Historian, Query

Points = dict[tuple[str, ...], dict[str, object]]


def drawn(draw: Random) -> dict[tuple[str, ...], MachineEvents]:
    """Two machines over a few hours: sparse words, long silences, boots that may overlap, prices that come and go."""
    return {(*PATH[:4], f"m-{name}"): _drawn(draw, name) for name in "ab"}


def _drawn(draw: Random, name: str) -> MachineEvents:
    events, moment = MachineEvents(), draw.randrange(600)
    for number in range(draw.randrange(1, 4)):
        boot, length = f"{name}{number:07x}", draw.randrange(60, 5000)

        def times(most: int, since: int = moment, length: int = length) -> list[int]:
            offsets = draw.sample(range(length), draw.randrange(min(most, length)))
            return sorted(T0 + (since + offset) * 10**9 for offset in offsets)

        reasons = list(Reason)
        events.states += [state(t, draw.choice(reasons), boot) for t in times(15)]
        events.cycles += [CycleEvent(t, boot, draw.randrange(4), draw.randrange(2), 0, 7 * MIN) for t in times(25)]
        events.readings += [Reading(t, boot, 100 * n + draw.randrange(100)) for n, t in enumerate(times(12))]
        economics = ECONOMICS if draw.random() < 0.8 else None
        events.births.append(BirthEvent(T0 + moment * 10**9, boot, "machine", None, economics))
        if draw.random() < 0.6:
            events.deaths.append(Word(T0 + (moment + length) * 10**9, boot))
        moment = max(0, moment + length + draw.randrange(-100, 1500))
    return events


def rows_of(events: dict[tuple[str, ...], MachineEvents]) -> list[Frame]:
    """Every event as a frame of its own."""
    single = []
    for path, machine in events.items():
        for frame in frames(path, machine):
            for row, t in enumerate(frame.time_ns):
                fields = {name: [column[row]] for name, column in frame.fields.items()}
                single.append(Frame(frame.measurement, frame.tags, [t], fields))
    return single


async def kpi_points(store: Historian) -> Points:
    table = await store.read(Query("kpi"))
    tags = [table.tags.get(name, [""] * len(table)) for name in ("level", "window", "site", "line", "machine")]
    keys = zip(*tags, map(str, table.time_ns), strict=True)
    return {
        key: {name: column[row] for name, column in table.fields.items() if column[row] is not None}
        for row, key in enumerate(keys)
    }


def agree(found: Points, wanted: Points) -> None:
    """All that is wanted is there; a ratio that late data have made undefined may be left."""
    assert found.keys() == wanted.keys()
    for key, fields in wanted.items():
        assert {name: found[key].get(name) for name in fields} == fields, key


def busy_hours() -> dict[tuple[str, ...], MachineEvents]:
    """One machine with a night off: silent, then back; another that crashes and comes back as another boot."""
    production = Production(step="s", position=1, ideal_cycle_ns=MIN)
    quiet = MachineEvents(
        states=[state(T0, "running"), state(T0 + 40 * MIN, "planned_stop"), state(T0 + 110 * MIN, "running")],
        cycles=[CycleEvent(T0 + m * MIN + 7, BOOT, 1, 0, 0, MIN) for m in (*range(40), *range(110, 150))],
        readings=[Reading(T0 + m * MIN, BOOT, 50 * m) for m in (*range(41), *range(110, 151))],
        births=[BirthEvent(T0, BOOT, "machine", production, ECONOMICS)],
        deaths=[Word(T0 + 150 * MIN, BOOT)],
    )
    crash = MachineEvents(
        states=[
            *(state(T0 + m * MIN, Reason.RUNNING if m % 2 else Reason.BREAKDOWN, "000000aa") for m in range(50)),
            *(state(T0 + m * MIN, Reason.SETUP if m % 2 else Reason.STARVED, "000000bb") for m in range(80, 140)),
        ],
        readings=[Reading(T0 + m * MIN, "000000bb", 9 * (m - 80)) for m in range(80, 140)],
        births=[
            BirthEvent(T0, "000000aa", "machine", production, ECONOMICS),
            BirthEvent(T0 + 80 * MIN, "000000bb", "machine", production, ECONOMICS),
        ],
    )
    return {(*PATH[:4], "quiet"): quiet, (*PATH[:4], "crash"): crash}


ROWS = rows_of(busy_hours())
