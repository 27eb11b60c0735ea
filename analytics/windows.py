"""Windows of all lengths as points, out of the shortest ones.

What it is: pure; what the loop (``analytics/keeper.py``) and a recomputation (``analytics/batch.py``) have in common,
so that both write the same points to the bit.
What it is not: a decision which windows are to be written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from analytics.compute import merged
from analytics.points import Shown, kpi_frames, window_name
from analytics.rollup import Machine, Path, roll_up
from historian.base import Frame

_SECOND_NS = 10**9
Stored = tuple[int, int, Path]
"""Length and start of a window, and who has a point there."""


@dataclass(slots=True)
class Taken:
    """One window of the shortest length: up to when it is known, and its machines."""

    until_ns: int
    machines: Sequence[Machine]


def window_frames(
    every: Mapping[int, Taken], changed: Iterable[int], windows_ns: Collection[int], stored: AbstractSet[Stored]
) -> tuple[list[Frame], set[Stored]]:
    """The points of the changed windows and of every longer window that holds one of them, and which they are.

    Who has a point already gets one even when nothing is known any more, as when a history is filled in over an earlier
    run: zeros in place of what has become wrong.

    Args:
        every: the windows of the shortest length by their start, those that did not change included.
        changed: the starts of those that did.
        windows_ns: all lengths, the shortest first.
        stored: who has a point already.
    """
    base_ns = min(windows_ns)
    frames: list[Frame] = []
    written: set[Stored] = set()
    changed = list(changed)
    for window_ns in windows_ns:
        shown: list[Shown] = []
        for start in sorted({start - start % window_ns for start in changed}):
            parts = [every[t] for t in range(start, start + window_ns, base_ns) if t in every]
            known = [
                figures
                for figures in roll_up(merged([part.machines for part in parts]))
                if not figures.elements.silent or (window_ns, start, figures.path) in stored
            ]
            shown.append(Shown(start, max(part.until_ns for part in parts), known))
            written |= {(window_ns, start, figures.path) for figures in known}
        frames += kpi_frames(shown, window_name(window_ns // _SECOND_NS))
    return frames, written
