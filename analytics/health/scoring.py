"""How good a detector is, against what really happened: counts that add, ratios taken last, and money.

What it is: ``tally`` of the alarms of one machine against its degradations; tallies add over machines, weeks and
plants. Beside it what chance and what perfect knowledge would get: the random detector has the same number of alarms.
What it is not: point-wise or point-adjusted scores: an alarm counts once, when it begins (Kim et al. 2022, AAAI,
"Towards a rigorous evaluation of time-series anomaly detection", show how adjustment flatters even a random detector).

Definitions: an alarm is true when it begins within [onset, end] of a degradation. A failure is caught when such an
alarm begins at least ``needed_ns`` before it. Precision = true alarms / alarms; recall = caught / failures; F1 their
harmonic mean. Degradations that did not end in a failure make alarms true, and count neither as caught nor as missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.health.truth import Episode

WEEK_NS: Final = 7 * 86_400 * 10**9
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Prices:
    """What each outcome costs, in one currency; assumptions of whoever gives them.

    Attributes:
        miss: a failure that no alarm came before.
        false_alarm: an inspection that finds nothing.
        caught: (lead time of at least so many ns, cost of the failure then), lead times increasing: with more time the
            repair is planned and its parts are there. Below the first a caught failure costs as much as a miss.
    """

    miss: float
    false_alarm: float
    caught: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        costs = (self.miss, self.false_alarm, *(cost for _, cost in self.caught))
        if not all(np.isfinite(c) and c >= 0.0 for c in costs):
            raise ValueError(f"expected costs of at least 0; found {costs}")
        leads = [lead for lead, _ in self.caught]
        if leads != sorted(set(leads)) or (leads and leads[0] < 0):
            raise ValueError(f"caught: expected increasing lead times of at least 0; found {leads}")

    def of_caught(self, lead_ns: int) -> Fraction:
        """The cost of a failure that was seen coming so early."""
        cost = self.miss
        for least, then in self.caught:
            if lead_ns >= least:
                cost = then
        return Fraction(repr(float(cost)))


@dataclass(frozen=True, slots=True)
class Tally:
    """What adds; ``+`` is commutative and associative, ``Tally()`` its zero. Ratios are None where undefined.

    Attributes:
        alarms: all, and true ones.
        true_alarms: those that began within a degradation.
        failures: all.
        leads_ns: lead times of the caught ones, sorted: from the first true alarm to the failure.
        watched_ns: machine time in which the detector could speak.
        cost: of misses, false alarms and caught failures; exact.
        cost_without: of the same failures had there been no detector.
    """

    alarms: int = 0
    true_alarms: int = 0
    failures: int = 0
    leads_ns: tuple[int, ...] = ()
    watched_ns: int = 0
    cost: Fraction = Fraction(0)
    cost_without: Fraction = Fraction(0)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.alarms + other.alarms,
            self.true_alarms + other.true_alarms,
            self.failures + other.failures,
            tuple(sorted((*self.leads_ns, *other.leads_ns))),
            self.watched_ns + other.watched_ns,
            self.cost + other.cost,
            self.cost_without + other.cost_without,
        )

    @property
    def false_alarms(self) -> int:
        """Alarms outside every degradation."""
        return self.alarms - self.true_alarms

    @property
    def caught(self) -> int:
        """Failures that a true alarm came before, in time."""
        return len(self.leads_ns)

    @property
    def precision(self) -> float | None:
        """True alarms / alarms."""
        return self.true_alarms / self.alarms if self.alarms else None

    @property
    def recall(self) -> float | None:
        """Caught failures / failures."""
        return self.caught / self.failures if self.failures else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 when both are 0."""
        p, r = self.precision, self.recall
        if p is None or r is None:
            return None
        return 2 * p * r / (p + r) if p + r else 0.0

    @property
    def false_per_week(self) -> float | None:
        """False alarms per machine-week of watching."""
        return self.false_alarms * WEEK_NS / self.watched_ns if self.watched_ns else None

    @property
    def saved(self) -> Fraction:
        """Money against no detector at all; negative when it costs more than it brings."""
        return self.cost_without - self.cost

    def lead_ns(self, share: float = 0.5) -> float | None:
        """A quantile of the lead times, by linear interpolation: 0.5 the median, 0.1 what nine of ten exceed."""
        return float(np.quantile(self.leads_ns, share)) if self.leads_ns else None


def tally(
    begins_ns: Sequence[int], truth: Sequence[Episode], watched: Spans, prices: Prices, *, needed_ns: int = 0
) -> Tally:
    """Score the alarms of one machine.

    Args:
        begins_ns: when each alarm began.
        truth: its degradations, in the order of time, none overlapping.
        watched: [begin, end) in which the detector could speak, in order; alarms and ends of degradations outside do
            not count.
        prices: of the outcomes.
        needed_ns: an alarm that is not so much earlier than the failure does not catch it.

    Raises:
        ValueError: degradations or spans overlap or are not in order.
    """
    _check(truth, watched)
    told = sorted(t for t in begins_ns if _within(t, watched))
    known = [e for e in truth if _within(e.end_ns, watched)]
    true_alarms = sum(any(e.onset_ns <= t <= e.end_ns for e in truth) for t in told)
    cost = (len(told) - true_alarms) * Fraction(repr(float(prices.false_alarm)))
    miss = Fraction(repr(float(prices.miss)))
    leads: list[int] = []
    failures = [e for e in known if e.failed]
    for episode in failures:
        lead = next((episode.end_ns - t for t in told if episode.onset_ns <= t <= episode.end_ns), None)
        if lead is None or lead < needed_ns:
            cost += miss
        else:
            leads.append(lead)
            cost += prices.of_caught(lead)
    spans = sum(end - begin for begin, end in watched)
    return Tally(len(told), true_alarms, len(failures), tuple(sorted(leads)), spans, cost, len(failures) * miss)


def oracle_alarms(truth: Sequence[Episode], watched: Spans) -> tuple[int, ...]:
    """One alarm at the onset of each degradation, or when watching begins within it: nobody can do better."""
    told = []
    for episode in truth:
        times = [max(episode.onset_ns, begin) for begin, end in watched if max(episode.onset_ns, begin) < end]
        told += [t for t in times[:1] if t <= episode.end_ns]
    return tuple(told)


def random_alarms(count: int, watched: Spans, rng: np.random.Generator) -> tuple[int, ...]:
    """So many alarms, anywhere in the watched time, each moment as likely as any other."""
    ends = np.cumsum([end - begin for begin, end in watched])
    if not len(ends) or not ends[-1]:
        return ()
    drawn = np.sort(rng.integers(0, int(ends[-1]), count))
    place = np.searchsorted(ends, drawn, side="right")
    first: NDArray[np.int64] = np.array([begin for begin, _ in watched], np.int64)
    return tuple((first[place] + drawn - np.concatenate([[0], ends])[place]).tolist())


def beside(
    begins_ns: Sequence[int],
    truth: Sequence[Episode],
    watched: Spans,
    prices: Prices,
    rng: np.random.Generator,
    *,
    needed_ns: int = 0,
    rounds: int = 20,
) -> dict[str, Tally]:
    """A detector beside a random one with as many alarms and one that knows everything; arguments as of ``tally``.

    ``random`` is the sum over ``rounds`` runs: its ratios are ratios of sums; its counts and money are to be divided
    by ``rounds``.

    Raises:
        ValueError: as of ``tally``, or fewer than one round.
    """
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, found {rounds}")
    own = tally(begins_ns, truth, watched, prices, needed_ns=needed_ns)
    chance = Tally()
    for _ in range(rounds):
        chance += tally(random_alarms(own.alarms, watched, rng), truth, watched, prices, needed_ns=needed_ns)
    best = tally(oracle_alarms(truth, watched), truth, watched, prices, needed_ns=needed_ns)
    return {"detector": own, "random": chance, "oracle": best}


def _within(t: int, watched: Spans) -> bool:
    return any(begin <= t < end for begin, end in watched)


def _check(truth: Sequence[Episode], watched: Spans) -> None:
    if any(b.onset_ns < a.end_ns for a, b in pairwise(truth)):
        raise ValueError("truth: expected degradations in the order of time that do not overlap")
    if any(end < begin for begin, end in watched) or any(b[0] < a[1] for a, b in pairwise(watched)):
        raise ValueError("watched: expected spans in the order of time that do not overlap")
