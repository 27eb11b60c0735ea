"""A line of machines that runs by its sector's rules for a fortnight, and what the detectors make of it.

What it is: the simulator's kernel and signals, its truth, and the score of each detector beside chance and the oracle.
What it is not: a test.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from factory_runs import START, factory, park_of
from health_rows import DAY_NS, HOUR_NS, SECOND_NS

from analytics.health import REST, Episode, Pca, Prices, Robust, Tally, Watch, beside, episodes
from analytics.health.learned import Forest
from simulator.happenings import Doing, Rows
from simulator.plant import Park
from simulator.signals import MachineSignals, grid

DAYS = 14
STEP_NS = 10 * SECOND_NS
ROUNDS = 20
PRICES = Prices(miss=100.0, false_alarm=5.0, caught=((0, 60.0), (8 * HOUR_NS, 30.0)))
MAKES: dict[str, Any] = {
    "Pca": partial(Pca, train=2000),
    "Robust": partial(Robust, train=2000),
    "Forest": partial(Forest, train=2000),
}


def truth_of(park: Park, number: int, entered: Rows, until_ns: int) -> tuple[Episode, ...]:
    """The degradations of a machine."""
    site, _, step = park.machines[number]
    rows = entered[entered["machine"] == number]
    return episodes(
        rows["t_ns"],
        running=rows["doing"] == Doing.RUNNING,
        ages=rows["age_ns"],
        lives=rows["life_ns"],
        modes=rows["mode"],
        visible_ns=[round(one.failure.tau_h * HOUR_NS) for one in site.model_of(step).sensors],
        until_ns=until_ns,
    )


@cache
def fortnight(sector: str = "biomedicine") -> tuple[Any, ...]:
    """Each machine: names of sensors, samples, states, truth."""
    park, made, parts = park_of(sector), factory(park_of(sector)), []
    for day in range(1, DAYS + 1):
        made.skip(START + day * DAY_NS)
        parts += [happened.entered for happened in made.take_happened()]
    entered, machines = np.concatenate(parts), []
    for number, (site, address, step) in enumerate(park.machines):
        sensors, rows = site.model_of(step).sensors, entered[entered["machine"] == number]
        signals = MachineSignals(sensors, site.seed, address.path)
        times, values = signals.sample(rows, grid(START, START + DAYS * DAY_NS, STEP_NS), STEP_NS)
        truth = truth_of(park, number, entered, START + DAYS * DAY_NS)
        machines.append((tuple(one.name for one in sensors), times, values.T, rows, truth))
    return tuple(machines)


@cache
def scores(name: str, sector: str = "biomedicine") -> dict[str, Tally]:
    """The detector, the random one (the sum of ``ROUNDS`` runs), and the oracle, over all machines."""
    total = {"detector": Tally(), "random": Tally(), "oracle": Tally()}
    for number, (names, times, values, rows, truth) in enumerate(fortnight(sector)):
        modes = np.where(rows["doing"] == Doing.RUNNING, 0, REST)
        found = Watch(names, MAKES[name], least=3).update(times, values, rows["t_ns"], modes)
        begins = [alarm.begin_ns for alarm in found.alarms if alarm.end_ns is None]
        spans = [(int(found.scored.times[0]), START + DAYS * DAY_NS)] if len(found.scored.times) else []
        each = beside(begins, truth, spans, PRICES, np.random.default_rng(number), rounds=ROUNDS)
        total = {who: total[who] + each[who] for who in total}
    return total


def table_row(sector: str, who: str, score: Tally, rounds: int = 1) -> str:
    """A row of the table in ``docs/health.md``."""

    def shown(value: float | None, digits: int = 2) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    lead, short = (None if one is None else one / HOUR_NS for one in (score.lead_ns(), score.lead_ns(0.1)))
    cells = [
        sector,
        who,
        f"{score.alarms / rounds:.0f}",
        f"{score.failures / rounds:.0f}",
        shown(score.precision),
        shown(score.recall),
        shown(score.f1),
        shown(score.false_per_week),
        shown(lead, 0),
        shown(short, 0),
        f"{float(score.saved) / rounds:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def table(sector: str) -> list[str]:
    """The rows of a sector; the oracle is the same beside each detector but for what it can watch."""
    rows = []
    for name in MAKES:
        found = scores(name, sector)
        rows.append(table_row(sector, f"`{name}`", found["detector"]))
        rows.append(table_row(sector, f"random, as many as `{name}`", found["random"], ROUNDS))
    return [*rows, table_row(sector, "oracle", scores("Pca", sector)["oracle"])]
