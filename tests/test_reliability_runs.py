"""From states to runs, repairs and exposure: worked cases, laws, and the agreement with the elements of the fold."""

from __future__ import annotations

from itertools import pairwise

import pytest
from analytics_cases import CASES, minutes, near
from analytics_plant import BOOT, HOUR, MIN, machines, shuffled, state
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import MachineEvents, StateEvent, Word
from analytics.fold import fold_windows
from analytics.kpi import kpis
from analytics.reliability import (
    Exposure,
    History,
    Lifetimes,
    Repair,
    Run,
    corrective_maintenance_ratio,
    failure_times,
    history,
    history_of_rows,
    inherent_availability,
    lifetimes,
    mean_completed_ns,
    mtbf_ns,
    mttr_ns,
)

BOUNDS = st.lists(st.integers(0, 4000), min_size=2, max_size=4, unique=True).map(sorted)


def of(*states: StateEvent, start: int = 0, end: int = 1000, last: int = 1000, **options) -> History:
    events = MachineEvents(states=list(states), seen=[Word(last, states[-1].boot)])
    return history(events, start, end, **options)


def test_the_log_of_the_case() -> None:
    case = CASES["REL-LOG"]
    log, expected = case["inputs"]["log"], case["expected"]
    words = {"up": ("Execute", "running"), "fail": ("Aborted", "breakdown")}
    end = minutes(log[-1][0])
    found = history_of_rows([(minutes(t), *words[what], "") for t, what in log[:-1]], 0, end)
    seen = found.exposure
    assert seen.failures == expected["failures"]
    assert seen.operating_ns / MIN == expected["uptime"]
    assert seen.repair_ns / MIN == expected["repair"]
    assert mtbf_ns(seen) / MIN == near(case, expected["mtbf_exposure"])
    assert mean_completed_ns(found.runs) / MIN == near(case, expected["mtbf_completed_only"])
    assert mttr_ns(seen) / MIN == near(case, expected["mttr"])
    assert mean_completed_ns(found.repairs) / MIN == near(case, expected["mttr"])
    assert inherent_availability(seen) == near(case, expected["availability"])
    assert [run.operating_ns // MIN for run in found.runs] == [120, 95, 80, 70]
    assert [run.failed for run in found.runs] == [True, True, True, False]
    # From failure to failure the repair is in the time: that is another figure, and none of these.
    cycle = expected["mean_cycle_fail_to_fail"]
    for value in (mtbf_ns(seen), mean_completed_ns(found.runs), mtbf_ns(seen, "plus_one")):
        assert value / MIN != near(case, cycle)
    times, spent = failure_times(found.runs)
    assert [t // MIN for t in times] == [120, 215, 295]
    assert spent == seen.operating_ns


def test_mean_time_to_failure_of_iso34_one_shift() -> None:
    case = CASES["ISO34-ONE-SHIFT"]
    given_ = case["inputs"]["maintenance"]
    rows, t = [], 0
    for up, down in zip(given_["TBF"], [*given_["TTR"], 0], strict=True):
        rows += [(minutes(t), "Execute", "running", ""), (minutes(t + up), "Clearing", "breakdown", "")]
        t += up + down
    found = history_of_rows(rows[:-1], 0, minutes(t))
    assert mean_completed_ns(found.runs) / MIN == near(case, case["expected"]["k32_mttf_mean_of_completed_runs"])
    assert found.exposure.repair_ns == minutes(given_["CMT"])


def test_a_planned_stop_interrupts_a_breakdown_and_does_not_end_it() -> None:
    found = of(
        state(0, "running"),
        state(100, "breakdown", cause="belt"),
        state(130, "no_shift"),
        state(500, "breakdown", cause="belt"),
        state(520, "running"),
    )
    assert found.exposure == Exposure(100 + 480, 1, 30 + 20)
    assert found.repairs == (Repair(100, 520, 50, "belt", True, True),)
    assert found.runs == (Run(0, 100, 100, True, "belt", False), Run(520, 1000, 480, False, "", True))


def test_another_cause_after_the_stop_is_another_failure() -> None:
    found = of(
        state(0, "running"),
        state(100, "breakdown", cause="belt"),
        state(130, "no_shift"),
        state(500, "breakdown", cause="motor"),
    )
    assert [repair.cause for repair in found.repairs] == ["belt", "motor"]
    assert [repair.ended for repair in found.repairs] == [True, False]
    assert [run.operating_ns for run in found.runs] == [100, 0]
    assert found.exposure.failures == 2
    assert lifetimes(found.runs, assume_renewed=True) == Lifetimes((100,), ())  # no age for the second


def test_waiting_and_stops_do_not_age_and_setup_is_a_choice() -> None:
    rows = [
        state(0, "breakdown"),
        state(10, "running"),
        state(50, "starved"),
        state(60, "setup"),
        state(80, "no_shift"),
        state(600, "running"),
        state(700, "breakdown"),
    ]
    assert of(*rows).runs[-1].operating_ns == 40 + 20 + 100
    assert of(*rows, operation=("apt_ns",)).runs[-1].operating_ns == 40 + 100
    assert of(*rows).runs[-1].renewed


def test_maintenance_renews_only_where_it_is_said_to() -> None:
    rows = [state(0, "running"), state(300, "planned_maintenance"), state(340, "running"), state(600, "breakdown")]
    as_before, renewed = of(*rows), of(*rows, renewed_by_maintenance=True)
    assert as_before.exposure == renewed.exposure == Exposure(560, 1, 400, 40)
    assert as_before.runs == (Run(0, 600, 560, True, "", False),)
    assert renewed.runs == (Run(0, 300, 300, False, "", False), Run(340, 600, 260, True, "", True))
    assert lifetimes(renewed.runs) == Lifetimes((260,), ())
    assert lifetimes(renewed.runs, assume_renewed=True) == Lifetimes((260,), (300,))
    assert mean_completed_ns(renewed.runs) == 260
    late, just = (of(*rows, start=start, renewed_by_maintenance=True) for start in (400, 340))
    assert late.runs == (Run(400, 600, 200, True, "", False),)  # maintained before the range: of unknown age
    assert just.runs == (Run(340, 600, 260, True, "", True),)


def test_what_is_carried_in_is_clipped_and_of_unknown_age() -> None:
    rows = (state(0, "running"), state(200, "breakdown"), state(260, "running"), state(400, "breakdown"))
    whole = of(*rows, end=500)
    assert of(*rows, start=100, end=500).runs[0] == Run(100, 200, 100, True, "", False)
    assert of(*rows, start=300, end=500).runs[0] == Run(300, 400, 100, True, "", False)  # restored before the range
    inside = of(*rows, start=220, end=300)
    assert inside.exposure == Exposure(40, 0, 40)
    assert inside.repairs == (Repair(220, 260, 40, "", False, True),)
    assert inside.runs == (Run(260, 300, 40, False, "", True),)  # its begin is in sight, its end is not
    assert mean_completed_ns(inside.repairs) is None
    assert of(*rows, start=220, end=220 + 40).exposure + of(*rows, start=260, end=500).exposure == Exposure(140, 1, 140)
    assert of(*rows, start=0, end=220).exposure + of(*rows, start=220, end=500).exposure == whole.exposure
    open_stop = of(*rows, start=450, end=500)
    assert open_stop.repairs == (Repair(450, 500, 50, "", False, False),)
    assert open_stop.runs == ()


def test_nothing_is_known_between_two_boots() -> None:
    events = MachineEvents(
        states=[state(0, "running"), state(500, "running", "0000000b"), state(700, "breakdown", "0000000b")],
        deaths=[Word(200, BOOT)],
        seen=[Word(800, "0000000b")],
    )
    found = history(events, 0, 1000)
    assert found.runs == (Run(0, 200, 200, False, "", False), Run(500, 700, 200, True, "", False))
    assert lifetimes(found.runs) == Lifetimes((), ())
    assert found.repairs == (Repair(700, 800, 100, "", True, False),)
    assert history(events, 0, 1000, until_ns=600).exposure == Exposure(300)


def test_a_history_that_begins_in_a_breakdown_counts_it() -> None:
    found = of(state(0, "breakdown"), state(30, "running"))
    assert found.runs[0] == Run(0, 0, 0, True, "", False)
    assert found.exposure == Exposure(970, 1, 30)
    assert failure_times(found.runs) == ((0,), 970)


def test_waiting_for_somebody_and_the_repair_are_one_failure() -> None:
    waits = StateEvent(100, BOOT, "Aborted", "breakdown", "belt")
    found = of(state(0, "running"), waits, waits._replace(t=150, state="Clearing"), state(180, "running"))
    assert found.exposure == Exposure(920, 1, 80)
    assert found.repairs == (Repair(100, 180, 80, "belt", True, True),)


def test_nothing_was_said() -> None:
    empty = History((), (), Exposure())
    assert history_of_rows([], 0, 10) == history(MachineEvents(), 0, 10) == empty
    assert history_of_rows([(10, "Execute", "running", "")], 0, 10) == empty
    assert mean_completed_ns(()) is None
    assert lifetimes(()) == Lifetimes((), ())
    assert failure_times(()) == ((), 0)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="range"):
        history_of_rows([], 5, 5)
    with pytest.raises(ValueError, match="gq"):
        history_of_rows([], 0, 5, operation=("gq",))


@given(machines(), BOUNDS, st.booleans())
def test_exposure_is_what_the_elements_say(events: MachineEvents, bounds: list[int], renewed: bool) -> None:
    for start, end in pairwise(bounds):
        found = history(events, start, end, renewed_by_maintenance=renewed)
        e = fold_windows(events, [start, end])[0]
        seen = found.exposure
        assert seen == Exposure(e.aupt_ns, e.failures, e.ttr_ns, e.pmt_ns)
        figures = kpis(e)
        assert corrective_maintenance_ratio(seen) == figures["corrective_maintenance_ratio"]
        for figure, name in ((mtbf_ns, "mtbf_h"), (mttr_ns, "mttr_h")):
            assert figures[name] == (figure(seen) and pytest.approx(figure(seen) / HOUR))
        assert sum(repair.begun for repair in found.repairs) == e.failures
        assert all(start <= run.start_ns <= run.end_ns <= end for run in found.runs)
        assert all(0 <= run.operating_ns <= run.end_ns - run.start_ns for run in found.runs)
        assert all(0 <= repair.repair_ns <= repair.end_ns - repair.start_ns for repair in found.repairs)
        assert sum(run.end_ns - run.start_ns for run in found.runs) <= end - start


@given(machines(), BOUNDS)
def test_exposure_adds_over_time(events: MachineEvents, bounds: list[int]) -> None:
    parts = [history(events, a, b).exposure for a, b in pairwise(bounds)]
    assert sum(parts, Exposure()) == history(events, bounds[0], bounds[-1]).exposure


@given(machines(), st.integers(0, 2**32))
def test_order_and_duplicates_change_nothing(events: MachineEvents, seed: int) -> None:
    assert history(shuffled(events, seed), 50, 2500) == history(events, 50, 2500)


@given(machines(), st.integers(1, 10**15))
def test_a_shift_of_the_clock_shifts_the_times_alone(events: MachineEvents, by: int) -> None:
    later = MachineEvents(*([row._replace(t=row.t + by) for row in rows] for rows in events.words))
    before, after = history(events, 50, 2500), history(later, 50 + by, 2500 + by)
    assert after.exposure == before.exposure
    assert failure_times(after.runs) == failure_times(before.runs)
    assert [run.start_ns - by for run in after.runs] == [run.start_ns for run in before.runs]
