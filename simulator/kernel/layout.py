"""Where everything stands in the kernel's arrays.

What it is: the plant's whole state is three arrays, so that a snapshot or a fork is three copies: ``s`` (integers),
``f`` (fractions) and ``o`` (orders and their queues). A row is addressed by the place of its first number, and the
numbers of a row by the names below: ``s[m + M.LEFT_NS]``; a row's link to another row is that row's place. Few and
flat, because compiled functions hand every array on as seven numbers.
What it is not: a rule. The rules are in ``happen.py`` and in what that imports.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

from simulator.happenings import Doing


class _Fields(IntEnum):
    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        del name, start, last_values
        return count


class G(_Fields):
    """The head of ``s``: what there is one of, and where the sections begin."""

    NOW_NS = auto()
    MACHINES = auto()
    STEPS = auto()
    LINES = auto()
    MATERIALS = auto()
    GROUPS = auto()
    CALENDARS = auto()
    PRICES = auto()
    AT_MACHINES = auto()
    AT_STEPS = auto()
    AT_LINES = auto()
    AT_MATERIALS = auto()
    AT_GROUPS = auto()
    AT_CREWS = auto()
    AT_CALENDARS = auto()
    AT_PRICES = auto()
    AT_LOTS = auto()
    AT_FREE = auto()
    FREE = auto()
    AT_HEAP = auto()
    AT_PLACE = auto()
    AT_KEY = auto()
    HEAP = auto()
    AT_TODO = auto()
    TODO_HEAD = auto()
    TODO = auto()
    AT_TOUCHED = auto()
    TOUCHED = auto()
    DIRTY = auto()
    PRICE_NOW = auto()
    ORDER_BASE = auto()
    ORDERS = auto()
    ARRIVED = auto()
    AT_RELEASES = auto()
    RELEASES = auto()
    RELEASED = auto()
    AT_CANCELS = auto()
    CANCELS = auto()
    CANCELLED = auto()
    LOTS_MADE = auto()
    PRICE_F_AT = auto()
    OUT_ENTERED = auto()
    OUT_FINISHED = auto()
    OUT_ORDERED = auto()
    OUT_SHIPPED = auto()
    OUT_CAP = auto()
    OUT_MARGIN = auto()
    OUT_FINISHED_AT = auto()
    OUT_ORDERED_AT = auto()
    OUT_SHIPPED_AT = auto()


class M(_Fields):
    """A machine in ``s``: what never changes, then its state."""

    NUMBER = auto()
    STEP = auto()
    CALENDAR = auto()
    CREW = auto()
    GROUP = auto()
    POWER_W = auto()
    AGENT = auto()
    F_AT = auto()
    S_CYCLE = auto()
    S_QUALITY = auto()
    S_STOP = auto()
    S_LIFE = auto()
    S_REPAIR = auto()
    HELD_AT = auto()
    HELD = auto()
    HELD_FROM = auto()
    TOLD_LOTS = auto()
    UNITS = auto()
    SHARED_NS = auto()
    DOING = auto()
    TOLD = auto()
    TOUCHED = auto()
    DETAIL = auto()
    SINCE_NS = auto()
    CLOSED = auto()
    RESUME = auto()
    RESUME_NS = auto()
    LEFT_NS = auto()
    ACTUAL_NS = auto()
    AGE_NS = auto()
    LIFE_NS = auto()
    MODE = auto()
    NOTICED_NS = auto()
    NEXT_LIFE_NS = auto()
    NEXT_MODE = auto()
    JAMMED = auto()
    TO_STOP_NS = auto()
    SINCE_MINOR = auto()
    SINCE_MAJOR = auto()
    MINOR_KEY = auto()
    MAJOR_KEY = auto()
    FILL_BY_NS = auto()
    PATIENT_SINCE_NS = auto()
    HAS_CREW = auto()
    POWERED = auto()
    LOADS = auto()
    LOTS = auto()
    STOPS = auto()
    LIVES = auto()
    FAILURES = auto()
    MAINTAINED = auto()
    GOOD = auto()
    SCRAP = auto()
    REWORK = auto()
    DOING_NS = auto()


class MF(_Fields):
    """A machine in ``f``: what faults add to its cycle time and to its scrap."""

    SLOWER = auto()
    SCRAP_P = auto()


class S(_Fields):
    """A step in ``s``."""

    LINE = auto()
    F_AT = auto()
    POSITION = auto()
    LAST = auto()
    FIRST_MACHINE = auto()
    MACHINES = auto()
    CYCLE_NS = auto()
    EXPONENTIAL = auto()
    LOAD_LOTS = auto()
    ONE_FAMILY = auto()
    FILL_NS = auto()
    REWORK_NS = auto()
    MINOR_NS = auto()
    MAJOR_NS = auto()
    MINOR_EVERY = auto()
    MAJOR_EVERY = auto()
    STOP_INTERVAL_NS = auto()
    STOP_MEAN_NS = auto()
    MTBF_NS = auto()
    MTTR_NS = auto()
    MODE_AT = auto()
    MODES = auto()
    MODE_F_AT = auto()
    NEED_AT = auto()
    NEEDS = auto()
    DISPATCH = auto()
    LOOK = auto()
    MAINTAIN_AGE_NS = auto()
    RESPONSE_NS = auto()
    TARIFF_WAIT_NS = auto()
    KEYS_AT = auto()
    SLOWER_AT = auto()
    BUFFER_AT = auto()
    BUFFER_CAP = auto()
    BUFFER_HEAD = auto()
    BUFFER = auto()
    STARVING_AT = auto()
    STARVING = auto()
    BLOCKED_AT = auto()
    BLOCKED = auto()
    SENT = auto()


class SF(_Fields):
    """A step in ``f``."""

    CYCLE_NOISE = auto()
    CYCLE_LOSS = auto()
    WORN_SLOWER = auto()
    SCRAP_P = auto()
    REWORK_P = auto()
    WEIBULL_SCALE = auto()
    WEIBULL_SHAPE = auto()
    REPAIR_SIGMA = auto()
    CAUGHT = auto()
    PLANNED_REPAIR = auto()
    TARIFF_MAX = auto()


class D(_Fields):
    """A failure mode in ``s``."""

    WEAR = auto()
    VISIBLE_NS = auto()


class DF(_Fields):
    """A failure mode in ``f``: its effect."""

    SCRAP = auto()
    REWORK = auto()
    SLOWER = auto()
    MINOR_STOPS = auto()


class L(_Fields):
    """A line in ``s``; its queue of released orders is a ring in ``o``."""

    FIRST_STEP = auto()
    STEPS = auto()
    LOT_UNITS = auto()
    BOOK_UNITS = auto()
    OPEN_UNITS = auto()
    RING_AT = auto()
    RING_CAP = auto()
    RING_HEAD = auto()
    RING = auto()


class K(_Fields):
    """A material in ``s``."""

    NUMBER = auto()
    STREAM = auto()
    AGENT = auto()
    F_AT = auto()
    ON_HAND_U = auto()
    UNDER_WAY_U = auto()
    REORDER_U = auto()
    ORDER_U = auto()
    LEAD_NS = auto()
    SHIPMENTS = auto()
    CLOSED_UNTIL_NS = auto()
    WAITING_AT = auto()
    WAITING = auto()
    PENDING_AT = auto()
    PENDING = auto()


class KF(_Fields):
    """A material in ``f``."""

    LEAD_SIGMA = auto()
    DEFECT_P = auto()
    DEFECT_SIGMA = auto()
    DEFECT_SCRAP = auto()
    PRICE_SIGMA = auto()
    DEFECTS = auto()


class P(_Fields):
    """A shipment under way in ``s``."""

    NUMBER = auto()
    SHIP_NS = auto()
    RECEIVE_NS = auto()
    QUANTITY_U = auto()
    DEFECTIVE_U = auto()
    DUE_NS = auto()
    PRICE_PPM = auto()
    SHIPPED = auto()


class W(_Fields):
    """A power group in ``s``."""

    LIMIT_W = auto()
    DRAWN_W = auto()
    WAITING_AT = auto()
    WAITING = auto()
    DIRTY = auto()


class C(_Fields):
    """A crew in ``s``."""

    FREE = auto()
    WAITING_AT = auto()
    WAITING = auto()


class A(_Fields):
    """A calendar in ``s``: where its times stand, how many, which closings are breaks, and which time is next."""

    TIMES_AT = auto()
    TIMES = auto()
    BREAKS_AT = auto()
    NEXT = auto()


class T(_Fields):
    """A lot in ``s``."""

    ORDER = auto()
    VARIANT = auto()
    UNITS = auto()
    NUMBER = auto()
    SCRAP = auto()
    REWORK = auto()


class O(_Fields):  # noqa: E742  # the one letter for orders
    """An order in ``o``."""

    LINE = auto()
    T_NS = auto()
    RELEASE_NS = auto()
    DUE_NS = auto()
    CANCEL_NS = auto()
    VARIANT = auto()
    UNITS = auto()
    PRIORITY = auto()
    UNRELEASED = auto()
    OUT = auto()
    STATE = auto()
    QUEUED = auto()


PLACED: Final = 0
ACCEPTED: Final = 1
STARTED: Final = 2
OVER: Final = 3
"""States of an order: not yet arrived, in the book, begun, and finished, refused or cancelled."""

MAX_PENDING: Final = 64
"""Shipments of one material that can be under way at a time."""
BY_SHIFT: Final = 1
BY_COMMAND: Final = 2
BY_BREAK: Final = 4
"""Why a machine is closed: bits of ``M.CLOSED``."""
MACHINE_SIZE: Final = len(M) + len(Doing)
STEP_SIZE: Final = len(S)
MODE_SIZE: Final = len(D)
EFFECT_SIZE: Final = len(DF)
LINE_SIZE: Final = len(L)
MATERIAL_SIZE: Final = len(K)
SHIPMENT_SIZE: Final = len(P)
GROUP_SIZE: Final = len(W)
CREW_SIZE: Final = len(C)
CALENDAR_SIZE: Final = len(A)
LOT_SIZE: Final = len(T)
ORDER_SIZE: Final = len(O)
"""Lengths of rows; compiled code cannot ask an enumeration for its length."""
ENTERED_SIZE: Final = 8
FINISHED_SIZE: Final = 9
ORDERED_SIZE: Final = 4
SHIPPED_SIZE: Final = 8
