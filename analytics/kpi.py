"""The key performance indicators, as a table of formulas over elements.

What it is: the 34 KPIs of ISO 22400-2, each with its name, formula, unit, direction, timing and place in the standard,
and the four that the trade takes beside them; computed from sums, last. A KPI of one's own is one more row.
What it is not: a source of the elements. What no event says stays zero, and its KPIs undefined.

Standard: ISO 22400-2:2014; numbers and timing as its public renderings have them, for the clauses themselves were not
open to us. A KPI whose denominator is zero is undefined, ``None``, and never 0 or 1. An effectiveness above 100 % stays
as it is: it says that a planned run time is wrong. Quality is weighted by planned run time, Σ PRI·GQ / Σ PRI·PQ: for
one product that is GQ/PQ, and for a mix it is what makes OEE ≡ Σ PRI·GQ / Σ PBT hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

from analytics.basis import Basis, Exact
from analytics.cost import HOUR_NS, WH_PER_KWH
from analytics.elements import Elements

Value = float | None
YEAR_NS: Final = 8760 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Kpi:
    """One indicator.

    Attributes:
        id: its number in ISO 22400-2; None for one that is not there.
        name: as fields of points and columns are called.
        symbol: as the trade writes it.
        formula: over elements, for people.
        unit: ``1`` for a ratio.
        better: which direction is better.
        timing: when it is asked for: R in real time, D on demand, P periodically.
        source: where the definition is from.
        how: the formula, for the machine: of the elements of the work units, and of everything.
    """

    id: int | None
    name: str
    symbol: str
    formula: str
    unit: str
    better: Literal["higher", "lower"]
    timing: str
    source: str
    how: Callable[[Elements, Basis], Value]

    def of(self, basis: Basis) -> Value:
        """Its value; None where it is undefined."""
        return self.how(basis.machine, basis)


def ratio(numerator: Exact, denominator: Exact) -> Value:
    """The quotient, correctly rounded; None when it is undefined."""
    if not denominator:
        return None
    if isinstance(numerator, int) and isinstance(denominator, int):
        return numerator / denominator
    return float(Fraction(numerator) / denominator)


def as_vorne(elements: Elements) -> Elements:
    """The same time booked as Nakajima and Vorne do: a minor stop is slow running, not lost availability.

    Availability falls less by minor stops and effectiveness more, and minor stops count as operating time (MTBF); OEE
    stays.
    """
    minor = elements.minor_ns
    return replace(elements, apt_ns=elements.apt_ns + minor, adet_ns=elements.adet_ns - minor, minor_ns=0)


PROFILES: Final[Mapping[str, Callable[[Elements], Elements]]] = {"iso22400": lambda e: e, "vorne": as_vorne}
"""How minor stops are booked before the KPIs are taken."""


def _index(name: Literal["cm", "cmk", "cp", "cpk"]) -> Callable[[Elements, Basis], Value]:
    return lambda m, b: None if b.capability is None else getattr(b.capability, name)


_ISO: Final = "ISO 22400-2:2014"
_LOSS: Final = "loss waterfall, Nakajima"
_UP: Final = "higher"
_DOWN: Final = "lower"

# fmt: off
# One row, one indicator: number, name, symbol, formula, unit, better, timing, source, and the formula once more.
_TABLE: Final = (
    Kpi(1, "worker_efficiency", "WE", "APWT / APAT", "1", _UP, "P", _ISO, lambda m, b: ratio(b.apwt_ns, b.apat_ns)),
    Kpi(2, "allocation_ratio", "AR", "Σ AUBT / AOET, of orders",
        "1", _UP, "P", _ISO, lambda m, b: ratio(b.order_aubt_ns, b.aoet_ns)),
    Kpi(3, "throughput_rate", "TR", "PQ / AOET, of orders",
        "1/h", _UP, "DP", _ISO, lambda m, b: ratio(b.order_pq * HOUR_NS, b.aoet_ns)),
    Kpi(4, "allocation_efficiency", "AE", "AUBT / PBT", "1", _UP, "D", _ISO, lambda m, b: ratio(m.aubt_ns, m.pbt_ns)),
    Kpi(5, "utilization_efficiency", "UE", "APT / AUBT",
        "1", _UP, "RDP", _ISO, lambda m, b: ratio(m.apt_ns, m.aubt_ns)),
    Kpi(6, "oee", "OEE", "A · E · QR = Σ PRI·GQ / PBT",
        "1", _UP, "DP", _ISO, lambda m, b: ratio(m.pri_gq_ns, m.pbt_ns)),
    Kpi(7, "nee", "NEE", "AUPT / PBT · E · QR",
        "1", _UP, "DP", _ISO, lambda m, b: ratio(m.aupt_ns * m.pri_gq_ns, m.pbt_ns * m.apt_ns)),
    Kpi(8, "availability", "A", "APT / PBT", "1", _UP, "DP", _ISO, lambda m, b: ratio(m.apt_ns, m.pbt_ns)),
    Kpi(9, "effectiveness", "E", "Σ PRI·PQ / APT", "1", _UP, "RDP", _ISO, lambda m, b: ratio(m.pri_pq_ns, m.apt_ns)),
    Kpi(10, "quality_ratio", "QR", "Σ PRI·GQ / Σ PRI·PQ",
        "1", _UP, "RDP", _ISO, lambda m, b: ratio(m.pri_gq_ns, m.pri_pq_ns)),
    Kpi(11, "setup_ratio", "SeR", "AUST / AUPT", "1", _DOWN, "DP", _ISO, lambda m, b: ratio(m.aust_ns, m.aupt_ns)),
    Kpi(12, "technical_efficiency", "TE", "APT / (APT + ADET)",
        "1", _UP, "RDP", _ISO, lambda m, b: ratio(m.apt_ns, m.apt_ns + m.adet_ns)),
    Kpi(13, "production_process_ratio", "PPR", "Σ APT / AOET, of orders",
        "1", _UP, "DP", _ISO, lambda m, b: ratio(b.order_apt_ns, b.aoet_ns)),
    Kpi(14, "actual_to_planned_scrap_ratio", "ASR", "SQ / PSQ",
        "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(m.sq, b.psq)),
    Kpi(15, "first_pass_yield", "FPY", "GP / IP", "1", _UP, "RDP", _ISO, lambda m, b: ratio(b.gp, b.ip)),
    Kpi(16, "scrap_ratio", "SR", "SQ / PQ", "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(m.sq, m.pq)),
    Kpi(17, "rework_ratio", "RR", "RQ / PQ", "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(m.rq, m.pq)),
    Kpi(18, "fall_off_ratio", "FR", "SQ / PQ of the order's first operation",
        "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(m.sq, b.first_pq)),
    Kpi(19, "machine_capability", "Cm", "(USL - LSL) / 6s, short run", "1", _UP, "RDP", _ISO, _index("cm")),
    Kpi(20, "critical_machine_capability", "Cmk", "min(USL - mean, mean - LSL) / 3s, short run",
        "1", _UP, "RDP", _ISO, _index("cmk")),
    Kpi(21, "process_capability", "Cp", "(USL - LSL) / 6σ within subgroups", "1", _UP, "RD", _ISO, _index("cp")),
    Kpi(22, "critical_process_capability", "Cpk", "min(USL - mean, mean - LSL) / 3σ",
        "1", _UP, "RD", _ISO, _index("cpk")),
    Kpi(23, "comprehensive_energy_consumption", "e", "(Σ M·R + Q) / PQ",
        "unit of R", _DOWN, "DP", _ISO, lambda m, b: ratio(b.energy_equivalent, m.pq)),
    Kpi(24, "inventory_turns", "IT", "throughput / average inventory",
        "1/a", _UP, "DP", _ISO, lambda m, b: ratio(b.throughput * YEAR_NS, b.stock_ns)),
    Kpi(25, "finished_goods_ratio", "FGR", "GQ / CM", "1", _UP, "RDP", _ISO, lambda m, b: ratio(b.finished, b.cm)),
    Kpi(26, "integrated_goods_ratio", "IGR", "IGQ / CM", "1", _UP, "RDP", _ISO, lambda m, b: ratio(b.igq, b.cm)),
    Kpi(27, "production_loss_ratio", "PLR", "PL / CM", "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(b.pl, b.cm)),
    Kpi(28, "storage_and_transportation_loss_ratio", "STLR", "STL / CM",
        "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(b.stl, b.cm)),
    Kpi(29, "other_loss_ratio", "OLR", "OL / CM", "1", _DOWN, "RDP", _ISO, lambda m, b: ratio(b.ol, b.cm)),
    Kpi(30, "equipment_load_ratio", "ELR", "PQ / EPC", "1", _UP, "RDP", _ISO, lambda m, b: ratio(m.pq, b.epc)),
    Kpi(31, "mtbf_h", "MTBF", "(APT + AUST) / FE",
        "h", _UP, "DP", _ISO, lambda m, b: ratio(m.aupt_ns, HOUR_NS * m.failures)),
    Kpi(32, "mttf_h", "MTTF", "Σ TTF / runs that ended in a failure",
        "h", _UP, "DP", _ISO, lambda m, b: ratio(b.ttf_ns, HOUR_NS * b.runs)),
    Kpi(33, "mttr_h", "MTTR", "time to restore / FE",
        "h", _DOWN, "DP", _ISO, lambda m, b: ratio(m.ttr_ns, HOUR_NS * m.failures)),
    Kpi(34, "corrective_maintenance_ratio", "CMR", "CMT / (CMT + PMT), CMT = time to restore",
        "1", _DOWN, "DP", _ISO, lambda m, b: ratio(m.ttr_ns, m.ttr_ns + m.pmt_ns)),
    Kpi(None, "energy_kwh_per_produced", "kWh/PQ", "electricity / PQ",
        "kWh", _DOWN, "RDP", "KPI 23 for electricity alone", lambda m, b: ratio(m.energy_wh, WH_PER_KWH * m.pq)),
    Kpi(None, "energy_kwh_per_good", "SEC", "electricity / GQ",
        "kWh", _DOWN, "RDP", "specific energy", lambda m, b: ratio(m.energy_wh, WH_PER_KWH * m.gq)),
    Kpi(None, "ooe", "OOE", "Σ PRI·GQ / POT", "1", _UP, "DP", _LOSS, lambda m, b: ratio(m.pri_gq_ns, m.pot_ns)),
    Kpi(None, "teep", "TEEP", "Σ PRI·GQ / (POT + time outside the shifts + unknown time)",
        "1", _UP, "DP", _LOSS, lambda m, b: ratio(m.pri_gq_ns, m.calendar_ns)),
)
# fmt: on

KPIS: Final[Mapping[str, Kpi]] = {kpi.name: kpi for kpi in _TABLE}
"""Name -> indicator, in the order of the standard."""


def kpis(elements: Elements | Basis, profile: str = "iso22400") -> dict[str, Value]:
    """Every indicator of ``elements`` under a profile of ``PROFILES``.

    >>> kpis(Elements(apt_ns=3, adet_ns=1))["availability"]
    0.75
    >>> kpis(Elements())["oee"] is None
    True
    >>> kpis(Basis(gp=188, ip=200))["first_pass_yield"]
    0.94
    """
    basis = elements if isinstance(elements, Basis) else Basis(elements)
    booked = replace(basis, machine=PROFILES[profile](basis.machine))
    return {name: kpi.of(booked) for name, kpi in KPIS.items()}
