"""Random worlds for the kernel and its oracle: small integers, so that much happens at the same time.

What it is: hypothesis strategies, and a plant out of what they make; every feature of ``docs/design/kernel.md`` is in
reach, and most are off in most worlds, so that what fails shrinks to something that can be read.
What it is not: a plausible factory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from simulator import kernel
from simulator.happenings import NEVER
from simulator.kernel import Plant
from simulator.line import Line, Material, Mode, Step, World
from simulator.line import orders as order_rows
from simulator.machine_model import Effect

UNTIL = 600
"""The ns that a case lasts."""
VARIANTS = 3
MODES = (Mode("wear", "wear", 50, Effect(scrap=0.3, slower=0.5)), Mode("noise", "noise", 20, Effect(minor_stops=3.0)))


class Case(NamedTuple):
    """A world, its orders and a seed."""

    world: World
    orders: Any
    seed: int


def begun(case: Case) -> Plant:
    """The case's plant at its start, its orders handed in."""
    plant = kernel.start(case.world, case.seed, 0)
    kernel.place(plant, case.orders)
    return plant


def _sometimes(strategy: st.SearchStrategy[Any], otherwise: Any = 0) -> st.SearchStrategy[Any]:
    return st.just(otherwise) | strategy


@st.composite
def _steps(draw: DrawFn, name: str, world: World, room_before: int | None) -> Step:
    """One step; ``room_before`` is the buffer before it, without one for the first step."""
    load = (
        draw(_sometimes(st.integers(1, 3 if room_before is None else min(3, room_before)))) if room_before != 0 else 0
    )
    group = draw(st.integers(-1, len(world.power_w) - 1))
    small = st.integers(1, 9)
    return Step(
        machines=tuple(f"{name}-{n}" for n in range(draw(st.integers(1, 3)))),
        cycle_ns=draw(st.integers(1, 12)),
        shape=draw(st.sampled_from(["bell", "bell", "exponential"])),
        cycle_noise=draw(_sometimes(st.just(0.1), 0.0)),
        cycle_loss=draw(_sometimes(st.just(0.07), 0.0)),
        worn_slower=draw(_sometimes(st.just(0.3), 0.0)),
        load_lots=load,
        one_family=draw(st.booleans()) if load else False,
        fill_ns=draw(_sometimes(st.integers(1, 40))) if load else 0,
        scrap_p=draw(_sometimes(st.just(0.2), 0.0)),
        rework_p=draw(_sometimes(st.just(0.2), 0.0)),
        rework_ns=draw(_sometimes(small)),
        minor_ns=draw(_sometimes(small)),
        major_ns=draw(_sometimes(small)),
        minor_every=draw(_sometimes(small)),
        major_every=draw(_sometimes(small)),
        stop_interval_ns=draw(_sometimes(st.sampled_from([5, 40]))),
        stop_mean_ns=draw(small),
        mtbf_ns=draw(_sometimes(st.sampled_from([10, 100]))),
        weibull_shape=draw(st.sampled_from([1.0, 0.8, 2.5])),
        mttr_ns=draw(st.integers(1, 30)),
        repair_sigma=draw(_sometimes(st.just(0.6), 0.0)),
        modes=MODES,
        buffer_after=draw(st.integers(0, 4)),
        dispatch=draw(st.sampled_from(["fifo", "due", "setup", "priority"])),
        look=draw(st.integers(1, 4)),
        caught=draw(_sometimes(st.just(0.7), 0.0)),
        maintain_age_ns=draw(_sometimes(st.integers(5, 60))),
        needs=tuple((n, draw(st.integers(1, 5))) for n in range(len(world.materials)) if draw(st.booleans())),
        calendar=draw(st.integers(-1, len(world.calendars) - 1)),
        crew=draw(st.integers(-1, len(world.crews) - 1)),
        response_ns=draw(_sometimes(small)),
        power_group=group,
        power_w=draw(st.integers(1, world.power_w[group])) if group >= 0 else 0,
        tariff_wait_ns=draw(_sometimes(st.integers(1, 30))),
        tariff_max=1.0,
    )


@st.composite
def _lines(draw: DrawFn, name: str, world: World) -> Line:
    steps: list[Step] = []
    for n in range(draw(st.integers(1, 4))):
        steps.append(draw(_steps(f"{name}-{n}", world, steps[-1].buffer_after if steps else None)))
    keys = st.lists(st.integers(0, 2), min_size=VARIANTS * len(steps), max_size=VARIANTS * len(steps))
    shape = (VARIANTS, len(steps))
    return Line(
        steps=tuple(steps),
        name=name,
        lot_units=draw(st.integers(1, 3)),
        book_units=draw(_sometimes(st.integers(3, 20), NEVER)),
        minor_keys=np.array(draw(keys), np.int64).reshape(shape),
        major_keys=np.array(draw(keys), np.int64).reshape(shape),
        slower=np.array(draw(keys), np.float64).reshape(shape) / 10,
    )


@st.composite
def _materials(draw: DrawFn, name: str) -> Material:
    return Material(
        name=name,
        start_u=draw(st.integers(0, 30)),
        reorder_u=draw(st.integers(0, 20)),
        order_u=draw(st.integers(5, 40)),
        lead_mean_ns=draw(st.integers(1, 60)),
        lead_sigma=draw(_sometimes(st.just(0.5), 0.0)),
        defect_p=draw(_sometimes(st.just(0.2), 0.0)),
        defect_sigma=0.4,
        defect_scrap=0.5,
        price_sigma=0.1,
        pipeline=tuple(draw(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 30)), max_size=2))),
    )


@st.composite
def _orders(draw: DrawFn, line_count: int) -> Any:
    rows = [
        {
            "line": draw(st.integers(0, line_count - 1)),
            "t_ns": t_ns,
            "release_ns": t_ns + draw(_sometimes(st.integers(1, 60))),
            "due_ns": draw(st.integers(0, UNTIL)),
            "cancel_ns": draw(_sometimes(st.integers(t_ns, t_ns + 60), NEVER)),
            "variant": draw(st.integers(0, VARIANTS - 1)),
            "units": draw(st.integers(1, 12)),
            "priority": draw(st.integers(0, 3)),
        }
        for t_ns in sorted(draw(st.lists(st.integers(0, UNTIL // 2), min_size=1, max_size=12)))
    ]
    return order_rows(rows)


@st.composite
def cases(draw: DrawFn) -> Case:
    """One or two lines that share what there is."""
    times = st.lists(st.integers(0, UNTIL), max_size=6, unique=True).map(sorted).map(tuple)
    calendars = tuple(draw(st.lists(times, max_size=2)))
    world = World(
        lines=(),
        materials=tuple(draw(_materials(f"stuff-{n}")) for n in range(draw(st.integers(0, 2)))),
        crews=tuple(draw(st.lists(st.integers(1, 2), max_size=2))),
        power_w=tuple(draw(st.lists(st.integers(1, 6), max_size=2))),
        calendars=calendars,
        breaks=tuple(frozenset(t_ns for t_ns in turns[::2] if draw(st.booleans())) for turns in calendars),
        price=tuple((t_ns, draw(st.sampled_from([0.5, 1.0, 2.0]))) for t_ns in draw(times)),
    )
    count = draw(st.integers(1, 2))
    lines = tuple(draw(_lines(f"line-{n}", world)) for n in range(count))
    return Case(replace(world, lines=lines), draw(_orders(count)), draw(st.integers(0, 1000)))
