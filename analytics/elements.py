"""The ISO 22400-2 elements of a machine (or of a whole site) in a stretch of time.

What it is: one frozen value of integers that adds: over time, over machines, in any order, to the last bit. The table
that books each PackML state to its element stands here and nowhere else.
What it is not: a KPI. Ratios are taken last, from sums (``analytics/kpi.py``); a ratio is never stored here.

Standard: the time model of ISO 22400-2:2014 for a work unit. Every nanosecond that is known is in exactly one of PDOT,
ADOT, ADET, AUST, APT, or outside the shifts; POT, PBT, AUBT and AUPT are sums of these, and PQ = GQ + SQ + RQ, so the
identities of the standard hold by construction.

>>> Elements(apt_ns=3, adet_ns=1) + Elements(apt_ns=4) == Elements(apt_ns=7, adet_ns=1)
True
>>> element_of("Suspended", "starved")
'adot_ns'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contract import PackMLState, Reason

NO_TARIFF: Final = ""
"""The code under which energy is kept where no tariff says in which band it fell."""

BY_REASON: Final[Mapping[str, str]] = {
    Reason.RUNNING: "apt_ns",
    Reason.STARVED: "adot_ns",
    Reason.BLOCKED: "adot_ns",
    Reason.NO_ORDER: "adot_ns",
    Reason.UTILITY: "adot_ns",
    Reason.SETUP: "aust_ns",
    Reason.MINOR_STOP: "adet_ns",
    Reason.BREAKDOWN: "adet_ns",
    Reason.PLANNED_STOP: "pdot_ns",
    Reason.NO_SHIFT: "off_ns",
    Reason.PLANNED_MAINTENANCE: "pdot_ns",
}
"""Reason -> time element. The reason decides, for the same PackML state may be planned or not."""
PAUSES: Final = frozenset({Reason.PLANNED_STOP, Reason.NO_SHIFT})
"""What interrupts a breakdown and does not end it."""

_S = PackMLState
BY_STATE: Final[Mapping[str, str]] = {
    **dict.fromkeys((_S.EXECUTE, _S.STARTING, _S.COMPLETING), "apt_ns"),
    **dict.fromkeys((_S.IDLE, _S.SUSPENDING, _S.SUSPENDED, _S.UNSUSPENDING, _S.COMPLETE, _S.RESETTING), "adot_ns"),
    **dict.fromkeys((_S.HOLDING, _S.HELD, _S.UNHOLDING, _S.ABORTING, _S.ABORTED, _S.CLEARING), "adet_ns"),
    **dict.fromkeys((_S.STOPPING, _S.STOPPED), "adet_ns"),
}
"""PackML state -> time element, for a stored reason that this version does not know (of a later contract, say).
A stop without a known reason counts as unplanned: a loss that is shown can be explained, one that is hidden cannot."""


def element_of(state: str, reason: str) -> str:
    """The name of the time element that a machine in this state adds to; by the reason where it is known."""
    return BY_REASON.get(reason) or BY_STATE.get(state, "adet_ns")


@dataclass(frozen=True, slots=True)
class Elements:
    """What adds. All integers; ``+`` is commutative and associative, ``Elements()`` is its zero.

    Attributes:
        pdot_ns: planned down time.
        adot_ns: actual unit down time: available, but without order, material or power, or blocked.
        adet_ns: actual unit delay time: breakdowns and minor stops.
        aust_ns: actual unit setup time.
        apt_ns: actual production time.
        minor_ns: the part of ``adet_ns`` that are minor stops; the rest is time to restore (TTR).
        pmt_ns: the part of ``pdot_ns`` that is planned maintenance (PMT).
        off_ns: time outside the shifts; outside POT.
        unknown_ns: time of which nothing is known; outside POT.
        gq: good quantity.
        sq: scrap quantity.
        rq: rework quantity.
        pri_pq_ns: Σ PRI·PQ, the planned run time of everything produced.
        pri_gq_ns: Σ PRI·GQ, the planned run time of what was good; per lot rounded down to whole nanoseconds,
            which is exact where the lot's planned time is items × PRI, as the contract has it.
        failures: breakdowns begun (FE); one that a planned stop interrupts is one, in the window of its beginning.
        energy: ``(band code, Wh)`` by code, without zeros; ``NO_TARIFF`` where there is no tariff.
    """

    pdot_ns: int = 0
    adot_ns: int = 0
    adet_ns: int = 0
    aust_ns: int = 0
    apt_ns: int = 0
    minor_ns: int = 0
    pmt_ns: int = 0
    off_ns: int = 0
    unknown_ns: int = 0
    gq: int = 0
    sq: int = 0
    rq: int = 0
    pri_pq_ns: int = 0
    pri_gq_ns: int = 0
    failures: int = 0
    energy: tuple[tuple[str, int], ...] = ()

    def __add__(self, other: Elements) -> Elements:
        return Elements(
            self.pdot_ns + other.pdot_ns,
            self.adot_ns + other.adot_ns,
            self.adet_ns + other.adet_ns,
            self.aust_ns + other.aust_ns,
            self.apt_ns + other.apt_ns,
            self.minor_ns + other.minor_ns,
            self.pmt_ns + other.pmt_ns,
            self.off_ns + other.off_ns,
            self.unknown_ns + other.unknown_ns,
            self.gq + other.gq,
            self.sq + other.sq,
            self.rq + other.rq,
            self.pri_pq_ns + other.pri_pq_ns,
            self.pri_gq_ns + other.pri_gq_ns,
            self.failures + other.failures,
            by_band((*self.energy, *other.energy)),
        )

    @property
    def aupt_ns(self) -> int:
        """Actual unit processing time = APT + AUST."""
        return self.apt_ns + self.aust_ns

    @property
    def aubt_ns(self) -> int:
        """Actual unit busy time = AUPT + ADET."""
        return self.aupt_ns + self.adet_ns

    @property
    def pbt_ns(self) -> int:
        """Planned busy time = AUBT + ADOT = POT - PDOT."""
        return self.aubt_ns + self.adot_ns

    @property
    def pot_ns(self) -> int:
        """Planned operation time = PBT + PDOT: all the time that is known, within the shifts."""
        return self.pbt_ns + self.pdot_ns

    @property
    def calendar_ns(self) -> int:
        """All time: POT, time outside the shifts, and time of which nothing is known."""
        return self.pot_ns + self.off_ns + self.unknown_ns

    @property
    def ttr_ns(self) -> int:
        """Time to restore: the delay that is not a minor stop; a stop of unknown reason counts as one too."""
        return self.adet_ns - self.minor_ns

    @property
    def pq(self) -> int:
        """Produced quantity = GQ + SQ + RQ."""
        return self.gq + self.sq + self.rq

    @property
    def energy_wh(self) -> int:
        """Energy over all bands."""
        return sum(wh for _, wh in self.energy)

    @property
    def silent(self) -> bool:
        """Whether nothing at all is known: no state, no lot, no energy."""
        return not (self.pot_ns or self.off_ns or self.pq or self.energy or self.pri_pq_ns)


def by_band(parts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Energies summed by band code, in the order of the codes, without zeros: equal sums are equal values."""
    sums: dict[str, int] = {}
    for code, wh in parts:
        sums[code] = sums.get(code, 0) + wh
    return tuple((code, sums[code]) for code in sorted(sums) if sums[code])


def total(parts: Iterable[Elements]) -> Elements:
    """The sum of any number of elements; ``Elements()`` of none."""
    result = Elements()
    for part in parts:
        result = result + part
    return result
