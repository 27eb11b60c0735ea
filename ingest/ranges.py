"""Sets of whole numbers as few ranges: which messages came, which are missing, which letters were replayed.

What it is: pure functions over a tuple of ``(first, last)`` pairs, both included, in order, with a gap between any two.
What it is not: sets of single numbers; a stream of a million messages without a hole is one pair.

>>> ranges_of([9, 1, 2, 3, 3, 7])
((1, 3), (7, 7), (9, 9))
>>> text(without(((1, 10),), ranges_of([2, 3, 9])))
'1,4-8,10'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

Ranges = tuple[tuple[int, int], ...]

MAX_TEXT: Final = 1_000_000
"""Longer texts are refused unread."""
_PART: Final = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", re.ASCII)


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """The ranges of numbers in any order, with repetitions."""
    return union((number, number) for number in numbers)


def union(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """One set of ranges of pairs in any order, which may overlap.

    >>> union([(5, 6), (1, 2), (3, 3)])
    ((1, 3), (5, 6))
    """
    joined: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def without(ranges: Ranges, taken: Ranges) -> Ranges:
    """What is left of ``ranges`` when ``taken`` is taken away."""
    left: list[tuple[int, int]] = []
    at = 0
    for whole_first, last in ranges:
        first = whole_first
        while at < len(taken) and taken[at][1] < first:
            at += 1
        look = at
        while look < len(taken) and taken[look][0] <= last:
            if taken[look][0] > first:
                left.append((first, taken[look][0] - 1))
            first = taken[look][1] + 1
            look += 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def both(one: Ranges, other: Ranges) -> Ranges:
    """What is in both."""
    return without(one, without(one, other))


def count(ranges: Ranges) -> int:
    """How many numbers there are."""
    return sum(last - first + 1 for first, last in ranges)


def text(ranges: Ranges) -> str:
    """Ranges as people and commands write them: ``5-9,12``."""
    return ",".join(_one(pair) for pair in ranges)


def texts(ranges: Ranges, most_chars: int) -> Iterator[str]:
    """The same in pieces of at most so many characters; a single range is never cut.

    >>> list(texts(((1, 2), (5, 5), (10, 12)), 7))
    ['1-2,5', '10-12']
    """
    piece = ""
    for pair in ranges:
        one = _one(pair)
        if piece and len(piece) + 1 + len(one) > most_chars:
            yield piece
            piece = one
        else:
            piece = f"{piece},{one}" if piece else one
    if piece:
        yield piece


def parse(written: str) -> Ranges:
    """Read what ``text`` wrote, in any order; the empty text is the empty set.

    Raises:
        ValueError: another text, or a range that ends before it begins.
    """
    if len(written) > MAX_TEXT:
        raise ValueError(f"{len(written)} characters of ranges, at most {MAX_TEXT} are read")
    pairs = []
    for part in written.split(",") if written else ():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:40]!r} is no range such as 5-9 or 12")
        pair = int(match[1]), int(match[2] or match[1])
        if pair[1] < pair[0]:
            raise ValueError(f"{part[:40]!r} ends before it begins")
        pairs.append(pair)
    return union(pairs)


def _one(pair: tuple[int, int]) -> str:
    first, last = pair
    return str(first) if first == last else f"{first}-{last}"
