"""A plant for the tests of the page: plausible points in a historian, without simulator, broker or analytics.

What it is: frames as the ingester and the analytics write them, from a seed; the same seed, the same frames.
What it is not: a simulation. States and figures have nothing to do with each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from contract import Band, Birth, Economics, Production, Sensor, Tariff, encode
from historian import Frame

S = 1_000_000_000
MIN = 60 * S
H = 3600 * S
NOW = 1_764_000_000 * S + 1_380 * S  # 23 minutes into an hour
BOOT = "00c0ffee"
LINE = {"enterprise": "qingdao-appliances", "site": "plant-1", "area": "production", "line": "line-1"}
TARIFF = Tariff(timezone="Asia/Shanghai", bands={"f": Band(name="flat", price_per_kwh=0.7)}, hours=["f" * 24] * 12)
SENSORS = {
    "press_force": Sensor(unit="kN", low=2600, high=2900),
    "vibration_rms": Sensor(unit="mm/s", low=1.2, high=3.0),
    "die_temp": Sensor(unit="degC", low=32, high=48),
}


@dataclass(frozen=True)
class Spec:
    """One step: the names of its machines, and what one of them takes and costs."""

    step: str
    names: tuple[str, ...]
    cycle_s: float
    operators: float
    material: float
    kw: float


def parallel(stem: str, count: int) -> tuple[str, ...]:
    return tuple(f"{stem}-{number}" for number in range(1, count + 1))


WASHING_MACHINES = (
    Spec("Cabinet stamping", ("stamp-1",), 16, 3, 210, 95),
    Spec("Tub injection moulding", parallel("mould", 6), 110, 0.5, 160, 100),
    Spec("Drum forming, seam and crimp", ("drum-1",), 18, 2, 120, 45),
    Spec("Final assembly line", ("assemble-1",), 20, 42, 480, 60),
    Spec("Function, leak and balance test", parallel("test", 12), 220, 0.33, 0, 1.2),
    Spec("Packing and label", ("pack-1",), 17, 3, 35, 18),
)
CALM = {"state": "Execute", "reason": "running"}
TROUBLES = (
    {"state": "Held", "reason": "minor_stop", "cause": "part jam"},
    {"state": "Aborted", "reason": "breakdown", "cause": "nozzle or filter blockage"},
    {"state": "Stopped", "reason": "setup", "cause": "capacity_kg 8 to 10"},
)


def births(specs: Iterable[Spec] = WASHING_MACHINES, now_ns: int = NOW, boot: str = BOOT) -> list[Frame]:
    frames = []
    for position, spec in enumerate(specs, start=1):
        for name in spec.names:
            birth = Birth(
                boot=boot,
                seq=1,
                t=now_ns - 24 * H,
                role="machine",
                model="servo press line 400 t",
                version="1.0",
                sensors=SENSORS,
                counters={"energy_wh": "Wh"},
                production=Production(step=spec.step, position=position, ideal_cycle_ns=int(spec.cycle_s * S)),
                economics=Economics(
                    currency="CNY",
                    operators=spec.operators,
                    wage_per_h=45,
                    depreciation_per_h=60,
                    material_per_unit=spec.material,
                    tariff=TARIFF,
                ),
            )
            frames.append(birth_frame(LINE | {"machine": name}, birth))
    return frames


def birth_frame(tags: dict[str, str], birth: Birth) -> Frame:
    fields = {"_boot": [birth.boot], "_seq": [birth.seq], "role": [birth.role], "body": [encode(birth).decode()]}
    return Frame("birth", tags, [birth.t], fields)


def state_frame(machine: str, rows: list[tuple[int, dict[str, str]]]) -> Frame:
    names = ("state", "reason", "order", "cause")
    fields: dict[str, list[str | None]] = {name: [row.get(name) for _, row in rows] for name in names}
    fields = {name: column for name, column in fields.items() if any(column)}
    return Frame("state", LINE | {"machine": machine}, [t for t, _ in rows], fields | {"_boot": [BOOT] * len(rows)})


def states(specs: Iterable[Spec] = WASHING_MACHINES, now_ns: int = NOW, seed: int = 1) -> list[Frame]:
    """Two hours of states per machine: mostly work, now and then a wait, seldom a trouble."""
    chance = random.Random(seed)
    frames = []
    for name in (name for spec in specs for name in spec.names):
        rows, t = [], now_ns - 2 * H
        while t < now_ns:
            rows.append((t, CALM))
            t += chance.randint(60, 1500) * S
            kind = chance.random()
            if kind < 0.75:
                stop, length = {"state": "Suspended", "reason": chance.choice(("starved", "blocked"))}, 20
            else:
                stop, length = (TROUBLES[0], 60) if kind < 0.93 else (TROUBLES[1 + (kind < 0.96)], 1100)
            if t < now_ns:
                rows.append((t, stop))
            t += chance.randint(5, length) * S
        frames.append(state_frame(name, rows))
    return frames


def window(chance: random.Random, span_ns: int, spec: Spec) -> dict[str, float | int]:
    """The fields of one machine's window."""
    busy = int(span_ns * chance.uniform(0.68, 0.95))
    wait = (span_ns - busy) * 2 // 3
    ideal = int(spec.cycle_s * S)
    made = max(1, int(busy * chance.uniform(0.9, 0.99)) // ideal)
    scrap = int(made * chance.uniform(0, 0.03))
    hours = span_ns / H
    wh = int(spec.kw * 1000 * hours * busy / span_ns)
    found: dict[str, float | int] = {
        "apt_ns": busy, "adot_ns": wait, "adet_ns": span_ns - busy - wait, "aust_ns": 0, "pdot_ns": 0,
        "unknown_ns": 0, "gq": made - scrap, "sq": scrap, "rq": 0, "pri_pq_ns": made * ideal,
        "pri_gq_ns": (made - scrap) * ideal, "failures": 0, "energy_wh": wh,
        "cost_material": made * spec.material, "cost_scrap_recovery": -4.0 * scrap, "cost_energy": wh * 0.7e-3,
        "cost_labour": spec.operators * 45 * hours, "cost_depreciation": 60.0 * hours,
    }  # fmt: skip
    found["cost_total"] = sum(value for name, value in found.items() if name.startswith("cost_"))
    return found


def ratios(fields: dict[str, float | int]) -> dict[str, float]:
    pbt = sum(fields.get(name, 0) for name in ("apt_ns", "adot_ns", "adet_ns", "aust_ns"))
    units = fields.get("sellable", fields["gq"] + fields["rq"])
    return {
        "oee": fields["pri_gq_ns"] / pbt,
        "availability": fields["apt_ns"] / pbt,
        "effectiveness": fields["pri_pq_ns"] / fields["apt_ns"],
        "quality_ratio": fields["pri_gq_ns"] / fields["pri_pq_ns"],
        "unit_cost": fields["cost_total"] / units,
    }


def kpis(
    specs: tuple[Spec, ...] = WASHING_MACHINES,
    now_ns: int = NOW,
    seed: int = 1,
    skip_hours: frozenset[int] = frozenset(),
) -> list[Frame]:
    """An hour of five-minute windows and a day of hourly ones, of machines, line and site; some hours may be gaps."""
    chance = random.Random(seed)
    frames = []
    for name, span, count in (("5m", 5 * MIN, 12), ("1h", H, 24)):
        newest = now_ns // span * span
        for number in range(count):
            if name == "1h" and number in skip_hours:
                continue
            start = newest - (count - 1 - number) * span
            until = min(now_ns, start + span)
            line: dict[str, float | int] = {}
            for spec in specs:
                for machine in spec.names:
                    fields = window(chance, until - start or 1, spec)
                    frames.append(kpi_frame("machine", LINE | {"machine": machine}, name, start, until, fields))
                    line = {key: line.get(key, 0) + value for key, value in fields.items()}
                    if spec is specs[-1]:
                        line["sellable"] = fields["gq"] + fields["rq"]
            line_oee = {"line_oee": 20 * S * line["sellable"] / max(1, until - start)}
            frames.append(kpi_frame("line", LINE, name, start, until, line | line_oee))
            site = line | {"energy_wh": int(line["energy_wh"]) + 360_000 * (until - start) // H}
            frames.append(
                kpi_frame("site", {key: LINE[key] for key in ("enterprise", "site")}, name, start, until, site)
            )
    return frames


def kpi_frame(
    level: str, place: dict[str, str], name: str, start: int, until: int, fields: dict[str, float | int]
) -> Frame:
    values = fields | ratios(fields) | {"until_ns": until}
    return Frame("kpi", place | {"level": level, "window": name}, [start], {key: [v] for key, v in values.items()})


def meters(specs: Iterable[Spec] = WASHING_MACHINES, now_ns: int = NOW) -> list[Frame]:
    t = now_ns // MIN * MIN
    names = [name for spec in specs for name in spec.names]
    return [Frame("meter", LINE | {"machine": name}, [t], {"energy_wh": [t // H]}) for name in names]


def telemetry(machine: str, now_ns: int = NOW, seed: int = 1) -> Frame:
    chance = random.Random(seed)
    times = list(range(now_ns - H, now_ns, 10 * S))
    return Frame(
        "telemetry",
        LINE | {"machine": machine},
        times,
        {
            "press_force": [2750 + chance.gauss(0, 18) for _ in times],
            "vibration_rms": [2.0 + index / len(times) * 2 + chance.gauss(0, 0.12) for index in range(len(times))],
            "die_temp": [None if 100 < index < 150 else 40 + chance.gauss(0, 0.6) for index in range(len(times))],
        },
    )


def whole(specs: tuple[Spec, ...] = WASHING_MACHINES, now_ns: int = NOW, seed: int = 1) -> list[Frame]:
    """Everything, of one moment."""
    said = [telemetry(name, now_ns, seed) for spec in specs for name in spec.names]
    return (
        births(specs, now_ns) + states(specs, now_ns, seed) + kpis(specs, now_ns, seed) + meters(specs, now_ns) + said
    )
