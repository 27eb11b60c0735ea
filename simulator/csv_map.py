"""How the columns of a CSV become a device: the map that ``qilu replay`` reads, as typed, frozen values.

What it is: one msgspec structure per section of the TOML document, with what follows from the whole map.
What it is not: a language: a column counts as it is, times a factor. ``csv_map_toml.py`` reads the document and
refuses what is wrong in it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from contract import Address
from contract.parts import Text, WrittenName

EPOCHS: Final = {"epoch_s": 1_000_000_000, "epoch_ms": 1_000_000, "epoch_us": 1_000, "epoch_ns": 1}
"""Formats that count from 1970-01-01 UTC -> nanoseconds in one of their units."""
MAX_FACTOR: Final = Decimal(10) ** 9

Column = Annotated[str, Meta(min_length=1, description="name in the header line")]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the map."""


class Device(_Part, frozen=True, kw_only=True):
    """Who speaks."""

    address: Annotated[str, Meta(description="`enterprise/site/area/line/machine`")]
    model: Annotated[Text, Meta(description="what the birth calls it")] = "csv-replay"
    version: Annotated[Text, Meta(description="version of the device, for the birth")] = "1"


class Time(_Part, frozen=True, kw_only=True):
    """When it spoke."""

    column: Column
    format: Annotated[
        str,
        Meta(
            description="strptime format like `%d/%m/%Y %H:%M`, or `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`"
        ),
    ] = "iso"
    timezone: Annotated[str, Meta(description="IANA zone of stamps that carry no offset")] = "UTC"
    period_s: Annotated[
        Annotated[int, Meta(ge=1, le=366 * 86_400)] | None,
        Meta(
            description="length of the interval that ends at the stamp; needed by interval counters",
        ),
    ] = None
    backward: Annotated[
        Literal["error", "end_of_day", "skip"],
        Meta(
            description="when time does not go forward: `error`; `end_of_day`: a row at 00:00 carries the date of the "
            "day that it ends and belongs one day later; `skip`: leave the row out and count it"
        ),
    ] = "error"


class Csv(_Part, frozen=True, kw_only=True):
    """How the file is written."""

    delimiter: Annotated[str, Meta(min_length=1, max_length=1, description="between two cells")] = ","
    decimal: Annotated[Literal[".", ","], Meta(description="the decimal sign")] = "."
    encoding: Annotated[str, Meta(description="of the text; a byte-order mark is taken off")] = "utf-8"
    on_bad_row: Annotated[
        Literal["error", "skip"],
        Meta(description="`error`: stop and name it; `skip`: leave it out, count it, report it"),
    ] = "error"


class SensorColumn(_Part, frozen=True, kw_only=True):
    """A column of samples, published as telemetry. An empty cell means not sampled."""

    column: Column
    unit: Annotated[Text, Meta(description="UCUM or plain")] = ""
    low: Annotated[float | None, Meta(description="low end of the normal band")] = None
    high: Annotated[float | None, Meta(description="high end of the normal band")] = None


class CounterColumn(_Part, frozen=True, kw_only=True):
    """A column of amounts, published as a cumulative integer counter."""

    column: Column
    unit: Annotated[Text, Meta(description="unit of the counter, such as `Wh`")]
    factor: Annotated[
        Decimal,
        Meta(description="counter units in one unit of the column: 1000 for kWh to Wh. What is finer is refused"),
    ] = Decimal(1)
    reading: Annotated[
        Literal["interval", "cumulative"],
        Meta(description="`interval`: the amount since one period before the stamp; `cumulative`: the meter's reading"),
    ] = "interval"
    split_by: Annotated[str | None, Meta(description="column whose labels split the amounts")] = None
    labels: Annotated[
        dict[str, WrittenName],
        Meta(description="label -> name of one more counter, which counts the rows of that label alone"),
    ] = {}


class Tariff(_Part, frozen=True, kw_only=True):
    """What the energy costs, by the hour of the local day."""

    name: Annotated[str, Meta(description="a table of `simulator/tariffs/`")]
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z", description="of its prices, ISO 4217")] = "CNY"
    timezone: Annotated[str | None, Meta(description="IANA zone of its hours, where it is not the table's own")] = None


class CsvMap(_Part, frozen=True, kw_only=True):
    """The whole map."""

    device: Device
    time: Time
    csv: Csv = Csv()
    sensors: dict[WrittenName, SensorColumn] = {}
    counters: dict[WrittenName, CounterColumn] = {}
    tariff: Tariff | None = None

    @property
    def address(self) -> Address:
        """The device's address."""
        return Address.parse(self.device.address)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of stamps without an offset."""
        return ZoneInfo(self.time.timezone)

    @property
    def period_ns(self) -> int:
        """The length of an interval; 0 where no counter has interval amounts."""
        has_intervals = any(counter.reading == "interval" for counter in self.counters.values())
        return (self.time.period_s or 0) * 1_000_000_000 if has_intervals else 0

    @property
    def units(self) -> dict[str, str]:
        """Every counter that is published, the labels' own included, with its unit."""
        units = {name: counter.unit for name, counter in self.counters.items()}
        return units | {name: c.unit for c in self.counters.values() for name in c.labels.values()}

    @property
    def columns(self) -> list[str]:
        """Every column that the map reads."""
        sensors = [sensor.column for sensor in self.sensors.values()]
        counters = [name for c in self.counters.values() for name in (c.column, c.split_by) if name is not None]
        return [self.time.column, *sensors, *counters]
