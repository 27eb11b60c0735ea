"""What ``qilu replay`` prints: what was read, published and stored, the energy and what it cost.

What it is: the counts and sums side by side, as one JSON object or as a few lines for people.
What it is not: a computation; the figures come from the file (``replay_device.py``) and the store
(``replay_figures.py``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from console.replay_device import Published, Read
from console.replay_figures import ENERGY, Stored
from simulator.csv_map import CsvMap

_WH_PER_KWH: Final = 1000


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """One replay. ``stored`` is None where the readings were published to a broker of others.

    Attributes:
        file: the CSV, as it was named.
        map_: what its columns mean.
        read: what the file says.
        published: what the broker has acknowledged.
        stored: what the historian has.
        duration_s: how long it took, the check of the file included.
    """

    file: str
    map_: CsvMap
    read: Read
    published: Published
    stored: Stored | None
    duration_s: float

    @property
    def lost(self) -> int | None:
        """Messages that were acknowledged by the broker and are not in the store; None when no store was asked."""
        return None if self.stored is None else self.published.messages - self.stored.messages

    @property
    def ok(self) -> bool:
        """Whether the store has every message and every row, and its counters count what was published."""
        stored, published = self.stored, self.published
        if stored is None:
            return True
        rows = (stored.meter_rows, stored.samples) == (published.meter_rows, published.samples)
        return rows and not self.lost and not stored.dead_lettered and stored.totals == published.totals

    @property
    def complete(self) -> bool:
        """Whether the file was replayed to its end."""
        return self.published.last_ns == self.read.tally.last_ns

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        tally, published, stored = self.read.tally, self.published, self.stored
        return {
            "ok": self.ok,
            "complete": self.complete,
            "file": self.file,
            "device": self.map_.address.path,
            "read": {
                "rows": tally.rows,
                "steps_back": tally.backward,
                "left_out_for_time": tally.stale,
                "left_out_as_bad": tally.bad,
                "gaps": tally.gaps,
                "first": self._local(tally.first_ns),
                "last": self._local(tally.last_ns),
                "problems": tally.problems,
                "totals": self.read.totals,
            },
            "published": {name: value for name, value in asdict(published).items() if not name.endswith("_ns")},
            "stored": None
            if stored is None
            else {
                "store": stored.store,
                "messages": stored.messages,
                "meter_rows": stored.meter_rows,
                "samples": stored.samples,
                "dead_lettered": stored.dead_lettered,
                "lost": self.lost,
                "totals": stored.totals,
            },
            "energy": self._energy(),
            "cost": self._cost(),
            "duration_s": round(self.duration_s, 3),
        }

    def as_text(self) -> str:
        """The report for people."""
        tally, published, stored = self.read.tally, self.published, self.stored
        span = f"{self._local(tally.first_ns)} to {self._local(tally.last_ns)}"
        left_out = f"rows left out: {tally.bad:,} as bad, {tally.stale:,} for their time"
        lines = [
            f"read       {tally.rows:,} rows of {self.file}, {span}",
            f"           steps back in time: {tally.backward:,}; {left_out}; gaps: {tally.gaps:,}",
            *(f"           {problem}" for problem in tally.problems),
            f"published  {_counts(published)} to {published.topics} at {published.broker}",
        ]
        if stored is not None:
            lines.append(f"stored     {_counts(stored)} in {stored.store}")
            lines.append(f"           lost: {self.lost}, dead letters: {stored.dead_lettered}")
            lines += self._energy_lines(stored)
        ending = "done" if self.complete else "stopped before the end of the file"
        lines.append(f"{ending if self.ok else 'NOT stored as it was published'}, {self.duration_s:.1f} s")
        return "\n".join(lines)

    @property
    def _labels(self) -> dict[str, str]:
        """Label -> its counter of energy; in the order of the map."""
        counter = self.map_.counters.get(ENERGY)
        return {} if counter is None else counter.labels

    def _energy(self) -> dict[str, Any] | None:
        stored = self.stored
        if stored is None or ENERGY not in stored.totals:
            return None
        read_wh, stored_wh = self.read.totals[ENERGY], stored.totals[ENERGY]
        split = {label: stored.totals[name] for label, name in self._labels.items()}
        return {
            "read_wh": read_wh,
            "stored_wh": stored_wh,
            "equal": read_wh == stored_wh,
            "kwh": stored_wh / _WH_PER_KWH,
            "by_label_wh": split,
            "by_label_kwh": {label: wh / _WH_PER_KWH for label, wh in split.items()},
        }

    def _cost(self) -> dict[str, Any] | None:
        stored = self.stored
        if stored is None or stored.economics is None or stored.economics.tariff is None:
            return None
        tariff = stored.economics.tariff
        return {
            "currency": stored.economics.currency,
            "tariff": self.map_.tariff.name if self.map_.tariff else None,
            "timezone": tariff.timezone,
            "price_per_kwh": {band.name: band.price_per_kwh for band in tariff.bands.values()},
            "total": _money(stored, ENERGY),
            "by_label": {label: _money(stored, name) for label, name in self._labels.items()},
            "wh_by_band": _by_band(stored, ENERGY),
            "by_label_wh_by_band": {label: _by_band(stored, name) for label, name in self._labels.items()},
        }

    def _energy_lines(self, stored: Stored) -> list[str]:
        energy, cost = self._energy(), self._cost()
        if energy is None:
            return []
        amounts = [energy["read_wh"], *(wh for bands in stored.energy.values() for _, wh in bands)]
        kwh = partial(_kwh, digits=3 if any(wh % 10 for wh in amounts) else 2)
        verdict = "equal" if energy["equal"] else "NOT equal"
        lines = [f"energy     {kwh(energy['read_wh'])} kWh read, {kwh(energy['stored_wh'])} kWh stored: {verdict}"]
        head = ["", "kWh"]
        bands: list[str] = []
        if cost is not None:
            money, currency = cost["total"], cost["currency"]
            lines.append(f"cost       {money:,.2f} {currency}, tariff {cost['tariff']}, hours of {cost['timezone']}")
            bands = list(cost["price_per_kwh"])
            head += [currency, f"{currency}/kWh", *(f"{band} kWh" for band in bands)]
        rows = [head]
        for label, name in [*self._labels.items(), ("total", ENERGY)]:
            wh, row = stored.totals[name], [label, kwh(stored.totals[name])]
            if cost is not None:
                money = _money(stored, name) or 0.0
                row += [f"{money:,.2f}", f"{money * _WH_PER_KWH / wh:.4f}" if wh else "–"]
                row += [kwh(_by_band(stored, name).get(band, 0)) for band in bands]
            rows.append(row)
        return [*lines, "", *_table(rows), ""]

    def _local(self, t_ns: int | None) -> str:
        if t_ns is None:
            return "–"
        return datetime.fromtimestamp(t_ns // 1_000_000_000, self.map_.zone).isoformat(sep=" ")


def _counts(of: Published | Stored) -> str:
    return f"{of.messages:,} messages with {of.meter_rows:,} meter rows and {of.samples:,} samples"


def _money(stored: Stored, counter: str) -> float | None:
    cost = stored.cost(counter)
    return None if cost is None else float(cost)


def _by_band(stored: Stored, counter: str) -> dict[str, int]:
    bands = stored.economics.tariff.bands if stored.economics and stored.economics.tariff else {}
    return {bands[code].name: wh for code, wh in stored.energy.get(counter, ()) if code in bands}


def _kwh(wh: int, digits: int = 3) -> str:
    """Watt-hours as kWh, every digit of them.

    >>> _kwh(959636710), _kwh(959636710, 2), _kwh(5)
    ('959,636.710', '959,636.71', '0.005')
    """
    whole, rest = divmod(wh, _WH_PER_KWH)
    return f"{whole:,}.{rest:03d}"[: digits - 3 or None]


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
