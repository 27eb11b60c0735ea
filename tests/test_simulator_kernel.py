"""The laws of the clockwork, on small lines with small integers, where much happens at once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from contract import may_follow
from simulator import kernel
from simulator.catalogue import Effect
from simulator.kernel import Happenings, Plant
from simulator.line import Line, Mode, Step
from simulator.machine import Doing
from simulator.speak import STATES

UNTIL = 600
MODES = (Mode("wear", "wear", 50, Effect(scrap=0.3, slower=0.5)), Mode("noise", "noise", 20, Effect(minor_stops=3)))


@st.composite
def steps(draw, number: int) -> Step:
    small = st.integers(min_value=0, max_value=9)
    return Step(
        machines=tuple(f"m{number}-{n}" for n in range(draw(st.integers(1, 3)))),
        cycle_ns=draw(st.integers(1, 12)),
        cycle_noise=draw(st.sampled_from([0.0, 0.1])),
        scrap_p=draw(st.sampled_from([0.0, 0.2])),
        rework_p=draw(st.sampled_from([0.0, 0.2])),
        minor_every=draw(small),
        minor_ns=draw(small),
        major_every=draw(small),
        major_ns=draw(small),
        stop_interval_ns=draw(st.sampled_from([0, 5, 40])),
        stop_mean_ns=draw(st.integers(1, 9)),
        mtbf_ns=draw(st.sampled_from([0, 10, 100])),
        weibull_shape=draw(st.sampled_from([0.8, 1.0, 2.5])),
        mttr_ns=draw(st.integers(1, 30)),
        repair_sigma=0.6,
        modes=MODES,
        buffer_after=draw(st.integers(0, 3)),
    )


@st.composite
def lines(draw) -> Line:
    return Line(tuple(draw(steps(n)) for n in range(draw(st.integers(1, 4)))))


SEEDS = st.integers(min_value=0, max_value=1000)
CUTS = st.lists(st.integers(min_value=0, max_value=UNTIL), max_size=12).map(sorted)


def run(line: Line, seed: int, cuts: list[int], until: int = UNTIL) -> tuple[Plant, Happenings]:
    plant = kernel.start(line, seed, 0)
    total = Happenings([[] for _ in line.machines], [[] for _ in line.machines])
    for cut in [*cuts, until]:
        part = kernel.advance(plant, cut)
        for whole, rows in zip((*total.entered, *total.finished), (*part.entered, *part.finished), strict=True):
            whole.extend(rows)
    return plant, total


@given(line=lines(), seed=SEEDS, cuts=CUTS)
@settings(max_examples=150, deadline=None)
def test_the_cut_into_calls_changes_nothing(line: Line, seed: int, cuts: list[int]) -> None:
    whole_plant, whole = run(line, seed, [])
    cut_plant, cut = run(line, seed, cuts)
    assert cut == whole
    assert kernel.truth(cut_plant) == kernel.truth(whole_plant)


@given(line=lines(), seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_states_follow_each_other_as_packml_allows_and_last(line: Line, seed: int) -> None:
    plant, happened = run(line, seed, [])
    for rows, done in zip(happened.entered, kernel.truth(plant), strict=True):
        assert rows[0].t_ns == 0
        held = Counter[Doing]()
        for before, after in pairwise(rows):
            assert before.t_ns < after.t_ns
            assert before.doing is not after.doing
            assert may_follow(STATES[before.doing].state, STATES[after.doing].state)
            held[before.doing] += after.t_ns - before.t_ns
        held[rows[-1].doing] += UNTIL - rows[-1].t_ns
        assert rows[-1].t_ns < UNTIL
        assert [held[doing] for doing in Doing] == done.doing_ns
        assert sum(done.doing_ns) == UNTIL
        assert done.failures == sum(row.doing is Doing.BREAKDOWN for row in rows)


@given(line=lines(), seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_no_unit_is_made_twice_or_lost(line: Line, seed: int) -> None:
    plant, happened = run(line, seed, [])
    ended: dict[int, dict[int, int]] = {}
    scrapped: set[int] = set()
    for (_, step), rows, done in zip(line.machines, happened.finished, kernel.truth(plant), strict=True):
        assert all(before.t_ns < after.t_ns for before, after in pairwise(rows))
        assert (done.good, done.scrap, done.rework) == tuple(
            sum(getattr(row, name) for row in rows) for name in ("good", "scrap", "rework")
        )
        for row in rows:
            assert row.good + row.scrap + row.rework == 1
            assert row.unit not in ended.setdefault(step, {})
            ended[step][row.unit] = row.t_ns
            if row.scrap:
                scrapped.add(row.unit)
    last = ended.get(len(line.steps) - 1, {})
    out = len(last.keys() - scrapped)
    assert plant.next_unit == out + len(scrapped) + plant.work_in_progress
    room = sum(len(step.machines) for step in line.steps) + sum(step.buffer_after for step in line.steps[:-1])
    assert plant.work_in_progress <= room
    for step in range(1, len(line.steps)):
        for unit, t_ns in ended.get(step, {}).items():
            assert ended[step - 1][unit] < t_ns


@given(line=lines(), seed=SEEDS, fork_at=st.integers(0, UNTIL))
@settings(max_examples=60, deadline=None)
def test_a_copy_goes_its_own_way(line: Line, seed: int, fork_at: int) -> None:
    plant = kernel.start(line, seed, 0)
    kernel.advance(plant, fork_at)
    twin = plant.copy()
    expected = kernel.advance(twin, UNTIL)
    assert plant.now_ns == fork_at
    assert kernel.advance(plant, UNTIL) == expected
    assert kernel.truth(plant) == kernel.truth(twin)


@given(first=steps(0), second=steps(1), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_another_machine_does_not_disturb_the_draws_of_the_first(first: Step, second: Step, seed: int) -> None:
    """A buffer without an end: what comes after cannot reach back."""
    roomy = Step(**{name: getattr(first, name) for name in Step.__dataclass_fields__} | {"buffer_after": 10_000})
    _, alone = run(Line((roomy,)), seed, [])
    _, together = run(Line((roomy, second)), seed, [])
    count = len(roomy.machines)
    assert together.entered[:count] == alone.entered
    assert together.finished[:count] == alone.finished


@given(
    cycles=st.lists(st.integers(1, 15), min_size=1, max_size=5),
    buffers=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    noise=st.sampled_from([0.0, 0.2]),
    seed=SEEDS,
)
@settings(max_examples=150, deadline=None)
def test_a_serial_line_keeps_the_recursion_of_blocking_after_service(
    cycles: list[int], buffers: list[int], noise: float, seed: int
) -> None:
    """An oracle of another kind: every departure by the max-plus recursion, given its run times."""
    line = Line(
        tuple(
            Step(machines=(f"m{n}",), cycle_ns=cycle, cycle_noise=noise, buffer_after=buffers[n])
            for n, cycle in enumerate(cycles)
        )
    )
    _, happened = run(line, seed, [])
    units = len(happened.finished[-1])
    last = len(cycles) - 1
    leave = [[0] * units for _ in cycles]
    # What a unit waits for further down the line belongs to earlier units: unit by unit is an order.
    for k in range(units):
        for n in range(len(cycles)):
            row = happened.finished[n][k]
            begin = max(leave[n - 1][k] if n else 0, leave[n][k - 1] if k else 0)
            end = begin + row.actual_ns
            assert (row.unit, row.t_ns) == (k, end)
            room_since = leave[n + 1][k - buffers[n] - 1] if n < last and k > buffers[n] else 0
            leave[n][k] = max(end, room_since)
