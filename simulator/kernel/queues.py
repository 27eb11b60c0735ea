"""Queues of the kernel: the agenda, lists of who waits, and rings of lots, all within the arrays.

What it is: compiled. The agenda is a binary heap in which every agent (calendar, orders, material, machine) has at most
one time, and can be found by its number; at equal times the lower number comes first.
What it is not: a rule of the plant.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import inlined, lean
from simulator.kernel.layout import STEP_SIZE, G, M

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NOBODY: Final = -1
Array = NDArray[Any]


@inlined
def _before(s: Ints, a: int, b: int) -> bool:
    at = s[G.AT_KEY]
    ta, tb = s[at + a], s[at + b]
    return bool(ta < tb or (ta == tb and a < b))


@inlined
def _up(s: Ints, i: int) -> None:
    heap, place = s[G.AT_HEAP], s[G.AT_PLACE]
    agent = s[heap + i]
    while i > 0:
        parent = (i - 1) >> 1
        other = s[heap + parent]
        if not _before(s, agent, other):
            break
        s[heap + i] = other
        s[place + other] = i
        i = parent
    s[heap + i] = agent
    s[place + agent] = i


@inlined
def _down(s: Ints, i: int) -> None:
    heap, place, n = s[G.AT_HEAP], s[G.AT_PLACE], s[G.HEAP]
    agent = s[heap + i]
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and _before(s, s[heap + child + 1], s[heap + child]):
            child += 1
        other = s[heap + child]
        if not _before(s, other, agent):
            break
        s[heap + i] = other
        s[place + other] = i
        i = child
    s[heap + i] = agent
    s[place + agent] = i


@inlined
def schedule(s: Ints, agent: int, t_ns: int) -> None:
    """The agent's next event is at ``t_ns``, whatever it was before."""
    i = s[s[G.AT_PLACE] + agent]
    before = s[s[G.AT_KEY] + agent]
    s[s[G.AT_KEY] + agent] = t_ns
    if i == NOBODY:
        i = s[G.HEAP]
        s[G.HEAP] = i + 1
        s[s[G.AT_HEAP] + i] = agent
        _up(s, i)
    elif t_ns < before:
        _up(s, i)
    else:
        _down(s, i)


@lean
def unschedule(s: Ints, agent: int) -> None:
    """The agent has no next event."""
    heap, place = s[G.AT_HEAP], s[G.AT_PLACE]
    i = s[place + agent]
    if i == NOBODY:
        return
    s[place + agent] = NOBODY
    n = s[G.HEAP] - 1
    s[G.HEAP] = n
    if i == n:
        return
    last = s[heap + n]
    s[heap + i] = last
    s[place + last] = i
    if i > 0 and _before(s, last, s[heap + ((i - 1) >> 1)]):
        _up(s, i)
    else:
        _down(s, i)


@inlined
def push(s: Ints, at: int, count: int, who: int) -> None:
    """``who`` joins the end of the list at ``at``; ``count`` is the place of its length."""
    s[at + s[count]] = who
    s[count] += 1


@inlined
def pop(s: Ints, at: int, count: int) -> int:
    """Take the first off a list; the others move up."""
    return drop(s, at, count, 0)


@inlined
def drop(s: Ints, at: int, count: int, i: int) -> int:
    """Take the ``i``-th off a list; the others move up."""
    who = s[at + i]
    n = s[count] - 1
    s[count] = n
    for j in range(i, n):
        s[at + j] = s[at + j + 1]
    return int(who)


@lean
def leave(s: Ints, at: int, count: int, who: int) -> None:
    """``who`` leaves a list, if it is there."""
    for i in range(s[count]):
        if s[at + i] == who:
            drop(s, at, count, i)
            return


@inlined
def ring_get(a: Array, at: int, cap: int, head: int, i: int) -> int:
    """The ``i``-th of a ring."""
    j = head + i
    if j >= cap:
        j -= cap
    return int(a[at + j])


@inlined
def ring_drop(a: Array, at: int, cap: int, head: int, i: int) -> int:
    """Take the ``i``-th off a ring: those before it move up. Returns the new head; the caller counts."""
    while i > 0:
        j = head + i
        k = j - 1
        if j >= cap:
            j -= cap
        if k >= cap:
            k -= cap
        a[at + j] = a[at + k]
        i -= 1
    return head + 1 if head + 1 < cap else 0


@inlined
def todo(s: Ints, m: int) -> None:
    """The machine shall look for work, after those who already shall. Nobody is on the list twice."""
    cap = s[G.MACHINES] + 1
    j = s[G.TODO_HEAD] + s[G.TODO]
    if j >= cap:
        j -= cap
    s[s[G.AT_TODO] + j] = m
    s[G.TODO] += 1


@inlined
def todo_pop(s: Ints) -> int:
    """The first who shall look for work."""
    m = s[s[G.AT_TODO] + s[G.TODO_HEAD]]
    head = s[G.TODO_HEAD] + 1
    s[G.TODO_HEAD] = 0 if head > s[G.MACHINES] else head
    s[G.TODO] -= 1
    return int(m)


@inlined
def touch(s: Ints, m: int) -> None:
    """What the machine does has changed in this instant."""
    if not s[m + M.TOUCHED]:
        s[m + M.TOUCHED] = 1
        s[s[G.AT_TOUCHED] + s[G.TOUCHED]] = m
        s[G.TOUCHED] += 1


@inlined
def lots_before(step: int) -> int:
    """The place of the step whose buffer a step takes from: the one before it in its line."""
    return step - STEP_SIZE
