"""From a machine's states to its runs, repairs and exposure.

What it is: a pure reader of one machine's states in a range: each run of operation until a failure or until it is out
of sight (right-censored), each time to restore, and their sums.
What it is not: a second opinion on what a failure is. That is the fold's (``analytics/fold.py``): a breakdown that a
planned stop interrupts is one failure, in the range of its beginning, so failures here and there agree.

Rules. A run counts time in operation alone: neither waiting nor planned stops age a machine (assumption; ISO 22400-2
takes the operating time). Times are clipped to the range. Where nothing is known (before the first word, between two
boots) a run ends unfinished, and what comes after is of unknown age. Time to restore is what the reason ``breakdown``
books, Aborted and Clearing alike.

>>> rows = [(0, "Execute", "running", ""), (120, "Aborted", "breakdown", "belt"), (132, "Execute", "running", "")]
>>> seen = history_of_rows(rows, 0, 200)
>>> [(run.operating_ns, run.failed, run.cause) for run in seen.runs]
[(120, True, 'belt'), (68, False, '')]
>>> seen.exposure.failures, seen.exposure.repair_ns
(1, 12)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from analytics.elements import BY_REASON, PAUSES, element_of
from analytics.events import MachineEvents, StateEvent, Word, coverage, held, said_in
from analytics.fold import failures_begun
from analytics.kpi import Value, ratio
from analytics.reliability.exposure import Exposure
from contract import Reason

OPERATION: Final = ("apt_ns", "aust_ns")
"""The time elements that count as operation: production and setup, as in the KPI ``mtbf_h``."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of operation between two restorations.

    Attributes:
        start_ns: event time of its begin, or of the range's.
        end_ns: of the failure, or of the last moment in sight.
        operating_ns: the time in operation between them.
        failed: whether a failure ended it; otherwise it is right-censored.
        cause: of that failure; empty where none was said.
        renewed: whether its begin, after a restoration, was in sight: then ``operating_ns`` is an age.
    """

    start_ns: int
    end_ns: int
    operating_ns: int
    failed: bool
    cause: str
    renewed: bool

    @property
    def completed_ns(self) -> int | None:
        """The operating time of a run that ended by failure."""
        return self.operating_ns if self.failed else None


@dataclass(frozen=True, slots=True)
class Repair:
    """One failure's way back to work.

    Attributes:
        start_ns: event time of the failure, or of the range's begin.
        end_ns: of the last moment of the breakdown in sight.
        repair_ns: time to restore between them, without the planned stops that interrupt it.
        cause: as the failure's first state said it; empty where none was said.
        begun: whether the failure was in the range.
        ended: whether its end was in sight.
    """

    start_ns: int
    end_ns: int
    repair_ns: int
    cause: str
    begun: bool
    ended: bool

    @property
    def completed_ns(self) -> int | None:
        """The time to restore, where all of it was in sight."""
        return self.repair_ns if self.begun and self.ended else None


@dataclass(frozen=True, slots=True)
class History:
    """What one machine went through in a range: the failed runs are as many as ``exposure.failures``."""

    runs: tuple[Run, ...]
    repairs: tuple[Repair, ...]
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Ages in ns at failure, and ages reached without one."""

    failures: tuple[int, ...]
    censored: tuple[int, ...]


def history(
    events: MachineEvents,
    start_ns: int,
    end_ns: int,
    *,
    until_ns: int | None = None,
    operation: Collection[str] = OPERATION,
    renewed_by_maintenance: bool = False,
) -> History:
    """The runs, repairs and exposure of a machine in ``[start_ns, end_ns)``.

    Args:
        events: in any order, with or without duplicates; states from before the range are carried in.
        start_ns: begin of the range, event time.
        end_ns: its end.
        until_ns: up to when anything is known of the plant; None: to the machine's last word.
        operation: the time elements that count as operation. For wear by production alone: ``("apt_ns",)``.
        renewed_by_maintenance: whether planned maintenance makes the machine as good as new, so that the run before it
            is censored and a run of known age follows. The exposure is the same.

    Raises:
        ValueError: the range is empty, or ``operation`` names no time element.
    """
    if end_ns <= start_ns:
        raise ValueError(f"the range must end after it begins: [{start_ns}, {end_ns})")
    if strangers := set(operation) - set(BY_REASON.values()):
        raise ValueError(f"no time elements: {sorted(strangers)}")
    spans = coverage(events, until_ns)
    rows = said_in(spans, events.states)
    reader = _Reader(start_ns, end_ns, frozenset(operation), renewed_by_maintenance, frozenset(failures_begun(rows)))
    for row, end, goes_on in held(spans, rows):
        if row.t >= end_ns:
            break
        reader.take(row, end)
        if not goes_on:
            reader.lose_sight()
    reader.lose_sight()
    return reader.history()


def history_of_rows(
    rows: Iterable[tuple[int, str, str, str]],
    start_ns: int,
    end_ns: int,
    *,
    operation: Collection[str] = OPERATION,
    renewed_by_maintenance: bool = False,
) -> History:
    """``history`` of plain rows ``(entered_ns, state, reason, cause)`` of one machine; the last holds to the end."""
    boot = "log"
    states = [StateEvent(t, boot, state, reason, cause) for t, state, reason, cause in rows]
    events = MachineEvents(states=states, seen=[Word(end_ns, boot)])
    return history(events, start_ns, end_ns, operation=operation, renewed_by_maintenance=renewed_by_maintenance)


def mean_completed_ns(stretches: Iterable[Run | Repair]) -> Value:
    """The mean of what was completed, in ns: of runs the MTTF, of repairs the MTTR; None when none was.

    Runs that are not finished yet are left out, which makes this too short: long runs are the ones that are not
    finished. A run that was under way when the range began counts with its part in the range. ``mtbf_ns`` has
    neither fault.
    """
    completed = [ns for stretch in stretches if (ns := stretch.completed_ns) is not None]
    return ratio(sum(completed), len(completed))


def lifetimes(runs: Iterable[Run], *, assume_renewed: bool = False) -> Lifetimes:
    """Ages for a fit of life: of the runs whose begin was in sight.

    Args:
        runs: of one machine, or of several of one kind.
        assume_renewed: take the others too, as if they had begun new (right for a log that begins with the machine).

    Runs without any operating time (a second failure during a restoration) have no age and are left out.
    """
    aged = [run for run in runs if run.operating_ns and (run.renewed or assume_renewed)]
    failures = tuple(run.operating_ns for run in aged if run.failed)
    return Lifetimes(failures, tuple(run.operating_ns for run in aged if not run.failed))


def failure_times(runs: Sequence[Run]) -> tuple[tuple[int, ...], int]:
    """The operating time of one machine at each of its failures, and in all, in ns: what a trend test takes."""
    times: list[int] = []
    spent = 0
    for run in runs:
        spent += run.operating_ns
        if run.failed:
            times.append(spent)
    return tuple(times), spent


@dataclass(slots=True)
class _Open:
    """A run or a repair under way."""

    start_ns: int
    known: bool  # its begin is in sight
    cause: str = ""
    spent_ns: int = 0
    end_ns: int = 0


@dataclass(slots=True)
class _Reader:
    """One pass over the states; what is under way, and what was found."""

    start_ns: int
    end_ns: int
    operation: frozenset[str]
    renewing: bool
    begun: frozenset[int]  # when failures began
    run: _Open | None = None
    repair: _Open | None = None
    runs: list[Run] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    pmt_ns: int = 0

    def take(self, row: StateEvent, until_ns: int) -> None:
        """A state that holds until ``until_ns``."""
        start, end = max(row.t, self.start_ns), min(until_ns, self.end_ns)
        spent = max(0, end - start)
        if row.t in self.begun:
            self._fail(row)
        elif row.reason != Reason.BREAKDOWN and row.reason not in PAUSES:
            self._restored(row.t)
        if row.reason == Reason.BREAKDOWN:
            self._mend(spent, end)
        elif row.reason == Reason.PLANNED_MAINTENANCE:
            self.pmt_ns += spent
            if self.renewing:
                self._censor()
                self.run = _Open(max(until_ns, self.start_ns), until_ns >= self.start_ns)
        if self.run:
            self.run.spent_ns += spent if element_of(row.state, row.reason) in self.operation else 0
            self.run.end_ns = max(end, self.run.start_ns)

    def lose_sight(self) -> None:
        """What is under way is not seen further."""
        self._censor()
        self._close_repair(ended=False)

    def history(self) -> History:
        """What was found."""
        exposure = Exposure(
            sum(run.operating_ns for run in self.runs),
            sum(run.failed for run in self.runs),
            sum(repair.repair_ns for repair in self.repairs),
            self.pmt_ns,
        )
        return History(tuple(self.runs), tuple(self.repairs), exposure)

    def _fail(self, row: StateEvent) -> None:
        self._close_repair(ended=True)
        run = self.run or _Open(max(row.t, self.start_ns), known=False)
        if row.t >= self.start_ns:
            self.runs.append(Run(run.start_ns, row.t, run.spent_ns, True, row.cause, run.known))
        self.run = None
        self.repair = _Open(max(row.t, self.start_ns), row.t >= self.start_ns, row.cause)

    def _mend(self, spent: int, end: int) -> None:
        if self.repair:
            self.repair.spent_ns += spent
            self.repair.end_ns = max(end, self.repair.start_ns)

    def _restored(self, t: int) -> None:
        if self.run is None:
            self.run = _Open(max(t, self.start_ns), self.repair is not None and t >= self.start_ns)
        self._close_repair(ended=True)

    def _censor(self) -> None:
        if (run := self.run) and run.spent_ns:
            self.runs.append(Run(run.start_ns, run.end_ns, run.spent_ns, False, "", run.known))
        self.run = None

    def _close_repair(self, *, ended: bool) -> None:
        if (repair := self.repair) and (repair.known or repair.spent_ns):
            self.repairs.append(
                Repair(repair.start_ns, repair.end_ns, repair.spent_ns, repair.cause, repair.known, ended)
            )
        self.repair = None
