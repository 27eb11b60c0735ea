"""The panel of one machine: what it is, where its last hour went, and what its sensors say.

What it is: pure functions from what was read to a ``Detail``.
What it is not: diagnosis; it shows each signal beside the band that the machine's own birth declares.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from console.figures import add, figures
from console.page_data import MS, Detail, Reading
from console.roster import Member
from console.seen import Seen, newest_hour
from console.stops import HOUR_NS
from historian.base import Table

SLOTS: Final = 60  # of a sensor's sparkline


def detail(seen: Seen, member: Member, telemetry: Table) -> Detail:
    """The panel of one machine; ``telemetry`` is what its sensors said in the last hour."""
    work = member.birth.production
    sums = add(newest_hour(seen.five, member.levels).values())
    made = sums.elements
    return Detail(
        path=member.address.path,
        model=member.birth.model,
        version=member.birth.version,
        step=work.step if work else None,
        ideal_cycle_ms=work.ideal_cycle_ns / MS if work else None,
        figures=figures(sums, whole_line=False),
        split_ms={
            "apt": made.apt_ns / MS,
            "adot": made.adot_ns / MS,
            "adet": made.adet_ns / MS,
            "aust": made.aust_ns / MS,
            "pdot": made.pdot_ns / MS,
            "off": made.off_ns / MS,
            "unknown": made.unknown_ns / MS,
        },
        failures=made.failures,
        readings=[
            _reading(name, sensor.unit, sensor.low, sensor.high, telemetry)
            for name, sensor in member.birth.sensors.items()
        ],
    )


def _reading(name: str, unit: str, low: float | None, high: float | None, telemetry: Table) -> Reading:
    column = telemetry.fields.get(name, [])
    samples = [(t, v) for t, v in zip(telemetry.time_ns, column, strict=False) if isinstance(v, (int, float))]
    return Reading(
        name=name,
        unit=unit,
        low=low,
        high=high,
        value=samples[-1][1] if samples else None,
        at_ms=samples[-1][0] // MS if samples else None,
        track=_slots(samples, telemetry.time_ns[-1]) if samples else [],
    )


def _slots(samples: Iterable[tuple[int, float]], end_ns: int) -> list[float | None]:
    """The mean of each minute of the hour up to ``end_ns``; a minute without samples is a gap."""
    sums = [0.0] * SLOTS
    counts = [0] * SLOTS
    for t_ns, value in samples:
        slot = SLOTS - 1 - (end_ns - t_ns) * SLOTS // HOUR_NS
        if 0 <= slot < SLOTS:
            sums[slot] += value
            counts[slot] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
