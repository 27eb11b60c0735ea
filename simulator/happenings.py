"""What the kernel tells: the words for what a machine does, and the columns of what happened.

What it is: an enumeration and the record types of the kernel's output, in strictly increasing time for each machine.
What it is not: the state of the kernel, and not what is said on the wire (``speak.py``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
"""A structured array of one of the types below."""
NEVER: Final = 2**62
NOTHING: Final = -1


class Doing(IntEnum):
    """What a machine does; ``docs/design/kernel.md`` says how each begins and ends."""

    RUNNING = 0
    STARVED = 1
    BLOCKED = 2
    SETUP = 3
    MINOR_STOP = 4
    DOWN = 5
    REPAIR = 6
    NO_ORDER = 7
    NO_MATERIAL = 8
    NO_POWER = 9
    WAIT_TARIFF = 10
    MAINTENANCE = 11
    OFF = 12
    PAUSE = 13


class OrderEvent(IntEnum):
    """What happened to an order."""

    ACCEPTED = 0
    REFUSED = 1
    STARTED = 2
    FINISHED = 3
    CANCELLED = 4


class ShipmentEvent(IntEnum):
    """What happened to a shipment."""

    PROMISED = 0
    SHIPPED = 1
    RECEIVED = 2


ENTERED: Final = np.dtype(
    [
        ("t_ns", np.int64),
        ("machine", np.int64),
        ("doing", np.int64),
        ("order", np.int64),
        ("detail", np.int64),
        ("age_ns", np.int64),
        ("life_ns", np.int64),
        ("mode", np.int64),
    ]
)
"""A machine begins to do something else.

``order`` is the one it serves (-1: none); ``detail`` the material that is missing (NO_MATERIAL) or whether it was
commanded (PAUSE: 1). ``age_ns`` is the running time since the last renewal, ``life_ns`` the age at which it will fail,
``mode`` the number of the coming failure's mode; they hold at ``t_ns``, and age grows only while it runs.
"""

FINISHED: Final = np.dtype(
    [
        ("t_ns", np.int64),
        ("machine", np.int64),
        ("order", np.int64),
        ("lot", np.int64),
        ("variant", np.int64),
        ("good", np.int64),
        ("scrap", np.int64),
        ("rework", np.int64),
        ("actual_ns", np.int64),
    ]
)
"""A lot is done at a step: its units, and the running time it took there (a load's time is shared by its units)."""

ORDERED: Final = np.dtype([("t_ns", np.int64), ("order", np.int64), ("what", np.int64), ("quantity", np.int64)])
"""Something happened to an order (``OrderEvent``)."""

SHIPPED: Final = np.dtype(
    [
        ("t_ns", np.int64),
        ("material", np.int64),
        ("number", np.int64),
        ("what", np.int64),
        ("quantity_u", np.int64),
        ("defective_u", np.int64),
        ("due_ns", np.int64),
        ("price_ppm", np.int64),
    ]
)
"""Something happened to a shipment (``ShipmentEvent``); quantities in millionths of the material's unit."""


class Happenings(NamedTuple):
    """What happened in a stretch of time, in the order in which it happened."""

    entered: Rows
    finished: Rows
    ordered: Rows
    shipped: Rows
