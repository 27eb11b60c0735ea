"""OEE from events: eight hours, one breakdown, one setup, an open stop at the end; then two machines together.

The sum is taken before the quotient. The mean of the two OEEs would be another number, and a wrong one.
"""

from analytics import BirthEvent, CycleEvent, MachineEvents, StateEvent, Word, fold_windows, kpis, total

HOUR = 3600 * 10**9
MINUTE = HOUR // 60


def machine(states: list[tuple[int, str, str]], lots: int, scrap: int) -> MachineEvents:
    """A machine that entered these states, and finished its lots of one unit (ideal 30 s) evenly over the shift."""
    return MachineEvents(
        states=[StateEvent(t * MINUTE, "b007", state, reason) for t, state, reason in states],
        cycles=[
            CycleEvent((n + 1) * 8 * HOUR // (lots + 1), "b007", int(n >= scrap), int(n < scrap), 0, HOUR // 120)
            for n in range(lots)
        ],
        births=[BirthEvent(0, "b007")],
        deaths=[Word(8 * HOUR, "b007")],
    )


run, shift = ("Execute", "running"), [0, 8 * HOUR]
press = machine([(0, *run), (95, "Aborted", "breakdown"), (130, *run), (300, "Stopped", "setup"), (320, *run)], 780, 12)
saw = machine([(0, *run), (200, "Suspended", "starved"), (420, *run), (465, "Held", "minor_stop")], 400, 2)

elements = [fold_windows(events, shift, until_ns=8 * HOUR)[0] for events in (press, saw)]
for name, part in (("press", elements[0]), ("saw", elements[1]), ("together", total(elements))):
    of = kpis(part)
    shown = "  ".join(f"{k} {of[k]:.4f}" for k in ("availability", "effectiveness", "quality_ratio", "oee"))
    print(f"{name:8}  {shown}  busy {part.pbt_ns // MINUTE} min")
