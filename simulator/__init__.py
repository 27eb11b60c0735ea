"""The factory that speaks: a simulated line, its sensors, its meters and its books.

What it is: a pure core (kernel, signals, energy, truth, words) and a shell (``run.py``) that paces it and publishes.
What it is not: aware of anybody who listens. It never imports the analytics: they meet on the wire.
"""

from simulator.catalogue import load_sector, load_tariff, sectors
from simulator.outgoing import Outgoing
from simulator.publisher import Publisher
from simulator.settings import Settings

__all__ = [
    "Outgoing",
    "Publisher",
    "Settings",
    "load_sector",
    "load_tariff",
    "sectors",
]
