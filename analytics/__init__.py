"""The mind of the house: stored events to ISO 22400 elements, KPIs and costs, written back as points.

What it is: a pure core (elements, fold, KPIs, costs, roll-up) over plain rows, ``compute`` that reads the rows, and
``analyse`` that keeps the stored figures up to date.
What it is not: on the wire. It reads the historian and writes to it, and never meets the simulator or the broker.

>>> from contract import Economics
>>> shift = Elements(apt_ns=3 * 3600 * 10**9, adet_ns=3600 * 10**9, gq=90, sq=10)
>>> kpis(shift)["availability"]
0.75
>>> costs(shift, Economics(currency="CNY", material_per_unit=2.0, depreciation_per_h=25.0)).unit_cost(shift.gq)
3.3333333333333335
"""

from analytics.compute import Results, compute, evaluate, window_bounds
from analytics.cost import Costs, add_costs, costs
from analytics.elements import Elements, total
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, StateEvent, Word
from analytics.fold import fold_windows
from analytics.kpi import KPIS, Kpi, kpis
from analytics.points import kpi_frames
from analytics.rollup import Figures, Machine, line_oee, roll_up, rty
from analytics.run import Status, analyse
from analytics.settings import Settings
from analytics.tariff import band_changes, band_code

__all__ = [
    "KPIS",
    "BirthEvent",
    "Costs",
    "CycleEvent",
    "Elements",
    "Figures",
    "Kpi",
    "Machine",
    "MachineEvents",
    "Reading",
    "Results",
    "Settings",
    "StateEvent",
    "Status",
    "Word",
    "add_costs",
    "analyse",
    "band_changes",
    "band_code",
    "compute",
    "costs",
    "evaluate",
    "fold_windows",
    "kpi_frames",
    "kpis",
    "line_oee",
    "roll_up",
    "rty",
    "total",
    "window_bounds",
]
