"""How far a long piece of work is: a share from 0 to 1, told to whoever shows it.

What it is: how the parts of a piece of work tell it as shares of the whole.
What it is not: the bar that shows it (``terminal.py``).
"""

from __future__ import annotations

from collections.abc import Callable

Told = Callable[[float], object]


def untold(_: float) -> None:
    """Nobody looks."""


def parts(whole: Told, count: int) -> list[Told]:
    """What each of so many equal parts of the work tells of itself.

    >>> parts(print, 4)[2](0.5)
    0.625
    """

    def part(number: int) -> Told:
        return lambda done: whole((number + done) / count)

    return [part(number) for number in range(count)]
