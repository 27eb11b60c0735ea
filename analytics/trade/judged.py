"""Whether what was promised came on time and in full: one rule for orders and for shipments.

What it is: the verdict on one promise, the counts of verdicts under one date basis, which add, and their ratios.
What it is not: a choice of date or quantity; orders (``service.py``) and shipments (``suppliers.py``) make their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, Self

from analytics.trade.distribution import EMPTY, Samples, quotient
from analytics.trade.orders import DateBasis


class Verdict(NamedTuple):
    """How a promise stands; whatever is not ``judged`` has passed no test.

    Attributes:
        standing: ``judged``; ``open`` while its date is to come; ``cancelled`` in time; ``unknown`` without date.
        on_time: what came of it came by its date, and something did.
        in_full: all of it came.
        late_ns: by how much what filled it passed the date; None when it did not, or when there is none.
        wanted: the units that an order is judged on.
    """

    standing: Literal["judged", "open", "cancelled", "unknown"]
    on_time: bool = False
    in_full: bool = False
    late_ns: int | None = None
    wanted: int = 0


def judge(due_ns: int, until_ns: int, filled_ns: int | None, *, in_full: bool) -> Verdict:
    """A promise for ``due_ns`` as it stands at ``until_ns``, filled as far as it is at ``filled_ns``."""
    if not in_full and due_ns >= until_ns:
        return Verdict("open")
    if filled_ns is None or filled_ns <= due_ns:
        return Verdict("judged", filled_ns is not None, in_full)
    return Verdict("judged", on_time=False, in_full=in_full, late_ns=filled_ns - due_ns)


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts of verdicts under one date basis; they add.

    Attributes:
        basis: against which date.
        open, unknown, judged: by standing.
        on_time, in_full, otif, perfect: of the judged, by test passed; perfect is on time, in full and without fault.
        lead: ns from placing, or from the first promise of a shipment, to completion, of those completed.
    """

    basis: DateBasis
    open: int = 0
    unknown: int = 0
    judged: int = 0
    on_time: int = 0
    in_full: int = 0
    otif: int = 0
    perfect: int = 0
    lead: Samples = EMPTY

    def __add__(self, other: Self) -> Self:
        if self.basis != other.basis:
            raise ValueError(f"counts judged by {self.basis} and by {other.basis} do not add")
        return type(self)(self.basis, *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)[1:]))

    @property
    def on_time_ratio(self) -> float | None:
        """On time per judged one."""
        return quotient(self.on_time, self.judged)

    @property
    def in_full_ratio(self) -> float | None:
        """In full per judged one."""
        return quotient(self.in_full, self.judged)

    @property
    def otif_ratio(self) -> float | None:
        """On time in full per judged one."""
        return quotient(self.otif, self.judged)

    @property
    def perfect_ratio(self) -> float | None:
        """Perfect ones per judged one."""
        return quotient(self.perfect, self.judged)


def tally(said: Iterable[tuple[Verdict, bool]]) -> dict[str, int]:
    """The counts of ``Judged``, by their names, of verdicts each with whether what came had no fault."""
    pairs = list(said)
    standing = [one.standing for one, _ in pairs]
    sound = [good for one, good in pairs if one.on_time and one.in_full]
    return {
        "open": standing.count("open"),
        "unknown": standing.count("unknown"),
        "judged": standing.count("judged"),
        "on_time": sum(one.on_time for one, _ in pairs),
        "in_full": sum(one.in_full for one, _ in pairs),
        "otif": len(sound),
        "perfect": sum(sound),
    }
