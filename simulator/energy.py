"""Electricity: power times time, in integers, without a watt-second lost.

What it is: an ideal meter. It adds watts times nanoseconds as whole numbers and shows the whole watt-hours.
What it is not: the truth about money (``truth.py``); and it has no start-up peaks: power is constant in each state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from simulator.catalogue import Power
from simulator.kernel import Entered
from simulator.machine import Doing
from simulator.plant import HOUR_NS

ABORTED_SHARE: Final = 0.2
"""Share of the idle power that a broken machine still takes: control and light (an assumption)."""


def power_by_doing(power: Power) -> dict[Doing, int]:
    """Watts in each state: all states but running take the idle power, a breakdown a share of it."""
    idle_w = round(power.idle * 1000)
    watts = dict.fromkeys(Doing, idle_w)
    watts[Doing.RUNNING] = round(power.run * 1000)
    watts[Doing.BREAKDOWN] = round(power.idle * 1000 * ABORTED_SHARE)
    return watts


class EnergyMeter:
    """A meter of one machine, or of a constant load.

    >>> meter = EnergyMeter({}, 0, watts=3600)
    >>> list(meter.read([], [1_000_000_000, HOUR_NS]))
    [1, 3600]
    """

    def __init__(self, watts_by_doing: Mapping[Doing, int], start_ns: int, *, watts: int = 0) -> None:
        self._by_doing = watts_by_doing
        self._watts = watts
        self._known_ns = start_ns
        self._sum = 0

    def read(self, entered: Sequence[Entered], times_ns: Sequence[int]) -> Iterator[int]:
        """Cumulative Wh at each time, in order, as the machine enters states on the way.

        All of ``entered`` must be given, and lie before the last of the times.
        """
        changes = iter(entered)
        change = next(changes, None)
        for t_ns in times_ns:
            while change is not None and change.t_ns < t_ns:
                self._run_to(change.t_ns)
                self._watts = self._by_doing[change.doing]
                change = next(changes, None)
            self._run_to(t_ns)
            yield self._sum // HOUR_NS

    def _run_to(self, t_ns: int) -> None:
        self._sum += self._watts * (t_ns - self._known_ns)
        self._known_ns = t_ns
