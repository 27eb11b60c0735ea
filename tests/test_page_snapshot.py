from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import page_plant
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_plant import CALM, LINE, MIN, NOW, H, S

from console.page_data import Board, Pipeline
from console.roster import Member, main_line, members
from console.seen import Seen, with_states
from console.snapshot import board, history
from console.stops import Entered, merged, stops
from console.watch import Watch
from contract import Birth
from historian import Frame, ModelHistorian, Query, Table

HELD = {"state": "Held", "reason": "minor_stop", "cause": "jam"}
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": "die wear"}
PRESS = page_plant.Spec("press", ("press-1",), 16, 3, 210, 95)
PACK = page_plant.Spec("pack", ("pack-1", "pack-2"), 60, 1, 5, 10)


def pipeline(now_ns: int = NOW, speed: float | None = 1.0) -> Pipeline:
    return Pipeline(plant_now_ns=now_ns, speed=speed, phase="live", sent=9, written=7, dead_lettered=1, connected=True)


def seen(*frames: Frame) -> Seen:
    async def read() -> Seen:
        store = ModelHistorian()
        await store.write(frames)
        watch = Watch(store, 24, lambda: 0.0)
        await watch.look()
        return watch.seen

    return asyncio.run(read())


def found(frames: Sequence[Frame]) -> list[Member]:
    async def read() -> list[Member]:
        store = ModelHistorian()
        await store.write(frames)
        return members(await store.read(Query("birth")), await store.read(Query("death")))

    return asyncio.run(read())


def death(machine: str, boot: str, t: int = NOW) -> Frame:
    return Frame("death", LINE | {"machine": machine}, [t], {"_boot": [boot], "reason": ["connection lost"]})


def gateway(boot: str = "000000aa") -> Frame:
    birth = Birth(boot=boot, seq=1, t=NOW - H, role="gateway", model="gateway", version="1", members=["press-1"])
    return page_plant.birth_frame(LINE | {"machine": "gateway"}, birth)


# Who is there


def test_the_line_is_drawn_in_the_order_of_its_routing() -> None:
    line = main_line(found(page_plant.births()))
    assert line is not None
    assert [step.name for step in line.steps] == [spec.step for spec in page_plant.WASHING_MACHINES]
    assert [m.address.machine for m in line.steps[4].members] == [f"test-{n}" for n in range(1, 13)]
    assert len(line.members) == 22
    assert line.constraint is line.steps[3]  # 20 s against 110 / 6, 220 / 12 and the rest


def test_the_newest_birth_counts_and_a_broken_one_is_left_out() -> None:
    old, new = page_plant.births((PRESS,), NOW - H, "00000001"), page_plant.births((PRESS,), NOW, "00000002")
    junk = Frame("birth", LINE | {"machine": "junk"}, [NOW], {"_boot": ["00000001"], "body": ['{"v":9}']})
    assert [m.birth.boot for m in found([*old, *new, junk])] == ["00000002"]


def test_the_brokers_will_is_no_death_for_the_boot_may_go_on() -> None:
    births = page_plant.births((PRESS,))
    will = Frame(
        "death", LINE | {"machine": "press-1"}, [NOW], {"_boot": [page_plant.BOOT], "_seq": [0], "reason": ["?"]}
    )
    clean = Frame(
        "death", LINE | {"machine": "press-1"}, [NOW], {"_boot": [page_plant.BOOT], "_seq": [9], "reason": ["?"]}
    )
    assert [m.alive for m in found([*births, will])] == [True]
    assert [m.alive for m in found([*births, clean])] == [False]


def test_a_machine_is_gone_by_a_death_of_its_own_boot_alone() -> None:
    births = page_plant.births((PRESS,), NOW, "00000002")
    assert [m.alive for m in found([*births, death("press-1", "00000001")])] == [True]
    assert [m.alive for m in found([*births, death("press-1", "00000002", NOW - 9 * H)])] == [False]


def test_with_its_gateway_the_whole_line_is_gone() -> None:
    frames = [*page_plant.births((PRESS,)), gateway(), death("gateway", "000000aa")]
    assert {m.address.machine: m.alive for m in found(frames)} == {"press-1": False, "gateway": False}


def test_a_machine_without_an_operation_stands_behind_the_others() -> None:
    odd = Birth(boot="00000009", seq=1, t=NOW, role="machine", model="?", version="1")
    line = main_line(found([*page_plant.births((PRESS,)), page_plant.birth_frame(LINE | {"machine": "a-robot"}, odd)]))
    assert line is not None
    assert [(step.name, [m.address.machine for m in step.members]) for step in line.steps] == [
        ("press", ["press-1"]),
        ("", ["a-robot"]),
    ]


# States and stops


def test_a_repeated_state_keeps_its_beginning() -> None:
    again = [Entered(1, "Held", "minor_stop"), Entered(5, "Held", "minor_stop"), Entered(9, "Execute", "running")]
    assert [e.t_ns for e in merged(again)] == [1, 9]


@given(st.data())
def test_however_the_states_arrive_the_stops_are_the_same(data: st.DataObject) -> None:
    kinds = (CALM, HELD, DOWN)
    times = data.draw(st.lists(st.integers(0, 1000), unique=True, min_size=1, max_size=12))
    rows = [(t * S, data.draw(st.sampled_from(kinds))) for t in times]
    parts = data.draw(st.permutations([rows[:4], rows[2:8], rows[6:]]))
    known: dict[tuple[str, ...], list[Entered]] = {}
    for part in parts:
        known = with_states(known, table(part), keep_ns=2 * H)
    whole = with_states({}, table(sorted(rows)), keep_ns=2 * H)
    assert stops(known) == stops(whole)


def table(rows: list[tuple[int, dict[str, str]]]) -> Table:
    tags = {level: [name] * len(rows) for level, name in (LINE | {"machine": "press-1"}).items()}
    names = ("state", "reason", "order", "cause")
    return Table([t for t, _ in rows], tags, {name: [row.get(name) for _, row in rows] for name in names})


def test_old_states_are_forgotten_but_not_the_one_that_lasts() -> None:
    rows = [(0, CALM), (S, DOWN), (2 * S, CALM)]
    other = {("other",): [Entered(9 * H, "Execute", "running")]}
    kept = with_states(other, table(rows), keep_ns=H)
    assert [e.t_ns for e in kept[("qingdao-appliances", "plant-1", "production", "line-1", "press-1")]] == [2 * S]


# The board


def now_board(*frames: Frame, **changes: object) -> Board:
    return board(seen(*frames), pipeline(**changes))  # type: ignore[arg-type]


def test_an_empty_historian_gives_an_empty_board() -> None:
    empty = now_board()
    assert (empty.steps, empty.events, empty.place, empty.headline.until_ms) == ([], [], [], None)
    assert empty.headline.line.oee is None
    assert board(Seen(), Pipeline()).now_ms is None


def test_the_board_of_a_whole_plant() -> None:
    full = now_board(*page_plant.whole())
    assert full.place == list(LINE.values())
    assert (full.currency, full.zone) == ("CNY", "Asia/Shanghai")
    assert sum(len(step.tiles) for step in full.steps) == 22
    assert full.headline.line.oee is not None
    assert full.headline.line.line_oee is not None
    assert full.headline.site.energy_kwh > full.headline.line.energy_kwh  # type: ignore[operator]
    assert all(tile.oee is not None and tile.silent_since_ms is None for step in full.steps for tile in step.tiles)


def test_the_headline_is_the_sum_of_the_newest_hour_and_a_gap_stays_a_gap() -> None:
    frames = []
    for number in range(20):  # the two oldest of the newest twelve are missing, older ones are there
        if number in (8, 9):
            continue
        start = NOW // (5 * MIN) * (5 * MIN) - (19 - number) * 5 * MIN
        fields = {"apt_ns": 4, "adot_ns": 1, "pri_pq_ns": 4, "pri_gq_ns": 4, "gq": 1, "rq": 0, "sellable": 1}
        fields["cost_total"] = 100 if number < 8 else 7
        frames.append(page_plant.kpi_frame("line", LINE, "5m", start, start + 5 * MIN, fields))
    line = now_board(*page_plant.births((PRESS,)), *frames).headline.line
    assert (line.units, line.unit_cost, line.oee) == (10, 7.0, 0.8)


def test_a_stop_is_told_with_its_cause_its_time_and_its_money() -> None:
    states = page_plant.state_frame("press-1", [(NOW - H, CALM), (NOW - 14 * MIN, DOWN)])
    event = now_board(*page_plant.births((PRESS,)), states).events[0]
    assert (event.name, event.look, event.cause, event.lasts) == ("press-1", "aborted", "die wear", True)
    assert event.units == 14 * 60 // 16
    assert event.cost == pytest.approx((3 * 45 + 60) * 14 / 60)


def test_what_lasts_comes_first_then_the_newest_and_short_stops_are_counted() -> None:
    one = [(NOW - 50 * MIN, DOWN), (NOW - 40 * MIN, CALM), (NOW - 9 * MIN, HELD), (NOW - 9 * MIN + 20 * S, CALM)]
    two = [(NOW - 30 * MIN, HELD), (NOW - 25 * MIN, CALM)]
    three = [(NOW - 45 * MIN, DOWN)]
    frames = [
        page_plant.state_frame(name, rows) for name, rows in (("press-1", one), ("pack-1", two), ("pack-2", three))
    ]
    full = now_board(*page_plant.births((PRESS, PACK)), *frames)
    assert [(e.name, e.lasts) for e in full.events] == [("pack-2", True), ("pack-1", False), ("press-1", False)]
    assert full.short_stops == 1


def test_a_machine_is_silent_when_the_others_are_heard_and_it_is_not() -> None:
    births = page_plant.births((PRESS, PACK))
    old = page_plant.meters((PRESS,), NOW - 20 * MIN)
    full = now_board(*births, *old, *page_plant.meters((PACK,)))
    silent = {tile.name: tile.silent_since_ms is not None for step in full.steps for tile in step.tiles}
    assert silent == {"press-1": True, "pack-1": False, "pack-2": False}
    assert full.flow.behind_ms is None


def test_nobody_is_silent_while_the_history_comes_machine_by_machine() -> None:
    frames = [*page_plant.births((PRESS, PACK)), *page_plant.meters((PRESS,), NOW - 120 * MIN)]
    read = seen(*frames, *page_plant.meters((PACK,)))
    for phase, silent in (("history", 0), ("live", 1)):
        full = board(read, Pipeline(plant_now_ns=NOW, phase=phase))
        assert sum(tile.silent_since_ms is not None for step in full.steps for tile in step.tiles) == silent


def test_when_nobody_is_heard_it_is_the_way_that_is_late() -> None:
    full = now_board(*page_plant.births((PRESS, PACK)), *page_plant.meters((PRESS, PACK), NOW - 20 * MIN))
    assert not any(tile.silent_since_ms for step in full.steps for tile in step.tiles)
    assert full.flow.behind_ms is not None
    assert full.flow.behind_ms >= 20 * 60_000


def test_the_gone_are_told_from_the_stopped() -> None:
    frames = [*page_plant.births((PRESS,)), page_plant.state_frame("press-1", [(NOW - H, DOWN)])]
    full = now_board(*frames, death("press-1", page_plant.BOOT))
    assert full.steps[0].tiles[0].look == "off"
    assert (full.events[0].lasts, full.events[0].end_ms, full.events[0].cost) == (False, None, None)


def test_figures_that_come_no_longer_are_late() -> None:
    frames = [*page_plant.births((PRESS,)), *page_plant.kpis((PRESS,), NOW)]
    assert not now_board(*frames).headline.late
    assert now_board(*frames, now_ns=NOW + 20 * MIN).headline.late
    assert not now_board(*frames, now_ns=NOW + 5 * MIN, speed=60.0).headline.late


def test_names_of_the_plant_pass_through_as_they_are() -> None:
    spec = page_plant.Spec("<b>cut</b>", ("<script>alert(1)<:script>",), 10, 1, 1, 1)
    tile = now_board(*page_plant.births((spec,))).steps[0].tiles[0]
    assert tile.name == "<script>alert(1)<:script>"


# The history


def test_sparklines_have_a_slot_per_whole_hour_and_gaps_where_nothing_is_known() -> None:
    past = history(seen(*page_plant.births(), *page_plant.kpis(skip_hours=frozenset({5, 6}))), 24)
    assert len(past.line.oee) == 24
    # slot 0 is older than the 24 windows of the plant, the newest of which is not whole yet
    assert [slot for slot, value in enumerate(past.line.oee) if value is None] == [0, 6, 7]
    assert past.end_ms == NOW // H * H // 1_000_000
    assert len(past.machines) == 22
    assert past.day.units == sum(int(units or 0) for units in past.line.units)


def test_what_is_sent_is_small() -> None:
    data = seen(*page_plant.whole())
    assert len(msgspec.json.encode(board(data, pipeline()))) < 20_000
    assert len(msgspec.json.encode(history(data, 24))) < 60_000
