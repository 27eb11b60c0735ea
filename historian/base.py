"""The historian's one interface: batches of frames in, columns out.

What it is: the values that cross the wall (``Frame``, ``Query``, ``Table``) and the protocol that every back end keeps.
What it is not: a database. ``historian/influx.py`` and ``historian/duck.py`` are; ``historian/checks.py`` is the
suite of laws that both obey.

The model is InfluxDB's: a *measurement* holds *points*; a point is named by its tags and its time; its fields are
values. Writing a point again sets the fields given and leaves the others, so writing twice is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any, Final, Protocol, TypeVar

Value = float | int | str | bool
Tags = tuple[tuple[str, str], ...]
"""Tags that are not empty, as ``(name, value)`` by name: with the measurement, what names a series."""
T = TypeVar("T")

MIN_TIME_NS: Final = -(2**63) + 2
MAX_TIME_NS: Final = 9_214_646_400_000_000_000 - 1
"""The years 1677 (where InfluxDB begins) to 2261; back ends refuse frames with other times. The last hundred days that
64 bits can say are left out, so that the end of the window that a point falls into can be said as well."""
RESERVED: Final = frozenset({"time", "_time", "_field", "_measurement"})
"""Words that InfluxDB keeps for itself: no tag or field may have them as its name."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Points of one series: constant tags, one time per row, and one column per field.

    ``None`` in a column means that the point has no such field; a row of ``None`` alone is no point. The type of a
    column is the type of its values that are not ``None``, and it is the field's type for good (``float`` is never
    ``int``). Floats are finite, integers have 64 bits. Tags that are empty strings count as absent. Measurements, tag
    names and field names match ``[a-z_][a-z0-9_]*``; tag values and string fields are any text.

    Attributes:
        kinds: the type of each column: ``float``, ``int``, ``str``, ``bool``, or None where it holds None alone.
        series: the tags that are not empty, by name.

    Raises:
        ValueError: a column of another length than ``time_ns``, a bad name, or a value that is none.
    """

    measurement: str
    tags: Mapping[str, str]
    time_ns: Sequence[int]
    fields: Mapping[str, Sequence[Value | None]]
    kinds: Mapping[str, type[Value] | None] = field(init=False, repr=False, compare=False)
    series: Tags = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.measurement)
        for name, value in self.tags.items():
            _check_key(name)
            if not isinstance(value, str):
                raise ValueError(f"{self.measurement}: tag {name} is {type(value).__name__}, not str")
        if not set(map(type, self.time_ns)) <= {int}:
            raise ValueError(f"{self.measurement}: time_ns holds other things than int")
        kinds: dict[str, type[Value] | None] = {}
        plain: dict[str, Sequence[Value | None]] = {}
        for name, column in self.fields.items():
            _check_key(name)
            if name in self.tags:
                raise ValueError(f"{self.measurement}: {name} is both a tag and a field")
            if len(column) != len(self.time_ns):
                raise ValueError(f"{self.measurement}.{name}: {len(column)} values for {len(self.time_ns)} times")
            try:
                kinds[name], plain[name] = _checked(column)
            except ValueError as error:
                raise ValueError(f"{self.measurement}.{name}: {error}") from None
        _set(self, "fields", plain)
        _set(self, "kinds", kinds)
        _set(self, "series", series_of(self.tags))

    @classmethod
    def trusted(
        cls,
        measurement: str,
        *,
        tags: Mapping[str, str],
        series: Tags,
        time_ns: Sequence[int],
        fields: Mapping[str, Sequence[Value | None]],
        kinds: Mapping[str, type[Value] | None],
    ) -> Frame:
        """A frame whose parts have been checked before: nothing is looked at, which is ten times as fast.

        For the one message in a hundred thousand that breaks the promise the stores' own checks are left.
        """
        frame = object.__new__(cls)
        _set(frame, "measurement", measurement)
        _set(frame, "tags", tags)
        _set(frame, "series", series)
        _set(frame, "time_ns", time_ns)
        _set(frame, "fields", fields)
        _set(frame, "kinds", kinds)
        return frame

    def __len__(self) -> int:
        return len(self.time_ns)

    def check_times(self) -> None:
        """Refuse times beyond the years 1677 to 2261, which no store holds; raises ValueError."""
        if self.time_ns and not (min(self.time_ns) >= MIN_TIME_NS and max(self.time_ns) <= MAX_TIME_NS):
            raise ValueError(f"{self.measurement}: a time outside {MIN_TIME_NS} … {MAX_TIME_NS} ns")

    def check_storable(self) -> None:
        """Refuse what no store holds: times beyond the years 1677 to 2261, and text with a lone surrogate.

        It is not part of being a frame: where a device says such a thing, the store refuses its points, and they go
        to the dead letters like any other.

        Raises:
            ValueError: says what.
        """
        self.check_times()
        for name, kind in self.kinds.items():
            if kind is str:
                _check_text(f"{self.measurement}.{name}", self.fields[name])
        _check_text(f"{self.measurement}: a tag", self.tags.values())


def series_of(tags: Mapping[str, str]) -> Tags:
    """The tags that are not empty, by name.

    >>> series_of({"machine": "m", "line": "", "area": "a"})
    (('area', 'a'), ('machine', 'm'))
    """
    return tuple(sorted((name, str.__str__(value)) for name, value in tags.items() if value))


_set: Final = object.__setattr__  # a frame is frozen for everybody else
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_PLAIN: Final[dict[type[Any], Any]] = {float: float.__float__, int: int.__int__, str: str.__str__}
_KINDS: Final[frozenset[type[Any]]] = frozenset({float, int, str, bool})
_NONE: Final = type(None)


def _check_text(where: str, texts: Iterable[Any]) -> None:
    try:
        "".join(text for text in texts if text is not None).encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where} is not Unicode text: it holds a lone surrogate") from None


@lru_cache(maxsize=4096)
def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name: a-z, 0-9 and _, not beginning with a digit")


@lru_cache(maxsize=4096)
def _check_key(name: str) -> None:
    _check_name(name)
    if name in RESERVED:
        raise ValueError(f"{name!r} is reserved: no tag or field may have it as its name")


def _checked(column: Sequence[Value | None]) -> tuple[type[Value] | None, Sequence[Value | None]]:
    """The type of a column, and the column with members of subclasses (``StrEnum``, numpy's) made plain."""
    types = set(map(type, column))
    sparse = _NONE in types
    if sparse:
        types.discard(_NONE)
    if not types:
        return None, column
    kind = next(iter(types)) if len(types) == 1 and types <= _KINDS else _kind(types)
    if types != {kind}:
        column = [None if value is None else _PLAIN[kind](value) for value in column]
    if kind is str or kind is bool:
        return kind, column
    values: Sequence[Any] = [value for value in column if value is not None] if sparse else column
    if kind is int:
        if min(values) < -(2**63) or max(values) >= 2**63:
            raise ValueError("holds an integer of more than 64 bits")
    elif not isfinite(sum(values)) and not all(map(isfinite, values)):  # a sum of finite floats may overflow
        raise ValueError("holds NaN or an infinity; leave the value out")
    return kind, column


def _kind(types: set[type[Any]]) -> type[Value]:
    kinds: set[type[Value]] = set()
    for type_ in types:
        base = next((known for known in (bool, float, int, str) if issubclass(type_, known)), None)
        if base is None:
            raise ValueError(f"holds a {type_.__name__}; a value is float, int, str or bool")
        kinds.add(base)
    if len(kinds) > 1:
        raise ValueError(f"mixes {' and '.join(sorted(kind.__name__ for kind in kinds))}")
    return kinds.pop()


@dataclass(frozen=True, slots=True)
class Query:
    """What to read: all points of a measurement, narrowed.

    ``where`` keeps the series whose tag has one of the given values; ``start_ns <= time < end_ns``; ``fields`` empty
    means all that any row has. A point with none of the fields asked for is no row. ``last`` keeps only the newest row
    of each series within the range.

    >>> Query("state", fields=("state",), where={"machine": ("stamp-1", "drum-1")}, last=True).wanted("machine")
    ('stamp-1', 'drum-1')
    """

    measurement: str
    fields: tuple[str, ...] = ()
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    start_ns: int | None = None
    end_ns: int | None = None
    last: bool = False

    def wanted(self, tag: str) -> tuple[str, ...]:
        """The values of a tag that ``where`` names, always as a tuple."""
        values = self.where[tag]
        return (values,) if isinstance(values, str) else tuple(values)

    def selects(self, series: Tags) -> bool:
        """Whether ``where`` keeps the series with these tags; an absent tag is an empty string."""
        tags = dict(series)
        return all(tags.get(name, "") in self.wanted(name) for name in self.where)


class Columns(dict[str, list[T]]):
    """Columns by name; a name that no row has reads as a column of ``absent``, and is not among the names."""

    def __init__(self, columns: Mapping[str, list[T]], length: int, absent: T) -> None:
        super().__init__(columns)
        self._length = length
        self._absent = absent

    def __missing__(self, name: str) -> list[T]:
        return [self._absent] * self._length


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length: ``time_ns``, the tags and the fields by name; ``None`` where a point lacks a field.

    Rows are ordered by the tags (in the order of their names), then by time. A measurement or field that does not
    exist gives no rows, or a column of ``None``; it is no error. ``fields`` holds the fields asked for in their order,
    or, where all were asked for, those that any row has, by name; ``tags`` those that any row has, by name.

    >>> table = Table([1, 2], {"machine": ["m", "m"]}, {"good": [3, 4]})
    >>> table.fields["scrap"], table.tags["line"], list(table.fields)
    ([None, None], ['', ''], ['good'])
    """

    time_ns: list[int]
    tags: dict[str, list[str]]
    fields: dict[str, list[Value | None]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", Columns(self.tags, len(self.time_ns), ""))
        object.__setattr__(self, "fields", Columns(self.fields, len(self.time_ns), None))

    def __len__(self) -> int:
        return len(self.time_ns)


class Historian(Protocol):
    """What every back end does. Opened by ``historian.open_store(url)``, used as an asynchronous context manager."""

    async def write(self, batch: Sequence[Frame]) -> None:
        """Store every point of the batch durably before returning.

        Raises:
            RetryLater: nothing is certain; write the same batch again later.
            PartialWrite: the frames named are refused, the others are stored. (A frame that is refused for some of
                its rows may have left the others: the store decides by point, the batch is named by frame.)
            Refused: nothing is stored, and never will be.
        """

    async def read(self, query: Query) -> Table:
        """Every point that the query asks for; raises RetryLater when the store does not answer."""

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Points per window: its start (a multiple of ``every_ns``) -> how many; empty windows are left out.

        Exact where some field is in every point of the measurement (as ``_seq``, ``until_ns`` and ``received`` are in
        ours); otherwise a back end may answer with the number of values of the field that the most points have,
        because InfluxQL can count values, and points only through them.
        """

    async def close(self) -> None:
        """Let go of files and connections; safe to call twice."""

    async def __aenter__(self) -> Historian: ...

    async def __aexit__(self, *error: object) -> None: ...
