"""What becomes of finished units: how long they are on their way to the consumer, and which of them come back.

What it is: a pure function of the seed, the place and the order's number.
What it is not: said (``commerce.py`` says it), and not what happens before the end of the line (the kernel).
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from simulator import chance
from simulator.plant import DAY_NS
from simulator.sector_model import Channel

DELIVERY_DAYS: Final = (1.0, 3.0)
"""From the end of the line to the consumer, evenly spread (assumption); stock is in the warehouse at once."""
RETURN_DAYS: Final = (3.0, 21.0)
"""From the delivery to the return, evenly spread (assumption)."""
RETURN_REASONS: Final = {"no longer wanted": 0.4, "not as described": 0.25, "defect": 0.2, "damaged in transport": 0.15}
"""Why units come back, and how often (assumption)."""
_REASONS: Final = tuple(RETURN_REASONS)
_LIMITS: Final = tuple(accumulate(RETURN_REASONS.values()))
_DRAWS: Final = 4  # of an order: the way, the days until the return, its reason, and whether a single unit comes back


class Back(NamedTuple):
    """What comes back of an order: how many units, how long after the delivery, and why."""

    units: int
    after_ns: int
    reason: str


class Fates:
    """The fates of all orders of a site."""

    def __init__(self, seed: int, enterprise: str, site: str) -> None:
        self._seed, self._names = seed, (enterprise, site)
        self._stream = chance.key(seed, "commerce", enterprise, site)

    def way_ns(self, order: int, channel: Channel) -> int:
        """How long the units of an order are on their way from the end of the line."""
        return _days_ns(DELIVERY_DAYS, self._draw(order, 0)) if channel.personalised else 0

    def back(self, order: int, units: int, channel: Channel) -> Back | None:
        """What comes back of an order: each unit for itself with the channel's ``return_pct``, all at one time."""
        returned = self._returned(order, units, channel.return_pct / 100)
        if not returned:
            return None
        reason = _REASONS[min(bisect_right(_LIMITS, self._draw(order, 2)), len(_REASONS) - 1)]
        return Back(returned, _days_ns(RETURN_DAYS, self._draw(order, 1)), reason)

    def _returned(self, order: int, units: int, p: float) -> int:
        if not p:
            return 0
        if units == 1:
            return int(self._draw(order, 3) < p)
        stream = chance.key(self._seed, "returns", *self._names, str(order))
        return int(np.count_nonzero(chance.uniforms(stream, np.arange(units)) < p))

    def _draw(self, order: int, place: int) -> float:
        return chance.uniform(self._stream, order * _DRAWS + place)


def _days_ns(limits: tuple[float, float], u: float) -> int:
    """Evenly spread between two numbers of days."""
    return round((limits[0] + (limits[1] - limits[0]) * u) * DAY_NS)
