"""A column in which one value stands for several rows.

What it is: what all rows of a message have in common (who said it, its number), without a copy for each row.
What it is not: a compression that anybody searches for; whoever makes a frame knows where its values repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import TypeVar, overload

T = TypeVar("T")


class Repeated(Sequence[T]):
    """A column in which values stand for several rows each: ``values[i]`` for ``counts[i]`` rows.

    >>> list(Repeated(["a", "b"], [2, 1]))
    ['a', 'a', 'b']
    """

    __slots__ = ("counts", "values")

    def __init__(self, values: Sequence[T], counts: Sequence[int]) -> None:
        self.values = values
        self.counts = counts

    def __len__(self) -> int:
        return sum(self.counts)

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(map(repeat, self.values, self.counts))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return list(self)[index]
