"""The states as the page tells them: repairs, power, material, closed shifts, and addresses that are no machines."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import page_plant
import pytest
from page_plant import CALM, LINE, MIN, NOW, H, S

from console.page_data import Board, Pipeline
from console.snapshot import board, history
from console.stops import Entered, look, stops
from console.watch import Watch
from contract import Birth, PackMLState, Reason
from historian import Frame, ModelHistorian

PAGE = Path(__file__).parents[1] / "console/page"
PRESS = page_plant.Spec("press", ("press-1",), 16, 3, 210, 95)
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": "die wear"}
REPAIR = {"state": "Clearing", "reason": "breakdown", "cause": "die wear"}
CLOSED = {"state": "Stopped", "reason": "no_shift"}
SHOP = {"enterprise": LINE["enterprise"], "site": LINE["site"], "area": "market", "line": "web", "machine": "consumers"}
STEEL = SHOP | {"area": "supply", "line": "steelworks", "machine": "shipments"}


def watched(*frames: Frame, hours: int = 24) -> Watch:
    async def read() -> Watch:
        store = ModelHistorian()
        await store.write(frames)
        watch = Watch(store, hours, lambda: 0.0)
        await watch.look()
        return watch

    return asyncio.run(read())


def now_board(*frames: Frame) -> Board:
    pipeline = Pipeline(plant_now_ns=NOW, speed=1.0, phase="live", sent=9, written=9, dead_lettered=0, connected=True)
    return board(watched(*frames).seen, pipeline)


def press(*rows: tuple[int, dict[str, str]]) -> list[Frame]:
    return [*page_plant.births((PRESS,)), page_plant.state_frame("press-1", list(rows))]


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (DOWN, "aborted"),
        (REPAIR, "repair"),
        ({"state": "Suspended", "reason": "utility"}, "utility"),
        ({"state": "Suspended", "reason": "starved", "cause": "steel sheet"}, "starved"),
        ({"state": "Idle", "reason": "no_order"}, "idle"),
        ({"state": "Stopped", "reason": "planned_maintenance"}, "maintenance"),
        (CLOSED, "planned"),
    ],
)
def test_each_state_has_its_look_and_its_cause_is_shown(row: dict[str, str], shown: str) -> None:
    tile = now_board(*press((NOW - H, CALM), (NOW - MIN, row))).steps[0].tiles[0]
    assert (tile.look, tile.state, tile.reason, tile.cause) == (shown, row["state"], row["reason"], row.get("cause"))


def test_every_look_has_a_word_and_an_icon_of_its_own_and_every_reason_is_named() -> None:
    words, icons = (PAGE / "words.js").read_text(), (PAGE / "icons.js").read_text()

    def names(text: str, start: str) -> dict[str, str]:
        body = text[text.index(start) :]
        return dict(re.findall(r'^\s+(\w+): "([^"]*)"', body[: body.index("}")], re.MULTILINE))

    looks = {look(state, reason) for state in PackMLState for reason in (*Reason, "?")}
    drawn = names(icons, "const PATHS")
    assert looks <= names(words, "states: {").keys()
    assert looks <= drawn.keys()
    assert len(set(drawn.values())) == len(drawn)
    assert names(words, "reasons: {").keys() == {str(reason) for reason in Reason}
    assert names(words, "reasons: {")["utility"] == "waits for power"
    assert names(words, "reasons: {")["no_shift"] == "closed"


def test_a_breakdown_and_its_repair_are_one_stop_that_shows_what_is_done_now() -> None:
    lasting = now_board(*press((NOW - H, CALM), (NOW - 30 * MIN, DOWN), (NOW - 10 * MIN, REPAIR)))
    (event,) = lasting.events
    assert (event.look, event.state, event.lasts) == ("repair", "Clearing", True)
    assert event.start_ms == (NOW - 30 * MIN) // 1_000_000
    assert event.units == 30 * 60 // 16
    over = now_board(*press((NOW - H, CALM), (NOW - 30 * MIN, DOWN), (NOW - 10 * MIN, REPAIR), (NOW - MIN, CALM)))
    (event,) = over.events
    assert (event.look, event.state, event.lasts, event.end_ms) == (
        "aborted",
        "Aborted",
        False,
        (NOW - MIN) // 1_000_000,
    )
    assert over.short_stops == 0


def test_another_cause_or_another_machine_is_another_stop() -> None:
    def down(t: int, state: str, cause: str) -> Entered:
        return Entered(t * S, state, "breakdown", cause=cause)

    run = Entered(90 * S, "Execute", "running")
    one = [down(0, "Aborted", "wear"), down(40, "Clearing", "wear"), run]
    two = [down(0, "Aborted", "wear"), down(40, "Clearing", "heat"), run]
    assert [(s.entered.t_ns, s.end_ns) for s in stops({("a",): one})] == [(0, 90 * S)]
    assert [(s.entered.t_ns, s.end_ns) for s in stops({("a",): two})] == [(40 * S, 90 * S), (0, 40 * S)]
    assert len(stops({("a",): one, ("b",): one})) == 2


def test_a_planned_stop_is_no_stop_worth_telling_and_waiting_for_power_neither() -> None:
    power = {"state": "Suspended", "reason": "utility"}
    assert now_board(*press((NOW - H, CALM), (NOW - 30 * MIN, power), (NOW - 9 * MIN, CLOSED))).events == []


def closed_hours() -> list[Frame]:
    frames = []
    for name, span, count in (("5m", 5 * MIN, 12), ("1h", H, 24)):
        newest = NOW // span * span
        for start in range(newest - (count - 1) * span, newest + 1, span):
            fields = {"pdot_ns": span, "apt_ns": 0, "adot_ns": 0, "adet_ns": 0, "aust_ns": 0, "unknown_ns": 0}
            fields |= {
                "gq": 0,
                "sq": 0,
                "rq": 0,
                "pri_pq_ns": 0,
                "pri_gq_ns": 0,
                "energy_wh": 500,
                "until_ns": start + span,
            }
            site = {key: LINE[key] for key in ("enterprise", "site")}
            for level, place in (("machine", LINE | {"machine": "press-1"}), ("line", LINE), ("site", site)):
                more = {} if level == "machine" else {"sellable": 0}
                columns = {key: [value] for key, value in (fields | more).items()}
                frames.append(Frame("kpi", place | {"level": level, "window": name}, [start], columns))
    return frames


def test_a_line_that_was_closed_for_the_whole_hour_shows_no_ratio_rather_than_zero() -> None:
    frames = [*press((NOW - 3 * H, CLOSED)), *closed_hours()]
    full = now_board(*frames)
    for found in (full.headline.line, full.headline.site):
        assert (found.oee, found.availability, found.effectiveness, found.quality) == (None,) * 4
        assert (found.line_oee, found.unit_cost, found.units, found.energy_kwh) == (None, None, 0, 6.0)
    tile = full.steps[0].tiles[0]
    assert (tile.look, tile.oee, tile.unit_cost) == ("planned", None, None)
    past = history(watched(*frames).seen, 24)
    assert past.line.oee == past.line.line_oee == [None] * 24
    assert past.day.oee is None
    detail = asyncio.run(watched(*frames).detail((*LINE.values(), "press-1")))
    assert detail is not None
    assert detail.split_ms["pdot"] == H / 1_000_000
    assert detail.figures.oee is None


def test_markets_and_suppliers_have_no_tile_and_their_death_silences_nobody() -> None:
    trade = []
    for place, role in ((SHOP, "market"), (STEEL, "supply")):
        birth = Birth(boot="000000aa", seq=1, t=NOW, role=role, model="m", version="1")
        trade += [
            page_plant.birth_frame(place, birth),
            Frame("death", place, [NOW], {"_boot": ["000000aa"], "_seq": [9], "reason": ["end"]}),
            Frame("order", place, [NOW], {"_boot": ["000000aa"], "_seq": [2], "order": ["o-1"], "quantity": [3]}),
        ]
    frames = page_plant.whole((PRESS,))
    assert now_board(*frames, *trade) == now_board(*frames)
    channel = Birth(boot="00000001", seq=1, t=NOW, role="market", model="m", version="1")
    many = [page_plant.birth_frame(SHOP | {"line": f"channel-{n}"}, channel) for n in range(5)]
    assert now_board(*many).steps == []
    assert now_board(*frames, *many).place == list(LINE.values())
