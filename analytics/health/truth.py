"""What really happened: degradations, from the lives of a machine.

What it is: the value ``Episode``, and ``episodes``, which reads them out of a machine's states with age and life.
What it is not: a guess from data: whoever calls knows the truth (a simulator's ledger, a maintenance log).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Episode:
    """One degradation.

    Attributes:
        onset_ns: from when on it can be seen.
        end_ns: when the machine failed, or was renewed before it could, or what is known ends.
        failed: whether it failed.
        sensor: the number of the sensor that shows it; -1 when not known.
    """

    onset_ns: int
    end_ns: int
    failed: bool
    sensor: int = -1

    def __post_init__(self) -> None:
        if self.end_ns < self.onset_ns:
            raise ValueError(f"end_ns: expected no earlier than the onset; found {self.end_ns} < {self.onset_ns}")


def episodes(
    times: ArrayLike,
    *,
    running: ArrayLike,
    ages: ArrayLike,
    lives: ArrayLike,
    modes: ArrayLike,
    visible_ns: Sequence[int],
    until_ns: int,
) -> tuple[Episode, ...]:
    """The degradations of one machine out of the states that it entered.

    A failure of mode k can be seen from the age max(life / 2, life - visible_ns[k]); age grows only while the machine
    runs. An episode ends when the age reaches the life (a failure), when the age falls before that (a renewal), or at
    ``until_ns``. A life that is cut short to the present age is a failure without warning: its onset is its end.

    Args:
        times: when each state was entered, ns, in order.
        running: whether the machine ages in it.
        ages: at that time, ns.
        lives: the age at which it will fail, ns.
        modes: of the coming failure; one without a place in ``visible_ns`` cannot be seen, and has its onset at the
            failure.
        visible_ns: for each mode (P-F interval).
        until_ns: end of what is known; states entered later do not count.
    """
    known = np.asarray(times) < until_ns
    t, r, a, life, m = (np.asarray(x)[known] for x in (times, running, ages, lives, modes))
    found: list[Episode] = []
    onset: int | None = None
    failed = False
    for n in range(len(t)):
        at, age, whole, mode = int(t[n]), int(a[n]), int(life[n]), int(m[n])
        if n and age < int(a[n - 1]):  # as good as new
            if onset is not None:
                found.append(Episode(onset, at, failed=False, sensor=_sensor(int(m[n - 1]), visible_ns)))
            onset, failed = None, False
        end = int(t[n + 1]) if n + 1 < len(t) else until_ns
        reached = age + (end - at if r[n] else 0)
        begin = max(whole // 2, whole - visible_ns[mode]) if 0 <= mode < len(visible_ns) else whole
        if onset is None and not failed and reached >= begin:
            onset = at + max(0, begin - age)
        if onset is not None and reached >= whole:
            found.append(Episode(onset, at + max(0, whole - age), failed=True, sensor=_sensor(mode, visible_ns)))
            onset, failed = None, True
    if onset is not None:
        found.append(Episode(onset, until_ns, failed=False, sensor=_sensor(int(m[-1]), visible_ns)))
    return tuple(found)


def _sensor(mode: int, visible_ns: Sequence[int]) -> int:
    return mode if 0 <= mode < len(visible_ns) else -1
