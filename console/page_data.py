"""What the page is told, as typed values: the board of the present and the history behind the sparklines.

What it is: the JSON of ``/events`` and ``/api/snapshot``. Times are milliseconds since 1970 UTC, for a browser's
numbers end at 2**53; ratios are fractions of 1; ``null`` is "undefined" or "unknown", never 0.
What it is not: words or colours; those are in ``console/page/``.
"""

from __future__ import annotations

from typing import Final, TypedDict

from msgspec import Struct

from console.figures import Figures

MS: Final = 1_000_000  # ns


class Pipeline(TypedDict, total=False):
    """What the running demo knows of itself, handed in live; a key that is left out shows as unknown.

    ``speed`` is plant seconds per second, None for as fast as it goes. The counts are messages since the start;
    ``lost`` is given only when it is known, at the end.
    """

    plant_now_ns: int
    speed: float | None
    phase: str
    sent: int
    acked: int
    received: int
    written: int
    dead_lettered: int
    lost: int | None
    lag_ms: float | None
    connected: bool


class Flow(Struct, frozen=True, kw_only=True):
    """The way of the messages: published, stored, put aside, and how long the newest batch took."""

    connected: bool | None
    sent: int | None
    stored: int | None
    dead_letters: int | None
    lost: int | None
    lag_ms: float | None
    behind_ms: int | None


class Headline(Struct, frozen=True, kw_only=True):
    """The figures of the line, of the site around it, over the newest hour."""

    until_ms: int | None
    late: bool
    line: Figures
    site: Figures


class Tile(Struct, frozen=True, kw_only=True):
    """One machine. ``since_ms`` is when it entered its state; ``silent_since_ms`` is set when it is no longer heard."""

    path: str
    name: str
    look: str
    state: str | None
    reason: str | None
    cause: str | None
    order: str | None
    since_ms: int | None
    silent_since_ms: int | None
    oee: float | None
    unit_cost: float | None


class StepRow(Struct, frozen=True, kw_only=True):
    """One step of the line with its machines; ``pace_ms`` is its ideal time per unit."""

    name: str
    pace_ms: float | None
    constraint: bool
    tiles: list[Tile]


class Event(Struct, frozen=True, kw_only=True):
    """A stop worth telling; ``end_ms`` is null while it lasts or when nobody knows."""

    path: str
    name: str
    look: str
    state: str
    reason: str
    cause: str | None
    start_ms: int
    end_ms: int | None
    lasts: bool
    units: int | None
    cost: float | None


class Board(Struct, frozen=True, kw_only=True):
    """The present, sent about once a second. ``short_stops`` are over and too short for a line of their own."""

    now_ms: int | None
    speed: float | None
    phase: str | None
    zone: str | None
    place: list[str]
    currency: str | None
    problem: str | None
    flow: Flow
    headline: Headline
    steps: list[StepRow]
    events: list[Event]
    short_stops: int


class Track(Struct, frozen=True, kw_only=True):
    """One value per whole hour for each sparkline of a machine or the line, the oldest first."""

    oee: list[float | None]
    unit_cost: list[float | None]


class LineTrack(Track, frozen=True, kw_only=True):
    """The sparklines of the headline."""

    line_oee: list[float | None]
    availability: list[float | None]
    effectiveness: list[float | None]
    quality: list[float | None]
    units: list[float | None]
    energy_kwh: list[float | None]


class History(Struct, frozen=True, kw_only=True):
    """The past, sent at the start and when it was read again.

    ``end_ms`` is the end of the newest slot; ``day`` are the figures over all hours, as the context of the newest.
    """

    end_ms: int | None
    hours: int
    day: Figures
    line: LineTrack
    machines: dict[str, Track]


class Reading(Struct, frozen=True, kw_only=True):
    """One sensor of a machine: its newest value, its band in steady production, and the last hour in slots."""

    name: str
    unit: str
    low: float | None
    high: float | None
    value: float | None
    at_ms: int | None
    track: list[float | None]


class Detail(Struct, frozen=True, kw_only=True):
    """What the panel of one machine shows beyond its tile. ``split_ms`` is the last hour by time element."""

    path: str
    model: str
    version: str
    step: str | None
    ideal_cycle_ms: float | None
    figures: Figures
    split_ms: dict[str, float]
    failures: int
    readings: list[Reading]
