"""The loop: in whatever order and chunks the events are stored, the stored figures end up the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from analytics_plant import BOOT, ECONOMICS, HOUR, MIN, PATH, T0, address, frames, plant, state
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.__main__ import main
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, Word
from analytics.keeper import Keeper
from analytics.run import Status, analyse
from analytics.settings import Settings
from contract import ConfigError, Production, Reason, RetryLater
from historian import Frame, ModelHistorian, Query, open_store
from service import load

Points = dict[tuple[str, ...], dict[str, object]]


def rows_of(events: dict[tuple[str, ...], MachineEvents]) -> list[Frame]:
    """Every event as a frame of its own."""
    single = []
    for path, machine in events.items():
        for frame in frames(path, machine):
            for row, t in enumerate(frame.time_ns):
                fields = {name: [column[row]] for name, column in frame.fields.items()}
                single.append(Frame(frame.measurement, frame.tags, [t], fields))
    return single


async def kpi_points(store: ModelHistorian) -> Points:
    table = await store.read(Query("kpi"))
    tags = [table.tags.get(name, [""] * len(table)) for name in ("level", "window", "site", "line", "machine")]
    keys = zip(*tags, map(str, table.time_ns), strict=True)
    return {
        key: {name: column[row] for name, column in table.fields.items() if column[row] is not None}
        for row, key in enumerate(keys)
    }


async def kept(chunks: Sequence[Sequence[Frame]], *, scan_every: int = 1) -> tuple[Points, Status]:
    """The stored figures after a pass for each chunk, and one that looks for late data at the end."""
    store, status = ModelHistorian(), Status()
    keeper = Keeper(Settings(), store, status)
    for number, chunk in enumerate(chunks):
        await store.write(chunk)
        await keeper.update(scan=number % scan_every == 0)
    await keeper.update(scan=True)
    return await kpi_points(store), status


def agree(found: Points, wanted: Points) -> None:
    """All that is wanted is there; a ratio that late data have made undefined may be left."""
    assert found.keys() == wanted.keys()
    for key, fields in wanted.items():
        assert {name: found[key].get(name) for name in fields} == fields, key


def busy_hours() -> dict[tuple[str, ...], MachineEvents]:
    """One machine with a night off: silent, then back; another that crashes and comes back as another boot."""
    production = Production(step="s", position=1, ideal_cycle_ns=MIN)
    quiet = MachineEvents(
        states=[state(T0, "running"), state(T0 + 40 * MIN, "planned_stop"), state(T0 + 110 * MIN, "running")],
        cycles=[CycleEvent(T0 + m * MIN + 7, BOOT, 1, 0, 0, MIN) for m in (*range(40), *range(110, 150))],
        readings=[Reading(T0 + m * MIN, BOOT, 50 * m) for m in (*range(41), *range(110, 151))],
        births=[BirthEvent(T0, BOOT, "machine", production, ECONOMICS)],
        deaths=[Word(T0 + 150 * MIN, BOOT)],
    )
    crash = MachineEvents(
        states=[
            *(state(T0 + m * MIN, Reason.RUNNING if m % 2 else Reason.BREAKDOWN, "000000aa") for m in range(50)),
            *(state(T0 + m * MIN, Reason.SETUP if m % 2 else Reason.STARVED, "000000bb") for m in range(80, 140)),
        ],
        readings=[Reading(T0 + m * MIN, "000000bb", 9 * (m - 80)) for m in range(80, 140)],
        births=[
            BirthEvent(T0, "000000aa", "machine", production, ECONOMICS),
            BirthEvent(T0 + 80 * MIN, "000000bb", "machine", production, ECONOMICS),
        ],
    )
    return {(*PATH[:4], "quiet"): quiet, (*PATH[:4], "crash"): crash}


ROWS = rows_of(busy_hours())
WANTED, _ = asyncio.run(kept([ROWS]))


def test_the_figures_of_all_levels_and_windows_are_written() -> None:
    assert {key[:2] for key in WANTED} == {(level, w) for level in ("machine", "line", "site") for w in ("5m", "1h")}
    hours = {key[5] for key in WANTED if key[:2] == ("site", "1h")}
    assert hours == {str(T0), str(T0 + HOUR), str(T0 + 2 * HOUR)}
    # The clean death at 2:30:00.000 opens a window in which one machine has one instant, and nothing happened.
    assert ("line", "5m", "plant-1", "line-1", "", str(T0 + 150 * MIN)) not in WANTED


def test_an_hour_is_the_sum_of_its_five_minutes() -> None:
    names = ("apt_ns", "adot_ns", "unknown_ns", "gq", "energy_wh", "failures", "pri_gq_ns")
    hour = WANTED["line", "1h", "plant-1", "line-1", "", str(T0)]
    fives = [WANTED["line", "5m", "plant-1", "line-1", "", str(T0 + m * MIN)] for m in range(0, 60, 5)]
    assert {name: hour[name] for name in names} == {name: sum(five[name] for five in fives) for name in names}
    assert hour["cost_total"] == pytest.approx(sum(five["cost_total"] for five in fives), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 4))
def test_any_order_and_any_chunks_of_the_stream_end_in_the_same_figures(seed: int, parts: int, scan_every: int) -> None:
    draw = Random(seed)
    rows = ROWS[:]
    draw.shuffle(rows)
    cuts = sorted(draw.sample(range(len(rows)), parts - 1))
    chunks = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    chunks.append(draw.sample(rows, 20))  # and some of them again
    found, _ = asyncio.run(kept(chunks, scan_every=scan_every))
    agree(found, WANTED)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(0, 600))
def test_a_stream_in_order_needs_no_search_for_late_data(step_min: int, skew_s: int) -> None:
    """Machine by machine a little apart, as it comes from a line; only the last pass may search, and finds nothing."""
    order = sorted(ROWS, key=lambda f: f.time_ns[0] + (skew_s * 10**9 if f.tags["machine"] == "quiet" else 0))
    chunks: dict[int, list[Frame]] = {}
    for frame in order:
        late = skew_s * 10**9 if frame.tags["machine"] == "quiet" else 0
        chunks.setdefault((frame.time_ns[0] + late) // (step_min * MIN), []).append(frame)

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        for chunk in chunks.values():
            await store.write(chunk)
            await keeper.update(scan=False)
        before = await kpi_points(store)
        await keeper.update(scan=True)
        assert before == await kpi_points(store)
        agree(before, WANTED)

    asyncio.run(go())


def test_late_data_are_found_by_counting_and_only_what_differs_is_written_again() -> None:
    def late(frame: Frame) -> bool:
        is_lot = frame.measurement == "cycle" and frame.tags["machine"] == "quiet"
        return is_lot and T0 + 20 * MIN <= frame.time_ns[0] < T0 + 25 * MIN

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        await store.write([frame for frame in ROWS if not late(frame)])
        assert await keeper.update(scan=True)  # everything is news to a new keeper
        assert not await keeper.update(scan=True)
        written = status.windows_written
        await store.write([frame for frame in ROWS if late(frame)])
        assert not await keeper.update(scan=False)
        assert await keeper.update(scan=True)
        assert status.windows_written == written + 1
        assert status.late_recomputed == 1
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_a_pass_over_nothing_new_writes_nothing() -> None:
    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        assert not await keeper.update(scan=True)
        assert status == Status()
        await store.write(ROWS)
        await keeper.update(scan=True)
        written = status.windows_written
        await keeper.update(scan=True)
        await keeper.update(scan=False)
        assert status.windows_written == written

    asyncio.run(go())


def test_a_restart_ends_in_the_same_figures_and_looks_no_further_back_than_told() -> None:
    async def go() -> None:
        store = ModelHistorian()
        await store.write(ROWS)
        await Keeper(Settings(), store, Status()).update(scan=True)
        await Keeper(Settings(), store, Status()).update(scan=True)
        agree(await kpi_points(store), WANTED)
        short, status = ModelHistorian(), Status()
        await short.write(ROWS)
        await Keeper(Settings(lookback_h=0.5), short, status).update(scan=True)
        assert min(int(key[5]) for key in await kpi_points(short)) == T0 + 2 * HOUR
        agree(await kpi_points(short), {key: value for key, value in WANTED.items() if int(key[5]) >= T0 + 2 * HOUR})

    asyncio.run(go())


class Clock:
    """Nanoseconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.waits: list[float] = []

    def __call__(self) -> int:
        return self.now_ns


def test_the_loop_runs_until_told_to_stop_and_then_once_more(tmp_path: Path) -> None:
    heartbeat = tmp_path / "beat.json"

    async def go() -> tuple[Points, Status, Clock]:
        store, stop, clock = ModelHistorian(), asyncio.Event(), Clock()

        async def pause(seconds: float) -> None:
            clock.waits.append(seconds)
            clock.now_ns += int(seconds * 10**9)
            if len(clock.waits) == 3:
                await store.write(ROWS)
                stop.set()  # what came since is still to be counted

        config = Settings(heartbeat=str(heartbeat), period_s=2.0)
        status = await asyncio.wait_for(analyse(config, store, stop=stop, clock_ns=clock, pause=pause), 30)
        return await kpi_points(store), status, clock

    points, status, clock = asyncio.run(go())
    agree(points, WANTED)
    assert clock.waits == [2.0, 2.0, 2.0]
    assert status.until_ns == T0 + 150 * MIN
    assert (status.last_run_ns, status.last_error) == (6 * 10**9, None)
    assert json.loads(heartbeat.read_text())["problem"] is None


def test_a_historian_that_fails_is_named_and_tried_again() -> None:
    class Weak(ModelHistorian):
        failures = 3

        async def write(self, batch: Sequence[Frame]) -> None:
            if any(frame.measurement == "kpi" for frame in batch) and self.failures:
                self.failures -= 1
                raise RetryLater("busy")
            await super().write(batch)

    async def go() -> None:
        store, stop, status = Weak(), asyncio.Event(), Status()
        errors: list[str | None] = []
        await store.write(ROWS)

        async def pause(seconds: float) -> None:
            errors.append(status.last_error)
            if status.last_error is None:
                stop.set()

        await asyncio.wait_for(analyse(Settings(), store, stop=stop, status=status, pause=pause, clock_ns=Clock()), 30)
        assert errors == ["RetryLater: busy"] * 3 + [None]
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_without_a_pause_of_its_own_it_wakes_up_when_told_to_stop() -> None:
    async def go() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(analyse(Settings(period_s=3600.0), ModelHistorian(), stop=stop))
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(task, 10)

    asyncio.run(go())


def test_the_whole_on_duckdb_beside_a_writer() -> None:
    rows = rows_of(plant(hours=0.5))

    async def go() -> None:
        async with open_store("duckdb::memory:") as store:
            stop = asyncio.Event()
            task = asyncio.create_task(analyse(Settings(period_s=0.01, late_scan_s=0.01), store, stop=stop))
            for start in range(0, len(rows), 200):
                await store.write(rows[start : start + 200])
            stop.set()
            status = await asyncio.wait_for(task, 60)
            assert status.last_error is None
            table = await store.read(Query("kpi", ("pri_gq_ns", "gq"), {"level": "machine", "window": "1h"}))
            made = dict(zip(table.tags["machine"], table.fields["gq"], strict=True))
            lots = {frame.tags["machine"]: 0 for frame in rows}
            for frame in rows:
                if frame.measurement == "cycle":
                    lots[frame.tags["machine"]] += int(frame.fields["good"][0] or 0)
            assert made == lots

    asyncio.run(go())


# Settings and command


def test_windows_that_do_not_fit_into_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="420 is no multiple of 300"):
        load("analytics", Settings, {"analytics": {"windows_s": [300, 420]}}, {})
    with pytest.raises(ConfigError, match=r"unknown key analytics\.perod_s; did you mean analytics\.period_s"):
        load("analytics", Settings, {"analytics": {"perod_s": 1.0}}, {})
    assert load("analytics", Settings, {"analytics": {"windows_s": [60, 3600]}}, {}).windows_s == [60, 3600]


def test_the_command_says_in_one_line_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("QILU_CONFIG", raising=False)
    monkeypatch.setenv("QILU_STORE_URL", "ftp://nowhere")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("analytics: store.url 'ftp://nowhere'")
    monkeypatch.setenv("QILU_STORE_URL", "duckdb::memory:")
    assert main(["--config", str(tmp_path / "none.toml")]) == 2
    assert main(["--health"]) == 2
    capsys.readouterr()
    monkeypatch.setenv("QILU_ANALYTICS_HEARTBEAT", str(tmp_path / "beat.json"))
    assert main(["--health"]) == 1
    assert "no heartbeat" in capsys.readouterr().err


def test_addresses_in_the_tags_are_those_of_the_machine() -> None:
    assert address(PATH)["machine"] == "stamp-1"
