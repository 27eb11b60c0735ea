"""The key performance indicators, as a table of formulas over elements.

What it is: for each KPI its name, formula, unit, direction and place in the standard; computed from sums, last.
What it is not: all 34 KPIs of ISO 22400-2. Those here are the ones that states, lots and meters allow; orders,
people, inspection and inventory bring the others.

Standard: ISO 22400-2:2014; numbers of KPIs as its public renderings have them. A KPI whose denominator is zero
is undefined, ``None``, and never 0 or 1. An effectiveness above 100 % stays as it is: it says that a planned run time
is wrong. Quality is weighted by planned run time, Σ PRI·GQ / Σ PRI·PQ: for one product that is GQ/PQ, and for a mix it
is what makes OEE ≡ Σ PRI·GQ / Σ PBT hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from analytics.cost import HOUR_NS, WH_PER_KWH
from analytics.elements import Elements

Value = float | None


@dataclass(frozen=True, slots=True)
class Kpi:
    """One indicator.

    Attributes:
        name: as fields of points and columns are called.
        symbol: as the trade writes it.
        formula: over elements, for people.
        unit: ``1`` for a ratio.
        better: which direction is better.
        source: where the definition is from.
        of: the formula, for the machine.
    """

    name: str
    symbol: str
    formula: str
    unit: str
    better: Literal["higher", "lower"]
    source: str
    of: Callable[[Elements], Value]


def ratio(numerator: int, denominator: int) -> Value:
    """The quotient, correctly rounded; None when it is undefined."""
    return numerator / denominator if denominator else None


def as_vorne(elements: Elements) -> Elements:
    """The same time booked as Nakajima and Vorne do: a minor stop is slow running, not lost availability.

    Availability falls less by minor stops and effectiveness more; OEE stays.
    """
    minor = elements.minor_ns
    return replace(elements, apt_ns=elements.apt_ns + minor, adet_ns=elements.adet_ns - minor, minor_ns=0)


PROFILES: Final[Mapping[str, Callable[[Elements], Elements]]] = {"iso22400": lambda e: e, "vorne": as_vorne}
"""How minor stops are booked before the KPIs are taken."""


def _oee(e: Elements) -> Value:
    # A · E · QR with APT and Σ PRI·PQ cancelled: a machine that never ran, or made nothing good, has 0 and not None.
    return ratio(e.pri_gq_ns, e.pbt_ns)


def _nee(e: Elements) -> Value:
    return ratio(e.aupt_ns * e.pri_gq_ns, e.pbt_ns * e.apt_ns)


def _kwh_per(units: Callable[[Elements], int]) -> Callable[[Elements], Value]:
    return lambda e: ratio(e.energy_wh, WH_PER_KWH * units(e))


def _hours_per_failure(time_ns: Callable[[Elements], int]) -> Callable[[Elements], Value]:
    return lambda e: ratio(time_ns(e), HOUR_NS * e.failures)


_ISO: Final = "ISO 22400-2:2014"

_TABLE: Final = (
    Kpi("availability", "A", "APT / PBT", "1", "higher", f"{_ISO}, KPI 8", lambda e: ratio(e.apt_ns, e.pbt_ns)),
    Kpi(
        "effectiveness", "E", "Σ PRI·PQ / APT", "1", "higher", f"{_ISO}, KPI 9", lambda e: ratio(e.pri_pq_ns, e.apt_ns)
    ),
    Kpi(
        "quality_ratio",
        "QR",
        "Σ PRI·GQ / Σ PRI·PQ",
        "1",
        "higher",
        f"{_ISO}, KPI 10",
        lambda e: ratio(e.pri_gq_ns, e.pri_pq_ns),
    ),
    Kpi("oee", "OEE", "A · E · QR = Σ PRI·GQ / PBT", "1", "higher", f"{_ISO}, KPI 6", _oee),
    Kpi("nee", "NEE", "AUPT / PBT · E · QR", "1", "higher", f"{_ISO}, KPI 7", _nee),
    Kpi(
        "allocation_efficiency",
        "AE",
        "AUBT / PBT",
        "1",
        "higher",
        f"{_ISO}, KPI 4",
        lambda e: ratio(e.aubt_ns, e.pbt_ns),
    ),
    Kpi(
        "utilization_efficiency",
        "UE",
        "APT / AUBT",
        "1",
        "higher",
        f"{_ISO}, KPI 5",
        lambda e: ratio(e.apt_ns, e.aubt_ns),
    ),
    Kpi(
        "technical_efficiency",
        "TE",
        "APT / (APT + ADET)",
        "1",
        "higher",
        f"{_ISO}, KPI 12",
        lambda e: ratio(e.apt_ns, e.apt_ns + e.adet_ns),
    ),
    Kpi("setup_ratio", "SeR", "AUST / AUPT", "1", "lower", f"{_ISO}, KPI 11", lambda e: ratio(e.aust_ns, e.aupt_ns)),
    Kpi("scrap_ratio", "SR", "SQ / PQ", "1", "lower", f"{_ISO}, KPI 16", lambda e: ratio(e.sq, e.pq)),
    Kpi("rework_ratio", "RR", "RQ / PQ", "1", "lower", f"{_ISO}, KPI 17", lambda e: ratio(e.rq, e.pq)),
    Kpi(
        "energy_kwh_per_produced",
        "e",
        "energy / PQ (electricity only)",
        "kWh",
        "lower",
        f"{_ISO}, comprehensive energy consumption",
        _kwh_per(lambda e: e.pq),
    ),
    Kpi("mtbf_h", "MTBF", "(APT + AUST) / FE", "h", "higher", f"{_ISO}, MTBF", _hours_per_failure(lambda e: e.aupt_ns)),
    Kpi(
        "mttr_h", "MTTR", "time to restore / FE", "h", "lower", f"{_ISO}, MTTR", _hours_per_failure(lambda e: e.ttr_ns)
    ),
    Kpi(
        "energy_kwh_per_good",
        "SEC",
        "energy / GQ",
        "kWh",
        "lower",
        "specific energy consumption",
        _kwh_per(lambda e: e.gq),
    ),
    Kpi(
        "ooe",
        "OOE",
        "Σ PRI·GQ / POT",
        "1",
        "higher",
        "loss waterfall, Nakajima",
        lambda e: ratio(e.pri_gq_ns, e.pot_ns),
    ),
    Kpi(
        "teep",
        "TEEP",
        "Σ PRI·GQ / (POT + time outside the shifts + unknown time)",
        "1",
        "higher",
        "loss waterfall, Nakajima",
        lambda e: ratio(e.pri_gq_ns, e.pot_ns + e.off_ns + e.unknown_ns),
    ),
)

KPIS: Final[Mapping[str, Kpi]] = {kpi.name: kpi for kpi in _TABLE}
"""Name -> indicator, in the order in which they are shown."""


def kpis(elements: Elements, profile: str = "iso22400") -> dict[str, Value]:
    """Every indicator of ``elements`` under a profile of ``PROFILES``.

    >>> kpis(Elements(apt_ns=3, adet_ns=1))["availability"]
    0.75
    >>> kpis(Elements())["oee"] is None
    True
    """
    booked = PROFILES[profile](elements)
    return {name: kpi.of(booked) for name, kpi in KPIS.items()}
