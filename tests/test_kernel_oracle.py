"""The kernel against an independent model of the same rules in SimPy: event by event, to the nanosecond."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from kernel_oracle import Told, simulate
from kernel_worlds import UNTIL, Case, begun, cases

from simulator import kernel
from simulator.happenings import Doing, OrderEvent


def told_by_kernel(case: Case) -> Told:
    """What the kernel tells, in the oracle's words."""
    said = kernel.advance(begun(case), UNTIL)

    def rows(table: Any, *names: str) -> list[tuple[int, ...]]:
        return sorted(zip(*(table[name].tolist() for name in names), strict=True))

    return Told(
        rows(said.entered, "t_ns", "machine", "doing"),
        rows(said.finished, "t_ns", "machine", "order", "good", "scrap", "rework"),
        rows(said.ordered, "t_ns", "order", "what"),
        rows(said.shipped, "t_ns", "material", "number", "what", "defective_u"),
    )


@given(case=cases())
@settings(max_examples=300, deadline=None)
def test_the_kernel_does_what_the_oracle_does(case: Case) -> None:
    expected = simulate(*case, UNTIL)
    told = told_by_kernel(case)
    assert told.ordered == sorted(expected.ordered)
    assert told.shipped == sorted(expected.shipped)
    assert told.finished == expected.finished
    assert told.entered == expected.entered


def test_the_worlds_reach_everything_a_machine_can_do() -> None:
    """Otherwise the comparison above would compare nothing."""
    doings: set[int] = set()
    orders: set[int] = set()

    @given(case=cases())
    @settings(max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    def explore(case: Case) -> None:
        told = told_by_kernel(case)
        doings.update(doing for _, _, doing in told.entered)
        orders.update(what for _, _, what in told.ordered)

    explore()
    assert doings == set(Doing)
    assert orders == set(OrderEvent)
