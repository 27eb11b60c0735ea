"""The map of ``qilu replay`` out of its TOML document, checked as a whole before any row is read.

What it is: unknown keys are refused with the file, the key and the nearest valid name, and so are values that do not go
together; numbers are read as decimals, so that a factor of 0.1 is one tenth.
What it is not: the map's own form (``csv_map.py``).

>>> parse_map('device.addres = "acme/site/utilities/power/meter"', "m.toml")
Traceback (most recent call last):
contract.errors.ConfigError: m.toml: unknown key device.addres; did you mean device.address?
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from contract import MAX_NAMES, Address, ConfigError, ContractError
from contract.parts import RESERVED_NAMES
from simulator.csv_map import EPOCHS, MAX_FACTOR, CounterColumn, Csv, CsvMap, Device, SensorColumn, Tariff, Time

MAX_NAMES_SHOWN: Final = 20

_SECTIONS: Final[dict[str, type[Struct]]] = {
    "device": Device,
    "time": Time,
    "csv": Csv,
    "sensors.NAME": SensorColumn,
    "counters.NAME": CounterColumn,
    "tariff": Tariff,
}


def parse_map(text: str, file: str) -> CsvMap:
    """The map in a TOML document; ``file`` is what errors call it.

    Raises:
        ConfigError: not TOML, an unknown or missing key, a wrong value, or values that do not go together.
    """
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:  # nor are numbers and nesting beyond all bounds
        raise ConfigError(f"{file} is not TOML: {error}") from None
    for path, known in _unknown(document, CsvMap, ()):
        prefix = "".join(f"{_plain(part)}." for part in path[:-1])
        raise ConfigError(f"{file}: unknown key {prefix}{_plain(path[-1])}{hint(path[-1], known, prefix)}")
    try:
        map_ = msgspec.convert(document, CsvMap)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {str(error).replace(' - at `$.', ' at `')}") from None
    for problem in _problems(map_):
        raise ConfigError(f"{file}: {problem}")
    return map_


def hint(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The end of a sentence about an unknown name: the nearest known one, or the first of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {prefix}{_plain(near[0])}?"
    return (
        f"; known are {', '.join(map(_plain, names[:MAX_NAMES_SHOWN]))}{', …' if len(names) > MAX_NAMES_SHOWN else ''}"
    )


def _plain(name: str) -> str:
    """A name out of a file as an error may show it."""
    return name if name.isprintable() and len(name) <= 80 else repr(name[:80])


def keys_table() -> str:
    """The keys of the map as a Markdown table, for ``docs/replay.md``."""
    lines = ["| key | default | what it says |", "|---|---|---|"]
    for section, type_ in _SECTIONS.items():
        lines.append(f"| **`[{section}]`** | | {(type_.__doc__ or '').strip()} |")
        for field in msgspec.structs.fields(type_):
            said = "; ".join(m.description for m in getattr(field.type, "__metadata__", ()) if m.description)
            lines.append(f"| `{field.name}` | {_default(field)} | {said} |")
    return "\n".join(lines)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return "" if value in (None, "", {}) else f"`{value}`"


def _unknown(document: Any, type_: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Keys that no section of ``type_`` has, with the names that it does have; wrong types are left to msgspec."""
    if not isinstance(document, dict):
        return
    known = [field.name for field in msgspec.structs.fields(type_)]
    for key, value in document.items():
        if key not in known:
            yield (*path, key), known
        elif (type_ := _SECTIONS.get(f"{key}.NAME")) is not None and isinstance(value, dict):
            for name, part in value.items():
                yield from _unknown(part, type_, (*path, key, name))
        elif key in _SECTIONS:
            yield from _unknown(value, _SECTIONS[key], (*path, key))


def _problems(map_: CsvMap) -> Iterator[str]:
    """What types alone cannot refuse."""
    try:
        Address.parse(map_.device.address)
    except ContractError as error:
        yield f"device.address: {error.detail}; write enterprise/site/area/line/machine"
    if not map_.sensors and not map_.counters:
        yield "no [sensors.NAME] and no [counters.NAME]: nothing would be published"
    yield from _time_problems(map_)
    zones = {"time.timezone": map_.time.timezone, "tariff.timezone": map_.tariff.timezone if map_.tariff else None}
    for key, zone in zones.items():
        if zone is not None and not _is_zone(zone):
            yield f"{key}: no time zone {zone!r}; write an IANA name such as Asia/Shanghai"
    yield from _csv_problems(map_.csv)
    yield from _name_problems(map_)
    if map_.tariff is not None and "energy_wh" not in map_.counters:
        yield "[tariff] prices the counter energy_wh, and there is no [counters.energy_wh]"


def _csv_problems(csv: Csv) -> Iterator[str]:
    try:
        "".encode(csv.encoding)
    except (LookupError, ValueError):
        yield f"csv.encoding: {csv.encoding!r} is no text encoding; try utf-8, gb18030 or cp1252"
    if csv.delimiter in f'"\r\n{csv.decimal}':
        yield f"csv.delimiter {csv.delimiter!r} is a quote, a line's end or csv.decimal; try ';'"


def _name_problems(map_: CsvMap) -> Iterator[str]:
    for name, counter in map_.counters.items():
        yield from _counter_problems(name, counter, map_)
    for name, sensor in map_.sensors.items():
        if not all(isfinite(end) for end in (sensor.low, sensor.high) if end is not None):
            yield f"sensors.{name}: low and high must be numbers"
    names = [*map_.counters, *(name for c in map_.counters.values() for name in c.labels.values())]
    for what, count in (("sensors", len(map_.sensors)), ("counters", len(names))):
        if count > MAX_NAMES:
            yield f"{count} {what}, at most {MAX_NAMES} are allowed; make it two devices"
    for name in {*names, *map_.sensors} & RESERVED_NAMES:
        yield f"the name {name!r} is reserved; take another one"
    for name in names:
        if names.count(name) > 1:
            yield f"two counters have the name {name!r}"


def _time_problems(map_: CsvMap) -> Iterator[str]:
    time = map_.time
    if time.format in EPOCHS:
        if time.backward == "end_of_day":
            yield f"time.backward: end_of_day goes with stamps that show a date, not with {time.format}"
        return
    if time.format == "iso":
        return
    if "%" not in time.format:
        yield f"time.format: {time.format!r} is neither a strptime format{hint(time.format, ['iso', *EPOCHS])}"
        return
    moment = datetime(2018, 12, 31, 23, 59, 58, tzinfo=UTC)
    try:
        parsed = datetime.strptime(moment.strftime(time.format), time.format)
    except (ValueError, re.error) as error:  # strptime lets the latter out where a directive stands twice
        yield f"time.format: {time.format!r} does not read what it writes: {error}"
        return
    if parsed.date() != moment.date():
        yield f"time.format: {time.format!r} does not give the year, the month and the day"


def _counter_problems(name: str, counter: CounterColumn, map_: CsvMap) -> Iterator[str]:
    if name == "energy_wh" and counter.unit != "Wh":
        yield f"counters.energy_wh counts Wh, not {counter.unit!r}: the factor brings the column's unit to it"
    if (
        not counter.factor.is_finite()
        or not 0 < counter.factor <= MAX_FACTOR
        or len(counter.factor.as_tuple().digits) > 18
    ):
        yield f"counters.{name}.factor: {counter.factor} is not between 0 and {MAX_FACTOR:f}, in at most 18 digits"
    if counter.reading == "interval" and map_.time.period_s is None:
        yield f"counters.{name} has interval amounts: set time.period_s, the length of the interval in seconds"
    if (counter.split_by is None) != (not counter.labels):
        yield f"counters.{name}: split_by and labels go together; labels maps each label to the name of its counter"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
