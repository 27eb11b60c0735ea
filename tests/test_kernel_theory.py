"""The kernel against what theory says: queues, lines with finite buffers, batches, crews, shares of time.

Seeds are fixed. What is random is compared with the exact mean by batch means, at 99.9 %; where theory is exact for
every run, so is the comparison.
"""

from __future__ import annotations

from math import factorial, sqrt
from typing import Any

import numpy as np
import pytest

from simulator import chance, kernel
from simulator.happenings import Doing, Happenings, OrderEvent
from simulator.kernel import Plant
from simulator.line import ORDERS, Line, Step, World, orders

S_NS = 10**9
HOUR_NS = 3600 * S_NS
DAY_NS = 24 * HOUR_NS
BATCHES = 25
T_999 = 3.745  # Student's t, 24 degrees of freedom, 99.9 % on both sides
LATER = 10**17


def agrees(samples: Any, expected: float, within: float = 0.1) -> None:
    """The mean of dependent samples agrees with theory, and the samples suffice to tell."""
    means = np.array([batch.mean() for batch in np.array_split(np.asarray(samples, float), BATCHES)])
    half = T_999 * means.std(ddof=1) / sqrt(BATCHES)
    assert half < within * expected, f"too few samples: {half} of {expected}"
    assert abs(means.mean() - expected) < half, f"{means.mean()} ± {half} is not {expected}"


def poisson(count: int, mean_ns: int, seed: int) -> Any:
    """Orders of one unit in a Poisson process."""
    gaps = -np.log(chance.uniforms(chance.key(seed, "customers"), np.arange(count))) * mean_ns
    rows = np.zeros(count, ORDERS)
    rows["t_ns"] = rows["release_ns"] = np.cumsum(gaps).astype(np.int64)
    rows["cancel_ns"] = rows["due_ns"] = 2**62
    rows["units"] = 1
    return rows


def plenty(units: int = 10**12) -> Any:
    """More to do than can be done."""
    return orders([{"units": units}])


def run(steps: tuple[Step, ...], rows: Any, until_ns: int, seed: int = 1, **shared: Any) -> tuple[Plant, Happenings]:
    plant = kernel.start(World((Line(steps),), **shared), seed, 0)
    kernel.place(plant, rows)
    return plant, kernel.advance(plant, until_ns)


def shares(plant: Plant, machine: int) -> dict[Doing, float]:
    """The share of time in each doing."""
    doing_ns = kernel.truth(plant)[machine].doing_ns
    return {doing: doing_ns[doing] / sum(doing_ns) for doing in Doing}


def sojourns(rows: Any, said: Happenings) -> Any:
    """From an order to its unit, in s."""
    done = np.zeros(len(rows), np.int64)
    done[said.finished["order"]] = said.finished["t_ns"]
    assert done.all()
    return (done - rows["t_ns"]) / S_NS


@pytest.mark.parametrize("machines", [1, 2, 4])
def test_exponential_servers_as_erlang_has_it(machines: int) -> None:
    """M/M/c: sojourn times and the share of customers who wait (Erlang C)."""
    mean_s, rho = 10.0, 0.75
    rows = poisson(200_000, round(mean_s / (rho * machines) * S_NS), machines)
    step = Step(machines=tuple(f"m-{n}" for n in range(machines)), cycle_ns=round(mean_s * S_NS), shape="exponential")
    plant, said = run((step,), rows, LATER)
    offered = rho * machines
    full = offered**machines / factorial(machines) / (1 - rho)
    waits = full / (sum(offered**n / factorial(n) for n in range(machines)) + full)
    agrees(sojourns(rows, said), mean_s + waits * mean_s / (machines * (1 - rho)))
    by_order = said.finished[np.argsort(said.finished["order"])]
    agrees(by_order["actual_ns"] / S_NS, mean_s)
    agrees(by_order["t_ns"] - by_order["actual_ns"] > rows["t_ns"], waits)
    assert sum(done.good for done in kernel.truth(plant)) == len(rows)


def test_a_constant_server_halves_the_wait() -> None:
    """M/D/1 (Pollaczek and Khinchine)."""
    rho = 0.8
    rows = poisson(200_000, round(10 / rho * S_NS), 5)
    _, said = run((Step(machines=("m",), cycle_ns=10 * S_NS),), rows, LATER)
    agrees(sojourns(rows, said), 10 + 10 * rho / (2 * (1 - rho)))


def test_full_loads_wait_as_the_erlang_arrivals_that_they_are() -> None:
    """A batch server that waits for full loads: forming a load, then E_k/M/1, exactly."""
    lots, mean_s, rho = 4, 30.0, 0.7
    gap_s = mean_s / rho / lots
    rows = poisson(200_000, round(gap_s * S_NS), 3)
    step = Step(machines=("kiln",), cycle_ns=round(mean_s * S_NS), shape="exponential", load_lots=lots, fill_ns=LATER)
    _, said = run((step,), rows, LATER)
    root = 0.5
    for _ in range(200):
        root = (1 / (1 + gap_s / mean_s * (1 - root))) ** lots
    agrees(sojourns(rows, said), (lots - 1) / 2 * gap_s + mean_s / (1 - root))


@pytest.mark.parametrize(("lots", "fill_s", "made"), [(5, 1000, 5), (7, 100, 5)])
def test_a_batch_machine_fills_its_load_or_its_patience_ends(lots: int, fill_s: int, made: int) -> None:
    """Lots come every 24 s, so that 5 are there after 100 s of patience; each load then takes 2 s."""
    first = Step(machines=("saw",), cycle_ns=24 * S_NS, buffer_after=9)
    kiln = Step(machines=("kiln",), cycle_ns=2 * S_NS, load_lots=lots, fill_ns=fill_s * S_NS)
    _, said = run((first, kiln), plenty(), DAY_NS)
    fired = said.finished[said.finished["machine"] == 1]["t_ns"]
    loads = np.split(fired, np.flatnonzero(np.diff(fired) > 1) + 1)
    assert {len(load) for load in loads[:-1]} == {made}


@pytest.mark.parametrize("buffer", [0, 1, 4])
@pytest.mark.parametrize("second_s", [10.0, 7.0, 14.0])
def test_two_machines_and_a_buffer_are_a_small_markov_chain(buffer: int, second_s: float) -> None:
    """Never short of orders, exponential, blocking after service: M/M/1/(buffer + 2), exactly."""
    first_s, until = 10.0, 200_000 * 10 * S_NS
    steps = (
        Step(machines=("a",), cycle_ns=round(first_s * S_NS), shape="exponential", buffer_after=buffer),
        Step(machines=("b",), cycle_ns=round(second_s * S_NS), shape="exponential"),
    )
    plant, said = run(steps, plenty(), until)
    weights = [(second_s / first_s) ** n for n in range(buffer + 3)]
    idle, blocked = weights[0] / sum(weights), weights[-1] / sum(weights)
    out = said.finished[said.finished["machine"] == 1]["t_ns"]
    agrees(np.diff(out) / S_NS, second_s / (1 - idle))
    assert shares(plant, 1)[Doing.STARVED] == pytest.approx(idle, rel=0.05)
    assert shares(plant, 0)[Doing.BLOCKED] == pytest.approx(blocked, rel=0.05)


def test_littles_law_holds_in_a_line_with_everything_in_its_way() -> None:
    """Lots on the line, seen at chance moments, are the rate times the time on the line."""
    common = {"mtbf_ns": 2000 * S_NS, "mttr_ns": 300 * S_NS, "stop_interval_ns": 200 * S_NS, "stop_mean_ns": 10 * S_NS}
    steps = (
        Step(machines=("a-1", "a-2"), cycle_ns=20 * S_NS, cycle_noise=0.2, buffer_after=3, **common),
        Step(machines=("b",), cycle_ns=10 * S_NS, shape="exponential", buffer_after=5, **common),
        Step(machines=("c",), cycle_ns=40 * S_NS, load_lots=4, fill_ns=60 * S_NS, buffer_after=2, **common),
        Step(machines=("d-1", "d-2", "d-3"), cycle_ns=30 * S_NS, shape="exponential", **common),
    )
    until, looks = 60 * DAY_NS, 40_000
    rows = orders([{"units": 1}] * 700_000)
    plant = kernel.start(World((Line(steps),)), 4, 0)
    kernel.place(plant, rows)
    cuts = np.sort(chance.uniforms(chance.key(4, "looks"), np.arange(looks)) * until).astype(np.int64)
    seen, begun, ended = [], [], []
    for cut in [*cuts.tolist(), until]:
        said = kernel.advance(plant, cut)
        seen.append(plant.work_in_progress)
        begun.append(said.ordered[said.ordered["what"] == OrderEvent.STARTED])
        ended.append(said.ordered[said.ordered["what"] == OrderEvent.FINISHED])
    start_ns, end_ns = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for times, parts in ((start_ns, begun), (end_ns, ended)):
        told = np.concatenate(parts)
        times[told["order"]] = told["t_ns"]
    done = end_ns > 0
    assert 100_000 < done.sum() < len(rows)
    agrees(np.array(seen[:-1]), done.sum() / until * (end_ns - start_ns)[done].mean(), within=0.02)


def test_a_line_without_chance_runs_at_the_rate_of_its_bottleneck() -> None:
    steps = (
        Step(machines=("a-1",), cycle_ns=16),
        Step(machines=("b-1", "b-2", "b-3"), cycle_ns=60, buffer_after=2),
        Step(machines=("c-1",), cycle_ns=17),
    )
    plant, _ = run(steps, plenty(), 10_000)
    before = kernel.truth(plant)[-1].good
    kernel.advance(plant, 30_000)
    assert kernel.truth(plant)[-1].good - before == 20_000 // 20


@pytest.mark.parametrize("technicians", [1, 2])
def test_machines_wait_for_the_crew_as_in_the_repairman_problem(technicians: int) -> None:
    """Finite source: five machines, a birth and death process (Palm, 1947); the way is what takes exponential time."""
    machines, mtbf, way = 5, 300.0, 100.0
    step = Step(
        machines=tuple(f"m-{n}" for n in range(machines)),
        cycle_ns=37 * S_NS,
        mtbf_ns=round(mtbf * S_NS),
        mttr_ns=1,
        crew=0,
        response_ns=round(way * S_NS),
    )
    plant, _ = run((step,), plenty(), 150 * DAY_NS, crews=(technicians,))
    weights = [1.0]
    for down in range(machines):
        weights.append(weights[-1] * (machines - down) / mtbf * way / min(down + 1, technicians))
    up = sum((machines - down) * weight for down, weight in enumerate(weights)) / sum(weights) / machines
    running = [shares(plant, n)[Doing.RUNNING] for n in range(machines)]
    assert np.mean(running) == pytest.approx(up, rel=0.01)


def test_a_power_limit_lets_so_many_run() -> None:
    """Six machines of 3 kW under 10 kW: three run at any time, and each its share."""
    step = Step(machines=tuple(f"m-{n}" for n in range(6)), cycle_ns=10 * S_NS, power_group=0, power_w=3000)
    plant, _ = run((step,), plenty(), 600 * S_NS, power_w=(10_000,))
    running = [shares(plant, n)[Doing.RUNNING] for n in range(6)]
    assert sum(running) == pytest.approx(3.0)
    assert max(running) - min(running) <= 10 / 600


def test_a_shift_calendar_takes_its_share_and_nothing_else() -> None:
    step = Step(machines=("a",), cycle_ns=1001 * S_NS, calendar=0)
    turns = tuple(day * DAY_NS + hour * HOUR_NS for day in range(10) for hour in (6, 14))
    plant, said = run((step,), plenty(), 10 * DAY_NS, calendars=(turns,))
    assert shares(plant, 0)[Doing.OFF] == pytest.approx(1 / 3)
    assert shares(plant, 0)[Doing.RUNNING] == pytest.approx(2 / 3)
    assert len(said.finished) == 10 * 16 * 3600 // 1001
    assert set(said.finished["actual_ns"]) == {1001 * S_NS}


def test_minor_stops_and_setups_take_their_share() -> None:
    step = Step(
        machines=("a",),
        cycle_ns=10 * S_NS,
        stop_interval_ns=600 * S_NS,
        stop_mean_ns=30 * S_NS,
        minor_every=20,
        minor_ns=12 * S_NS,
        major_every=100,
        major_ns=60 * S_NS,
    )
    plant, _ = run((step,), plenty(), 15 * DAY_NS, seed=3)
    share = shares(plant, 0)
    stops = share[Doing.RUNNING] * 15 * DAY_NS / step.stop_interval_ns
    assert share[Doing.MINOR_STOP] / share[Doing.RUNNING] == pytest.approx(30 / 600, rel=4 * sqrt(2 / stops))
    assert share[Doing.SETUP] / share[Doing.RUNNING] == pytest.approx((4 * 12 + 60) / (100 * 10), rel=0.01)


def test_scrap_is_made_again_until_the_order_is_full() -> None:
    """One unit takes 1 / (1 - p) tries; mended units take their time."""
    step = Step(machines=("a",), cycle_ns=10 * S_NS, scrap_p=0.2, rework_p=0.1, rework_ns=5 * S_NS)
    _, said = run((step,), orders([{"units": 50_000}]), LATER)
    tries = len(said.finished)
    assert tries == pytest.approx(50_000 / 0.8, rel=4 * sqrt(0.2 / 50_000))
    assert said.finished["rework"].sum() / tries == pytest.approx(0.1, rel=0.05)
    assert said.finished["actual_ns"].sum() == tries * 10 * S_NS + said.finished["rework"].sum() * 5 * S_NS
    assert said.ordered["what"].tolist() == [OrderEvent.ACCEPTED, OrderEvent.STARTED, OrderEvent.FINISHED]
