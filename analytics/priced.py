"""One machine in every window, and what it cost under the prices of its births.

What it is: pure; the fold of a machine's events, paid at the prices that were in force.
What it is not: a sum over machines (``analytics/rollup.py``), nor the reading of events (``analytics/compute.py``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

from analytics.activity import EnergyUse
from analytics.cost import WH_PER_KWH, costs, exact
from analytics.elements import Elements
from analytics.events import BirthEvent, MachineEvents
from analytics.fold import Fold
from analytics.rollup import Machine, Path
from analytics.tariff import band_changes
from contract import Economics, Production, Tariff


def machine_windows(
    path: Path, events: MachineEvents, bounds: Sequence[int], until_ns: int, *, uses: bool = False
) -> list[Machine]:
    """One machine in every window. Where its prices change within a window, both parts are paid at their price."""
    fold = Fold(events, until_ns)
    eras = _eras(events.births)
    cuts = sorted({*bounds, *(t for t, _, _ in eras if bounds[0] < t < bounds[-1])})
    result: list[Machine | None] = [None] * (len(bounds) - 1)
    for (since, economics, production), (to, _, _) in pairwise([*eras, (bounds[-1], None, None)]):
        own = [cut for cut in cuts if since <= cut <= max(to, since)] if len(eras) > 1 else cuts
        if len(own) < 2:
            continue
        tariff = economics.tariff if economics else None
        used = _energy_uses(events, own, until_ns, tariff) if uses else [None] * (len(own) - 1)
        for cut, elements, energy in zip(own, fold.windows(own, tariff), used, strict=False):
            index = bisect_right(bounds, cut) - 1
            priced = costs(elements, economics) if economics else None
            part = Machine(path, elements, priced, production, energy)
            before = result[index]
            result[index] = part if before is None else before + part
    return [machine or Machine(path, Elements()) for machine in result]


def _energy_uses(
    events: MachineEvents, bounds: Sequence[int], until_ns: int, tariff: Tariff | None
) -> Sequence[EnergyUse]:
    """What the energy of each window cost, by the state it was used in: the counter is cut at states and bands."""
    from analytics.energy.power import energy_by_element  # noqa: PLC0415  # its package brings scipy, for reports alone

    found = [EnergyUse()] * (len(bounds) - 1)
    if tariff is None:  # then it is not charged
        return found
    changes = band_changes(tariff, bounds[0], bounds[-1])
    cuts = sorted({*bounds, *(t for t, _ in changes if bounds[0] < t < bounds[-1])})
    for start, wh in zip(cuts, energy_by_element(events, cuts, until_ns=until_ns), strict=False):
        if wh.total:
            band = tariff.bands[changes[bisect_right(changes, start, key=itemgetter(0)) - 1][1]]
            price = exact(band.price_per_kwh) / WH_PER_KWH
            idle = wh.adet + wh.adot + wh.pdot + wh.off
            index = bisect_right(bounds, start) - 1
            found[index] += EnergyUse((wh.apt + wh.unknown) * price, wh.aust * price, idle * price)
    return found


_Era = tuple[int, Economics | None, Production | None]


def _eras(births: Sequence[BirthEvent]) -> list[_Era]:
    """From when which prices and which operation hold; the first holds for all time before it too."""
    eras: list[_Era] = []
    for birth in sorted(births, key=lambda birth: (birth.t, birth.boot)):
        now = (birth.economics, birth.production)
        if not eras:
            eras.append((0, *now))
        elif now != eras[-1][1:]:
            eras.append((birth.t, *now))
    return eras or [(0, None, None)]
