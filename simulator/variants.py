"""Variants: every combination of the choices that the consumers have, as one number.

What it is: the mixed radix number of the choices (the last option changes fastest), and what follows from it: the
options in words, a name, a price. Texts out of the sector's file are data and pass through as they are; only the name
is made plain.
What it is not: a catalogue of what is made; most numbers are never ordered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.sector_model import Option, Product

MAX_NAME: Final = 200
_MAX_COUNT: Final = 2**62
_KEPT: Final = 4096
_NOT_WORD: Final = re.compile(r"\W+")

Ints = NDArray[np.int64]


class Variants:
    """The variants of a product.

    Args:
        options: what can be chosen, in the order of the sector's file; the order decides the numbers.
        product: what is chosen for; its price is that of a unit without any option's extra.

    Raises:
        ValueError: more variants than a 64-bit number can hold.
    """

    def __init__(self, options: Sequence[Option], product: Product) -> None:
        self._options = tuple(options)
        self._base = product.price
        self._sizes = tuple(len(option.choices) for option in options)
        self.count = prod(self._sizes)
        """How many there are: numbers run from 0 to ``count - 1``."""
        if self.count > _MAX_COUNT:
            raise ValueError(f"{len(self._sizes)} options make {float(self.count):.1g} variants, at most 4.6e18 can be")
        self._slugs = tuple(_slugs(option.choices) for option in options)
        self._known: dict[int, tuple[dict[str, str], float, str]] = {}

    def number(self, choices: Sequence[int]) -> int:
        """The variant of one choice per option, each counted from 0; raises ValueError for what is no choice."""
        if len(choices) != len(self._sizes):
            raise ValueError(f"{len(choices)} choices for {len(self._sizes)} options")
        number = 0
        for option, size, choice in zip(self._options, self._sizes, choices, strict=True):
            if not 0 <= choice < size:
                raise ValueError(f"option {option.name}: no choice {choice}, there are {size}")
            number = number * size + choice
        return number

    def choices(self, number: int) -> tuple[int, ...]:
        """Which choice of each option a variant has; raises ValueError for a number that is none."""
        if not 0 <= number < self.count:
            raise ValueError(f"no variant {number}, there are {self.count}")
        digits = []
        for size in reversed(self._sizes):
            number, digit = divmod(number, size)
            digits.append(digit)
        return tuple(reversed(digits))

    def numbers(self, columns: Sequence[NDArray[Any]]) -> Ints:
        """``number`` of many at once: one column of choices per option, not checked."""
        result = np.zeros(len(columns[0]) if columns else 0, np.int64)
        for size, column in zip(self._sizes, columns, strict=True):
            result = result * size + column
        return result

    def columns(self, numbers: Ints) -> list[Ints]:
        """``choices`` of many at once: one column per option."""
        digits, left = [], np.asarray(numbers, np.int64)
        for size in reversed(self._sizes):
            left, digit = np.divmod(left, size)
            digits.append(digit)
        return digits[::-1]

    def options(self, number: int) -> dict[str, str]:
        """Option -> choice, in the words of the sector's file. Not to be changed: it is shared."""
        return self._said(number)[0]

    def price(self, number: int, factor: float = 1.0) -> float:
        """What a unit costs: the product's price and the extras of its choices, times the channel's ``factor``."""
        return factor * self._said(number)[1]

    def name(self, number: int) -> str:
        """The choices joined by ``-``, in letters, digits and ``_``: unique, and at most ``MAX_NAME`` characters."""
        return self._said(number)[2]

    def _said(self, number: int) -> tuple[dict[str, str], float, str]:
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            choices = self.choices(number)
            pairs = list(zip(self._options, choices, strict=True))
            extra = sum(option.price[choice] for option, choice in pairs if option.price)
            name = "-".join(slugs[choice] for slugs, choice in zip(self._slugs, choices, strict=True))
            if len(name) > MAX_NAME:
                tail = f"~{number}"
                name = name[: MAX_NAME - len(tail)] + tail
            known = {option.name: option.choices[choice] for option, choice in pairs}, self._base + extra, name
            self._known[number] = known
        return known


def _slugs(choices: Sequence[str]) -> tuple[str, ...]:
    slugs = [_NOT_WORD.sub("_", choice).strip("_") or "_" for choice in choices]
    if len(set(slugs)) < len(slugs):  # "A+" and "A-": told apart by their place
        slugs = [f"{slug}_{place}" for place, slug in enumerate(slugs)]
    return tuple(slugs)
