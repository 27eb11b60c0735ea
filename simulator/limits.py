"""What a park may ask for at most, and how a refusal names the place.

What it is: pure. The kernel counts in 64 bits and lays out every variant of every step; what does not fit is refused
before it runs, as one line for the user.
What it is not: the form of a data file (``machine_model.py``, ``sector_model.py``), nor whether its figures make sense.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from contract import ConfigError

MOST: Final = 2**60
"""The largest integer of a world: 36 years in ns; until 2070 no time plus it reaches ``NEVER``."""
MOST_LOTS: Final = 10**6
"""Lots in a load, and in a buffer."""
MOST_CELLS: Final = 2_000_000
"""Variants times steps of one line."""


def fits(figures: dict[str, int], most: int = MOST) -> None:
    """Refuse a figure that is too large.

    Raises:
        ValueError: one of them is larger than ``most``; it is named.
    """
    for name, figure in figures.items():
        if figure > most:
            raise ValueError(f"{name}: {float(figure):.3g} is too much, at most {float(most):.3g} can be simulated")


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """A ValueError of the block becomes a ConfigError that begins with ``what``."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from None
