"""``qilu gaps``: exactly what the store has not; and what an edge buffer sends again makes it whole."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_plant import START_NS, Said, plant, until

from console import gap_resend
from console.cli import main
from console.embedded_broker import EmbeddedBroker
from console.gaps import find
from contract import KINDS, LEVELS, Address
from historian import Frame, Historian, ModelHistorian, Query, Table, open_store
from ingest import Settings, Status, frames, gap_check, ingest
from ingest.gap_check import check, confirm, stored_streams
from ingest.gaps import Gaps, Missing
from ingest.ranges import Ranges, ranges_of
from service import Broker
from simulator.run import simulate
from simulator.settings import Settings as SimulatorSettings

S = 10**9
BOOT = "00c0ffee"


async def fill(store: Historian, said: list[Said]) -> None:
    await store.write([frame for one in said for frame in frames(one.address, one.kind, one.message, one.payload, 0)])


def lost_of(said: list[Said], kept: list[Said]) -> dict[tuple[Address, str], Ranges]:
    """What must be found to be missing: all below the greatest number that is there."""
    tops: dict[Address, int] = {}
    for one in kept:
        tops[one.address] = max(tops.get(one.address, 0), one.message.seq)
    names = {one.name for one in kept}
    lost: dict[Address, list[int]] = {}
    for one in said:
        if one.name not in names and one.message.seq < tops.get(one.address, 0):
            lost.setdefault(one.address, []).append(one.message.seq)
    return {(address, BOOT): ranges_of(seqs) for address, seqs in lost.items()}


def by_stream(missing: list[Missing]) -> dict[tuple[Address, str], Ranges]:
    return {(one.address, one.boot): one.ranges for one in missing}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["gaps", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


# The store ----------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0, 0.6), st.sampled_from([3, 40, 100_000]))
def test_the_store_tells_exactly_what_it_has_not(seed: int, share: float, rows: int) -> None:
    said = plant(seed, 120, machines=4)
    draw = random.Random(seed)
    kept = [one for one in said if draw.random() >= share]

    async def scene() -> None:
        store = ModelHistorian()
        await fill(store, kept)
        report = await find(store, "model")
        assert by_stream(report.missing) == lost_of(said, kept)
        assert report.messages == len(kept)
        for (address, boot), ranges in lost_of(said, kept).items():
            assert await confirm(store, address, boot, ((1, ranges[-1][1]),)) == ranges

    with pytest.MonkeyPatch().context() as patch:
        patch.setattr(gap_check, "ROWS", rows)
        asyncio.run(scene())


class Watched(ModelHistorian):
    """How much is read at once, and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[int] = []

    async def read(self, query: Query) -> Table:
        table = await super().read(query)
        if not query.last:
            self.tables.append(len(table))
        return table


def test_a_long_history_is_read_in_pieces_and_one_machine_in_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_check, "ROWS", 250)
    machines = [Address("acme", "plant-1", "production", "line-1", f"m-{n}") for n in range(10)]
    hours, per_hour = 24, 60  # of each machine

    async def scene() -> None:
        store = Watched()
        for address in machines:
            tags = dict(zip(LEVELS, address.levels, strict=True))
            count = hours * per_hour
            times = [START_NS + n * 3600 * S // per_hour for n in range(count)]
            seqs = [n + 1 for n in range(count)]
            await store.write([Frame("telemetry", tags, times, {"_boot": [BOOT] * count, "_seq": seqs})])
        told: list[float] = []
        found = await stored_streams(store, told=told.append)
        assert set(found.values()) == {((1, hours * per_hour),)}
        assert sum(store.tables) == 10 * hours * per_hour
        assert max(store.tables) <= 300, "an hour with more points than fit is read in parts"
        assert told == sorted(told)
        assert told[-1] == 1.0
        store.tables.clear()
        assert await confirm(store, machines[3], BOOT, ((5, 9), (5000, 5001))) == ((5000, 5001),)
        assert sum(store.tables) == hours * per_hour
        assert max(store.tables) <= 250
        assert len(store.tables) < 40, "what others have written does not count for long"
        store.tables.clear()
        assert await confirm(store, machines[3], BOOT, ((5, 9),)) == ()
        assert len(store.tables) <= 5, "nobody reads on when all is found"

    asyncio.run(scene())


def test_another_boot_has_numbers_of_its_own() -> None:
    async def scene() -> None:
        store = ModelHistorian()
        said = plant(1, 60, machines=1)
        await fill(store, said[:20])
        later = [replace(one, message=msgspec.structs.replace(one.message, boot="0badcafe")) for one in said[20:]]
        await fill(store, later)
        assert await confirm(store, said[0].address, BOOT, ((1, 60),)) == ((21, 60),)
        assert await confirm(store, said[0].address, "0badcafe", ((1, 60),)) == ((1, 20),)
        assert by_stream((await find(store, "model")).missing) == {(said[0].address, "0badcafe"): ((1, 20),)}

    asyncio.run(scene())


def test_points_of_others_are_no_streams() -> None:
    async def scene() -> None:
        store = ModelHistorian()
        await store.write(
            [
                Frame("state", {"machine": "m"}, [1], {"_boot": [BOOT], "_seq": [9]}),
                Frame("state", {"enterprise": "x"}, [1], {"note": ["hello"]}),
                Frame("cycle", {"enterprise": "x"}, [1], {"_boot": [7], "_seq": [9]}),
                Frame("death", dict.fromkeys(LEVELS, "x"), [1], {"_boot": [BOOT], "_seq": [0]}),
            ]
        )
        report = await find(store, "model")
        assert report.ok

    asyncio.run(scene())


def test_what_came_or_is_stored_is_never_said_to_be_missing_and_asked_for_once() -> None:
    said = plant(4, 300, machines=3)
    first, second = said[:150], said[150:]
    lost = [one for one in second if one.message.seq % 11 == 0]
    kept = [one for one in second if one not in lost]

    async def scene() -> None:
        store = Watched()
        await fill(store, first + kept)
        gaps = Gaps()  # it begins in the middle
        for one in kept:
            gaps.came(one.address, one.message.boot, one.message.seq, 0.0)
        assert gaps.totals.unsure > 100
        found = by_stream(await check(gaps, store, 1.0, 0.5))
        assert found == lost_of(said, first + kept)
        assert gaps.totals.unsure == 0
        asked = len(store.tables)
        assert by_stream(await check(gaps, store, 1.0, 0.5)) == found
        assert len(store.tables) == asked
        assert await check(gaps, store, 1.0, 2.0) == [], "within the grace"
        for one in lost:
            gaps.came(one.address, one.message.boot, one.message.seq, 2.0)
        assert await check(gaps, store, 9.0, 0.5) == []

    asyncio.run(scene())


# The command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, list[Said], list[Said]]:
    """A DuckDB file, what was said, and what of it is there."""
    said = plant(7, 400, machines=4)
    kept = [one for one in said if one.message.seq not in (2, 17, 18, 19)]
    url = f"duckdb:{tmp_path / 'store.duckdb'}"

    async def scene() -> None:
        async with open_store(url) as historian:
            await fill(historian, kept)

    asyncio.run(scene())
    return url, said, kept


Filled = tuple[str, list[Said], list[Said]]


def test_the_report_names_every_message_that_is_missing(store: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    url, said, kept = store
    code, out, err = run(capsys, "--store", url, "--json")
    assert (code, err) == (1, "")
    told = json.loads(out)
    assert (told["streams"], told["messages"], told["missing"], told["resent"]) == (4, len(kept), 16, None)
    assert {(one["address"], one["boot"], one["seqs"], one["missing"]) for one in told["gaps"]} == {
        (f"acme/plant-1/production/line-1/press-{n}", BOOT, "2,17-19", 4) for n in range(1, 5)
    }
    code, out, _ = run(capsys, "--store", url)
    assert code == 1
    assert "  acme/plant-1/production/line-1/press-1 boot 00c0ffee: 4 missing: 2,17-19\n" in out
    assert out.endswith("missing: 16 messages of 4 streams\n")
    assert len(said) - len(kept) == 16


def test_the_store_is_that_of_the_configuration_or_of_the_newest_run(
    store: Filled, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "qilu.toml"
    config.write_text(f'[store]\nurl = "{store[0]}"\n')
    assert json.loads(run(capsys, "--config", str(config), "--json")[1])["missing"] == 16
    monkeypatch.setenv("QILU_STORE_URL", store[0])
    assert json.loads(run(capsys, "--json")[1])["missing"] == 16
    monkeypatch.delenv("QILU_STORE_URL")
    folder = tmp_path / "data" / "run-2026"
    folder.mkdir(parents=True)
    (folder / ".qilu-run").write_text("kept\n")
    (tmp_path / "store.duckdb").rename(folder / "historian.duckdb")
    assert json.loads(run(capsys, "--data-dir", str(tmp_path / "data"), "--json")[1])["missing"] == 16


def test_a_whole_store_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"duckdb:{tmp_path / 'store.duckdb'}"

    async def scene() -> None:
        async with open_store(url) as historian:
            await fill(historian, plant(7, 100))

    asyncio.run(scene())
    code, out, _ = run(capsys, "--store", url)
    assert code == 0
    assert out.endswith("nothing is missing\n")


def test_a_span_of_time_is_judged_by_what_is_in_it(store: Filled, capsys: pytest.CaptureFixture[str]) -> None:
    url, _, kept = store
    of_one = [one for one in kept if one.address.machine == "press-1"]
    begin = next(one.message.times[0] for one in of_one if one.message.seq >= 10)
    end = next(one.message.times[0] for one in of_one if one.message.seq >= 30)
    iso = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t // S)) for t in (begin, end)]
    code, out, _ = run(capsys, "--store", url, "--from", iso[0], "--to", iso[1], "--json")
    assert code == 1
    seqs = {one["address"].rsplit("/", 1)[1]: one["seqs"] for one in json.loads(out)["gaps"]}
    assert seqs["press-1"] == "17-19", "what lies before is not asked for"
    code, out, _ = run(capsys, "--store", url, "--from", iso[1], "--json")
    assert "press-1" not in {one["address"].rsplit("/", 1)[1] for one in json.loads(out)["gaps"]}


def test_a_message_outside_the_span_is_not_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"duckdb:{tmp_path / 'store.duckdb'}"
    tags = dict.fromkeys(LEVELS, "x")

    async def scene() -> None:
        async with open_store(url) as historian:
            # The third message tells of an earlier time, as a history that is filled in does.
            times = {1: 10 * S, 2: 20 * S, 3: 1 * S, 4: 30 * S, 6: 40 * S}
            for seq, t in times.items():
                await historian.write([Frame("state", tags, [t], {"_boot": [BOOT], "_seq": [seq]})])

    asyncio.run(scene())
    code, out, _ = run(capsys, "--store", url, "--from", "1970-01-01T00:00:15Z", "--json")
    assert code == 1
    assert [one["seqs"] for one in json.loads(out)["gaps"]] == ["5"]


WRONG = {
    "no run": (["--data-dir", "/nowhere"], "run qilu demo first, or name --store"),
    "no file": (["--store", "duckdb:/nowhere/x.duckdb"], "no such store: duckdb:/nowhere/x.duckdb"),
    "no URL": (["--store", "sqlite:x"], "is neither influx"),
    "no server": (["--store", "influx://127.0.0.1:9/qilu"], "the store does not answer"),
    "no time": (["--store", "URL", "--from", "noon"], "--from: expected an ISO 8601 time"),
    "no span": (["--store", "URL", "--from", "2025-01-02", "--to", "2025-01-01"], "--to is not after --from"),
    "no broker": (["--store", "URL", "--resend", "--broker", "mqtt://127.0.0.1:9"], "no MQTT broker"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_one_clear_line(
    store: Filled, capsys: pytest.CaptureFixture[str], words: list[str], told: str, tmp_path: Path
) -> None:
    if "--resend" in words:
        asyncio.run(_birth(store[0], Address("acme", "plant-1", "production", "line-1", "gateway")))
    code, _, err = run(capsys, *[store[0] if word == "URL" else word for word in words])
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert not Path("/nowhere").exists()


async def _birth(url: str, gateway: Address) -> None:
    tags = dict(zip(LEVELS, gateway.levels, strict=True))
    async with open_store(url) as historian:
        await historian.write([Frame("birth", tags, [START_NS], {"role": ["gateway"], "_boot": [BOOT], "_seq": [1]})])


# Sent again ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def test_nobody_there_is_told(store: Filled, broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--store", store[0], "--resend", "--broker", broker.url, "--wait", "0.5s"]
    code, out, _ = run(capsys, *words)
    assert code == 1
    assert out.endswith("of 4 streams no gateway is known\n")
    asyncio.run(_birth(store[0], Address("acme", "plant-1", "production", "line-1", "gateway")))
    code, out, _ = run(capsys, *words, "--json")
    assert code == 1
    told = json.loads(out)["resent"]
    assert (told["asked"], told["commands"], told["replies"], told["nowhere"]) == (16, 4, {"none": 4}, 0)


class Line:
    """A simulator with an edge buffer, and an ingester with a file, on one broker."""

    def __init__(self, url: str, folder: Path) -> None:
        self.broker = Broker(url=url)
        self.folder = folder
        self.store_url = f"duckdb:{folder / 'store.duckdb'}"
        self.status = Status()
        self._stops: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self, what: str) -> None:
        """Start the simulator or the ingester."""
        stop = asyncio.Event()
        work = self._simulate(stop) if what == "simulator" else self._ingest(stop)
        self._stops.append(stop)
        self._tasks.append(asyncio.create_task(work))

    async def end(self) -> None:
        """End what was started last."""
        self._stops.pop().set()
        await asyncio.wait_for(self._tasks.pop(), 60)

    async def quiet(self) -> None:
        """Wait until the ingester has settled what comes, for half a second."""
        settled = -1
        while settled != self.status.received or self.status.buffered:
            settled = self.status.received
            await asyncio.sleep(0.5)

    async def _simulate(self, stop: asyncio.Event) -> None:
        plan = SimulatorSettings(
            enterprise="resend",
            sector="mould",
            start="2026-11-20T10:00:00Z",
            history_h=2.0,
            speed=0.001,  # after its history it stands still, nearly
            seed=5,
            outbox=str(self.folder / "outbox.sqlite"),
        )
        await simulate(
            plan, self.broker, stop=stop, clock_ns=time.time_ns, sleep=asyncio.sleep, boot="5e5e5e5e5e5e5e5e"
        )

    async def _ingest(self, stop: asyncio.Event) -> None:
        self.status = Status()
        wanted = Settings(
            client_id="ingest-resend",
            dead_letters=str(self.folder / "dead"),
            topics=["qilu/v1/resend/+/+/+/+/+"],
        )
        async with open_store(self.store_url) as historian:
            await ingest(wanted, self.broker, historian, stop=stop, clock_ns=time.time_ns, status=self.status)


def _forget(path: Path, share: float) -> dict[str, set[int]]:
    """Remove whole messages from the file, as a broker that was killed has lost them: path -> seq."""
    draw = random.Random(9)
    gone: dict[str, set[int]] = {}
    with duckdb.connect(str(path)) as file:
        found = []
        kinds = [kind for (kind,) in file.execute("SELECT DISTINCT measurement FROM catalogue.series").fetchall()]
        for kind in sorted(set(kinds) & set(KINDS) - {"birth", "command", "reply", "death"}):
            names = ", ".join(f"json_extract_string(s.tags, '$.{level}')" for level in LEVELS)
            rows = file.execute(
                f'SELECT DISTINCT {names}, t."_seq", s.id FROM main."{kind}" t '
                'JOIN catalogue.series s ON s.id = t."series#"'
            ).fetchall()
            found += [(kind, "/".join(levels), seq, id_) for *levels, seq, id_ in rows]
        tops: dict[str, int] = {}
        for _, path_, seq, _ in found:
            tops[path_] = max(tops.get(path_, 0), seq)
        for kind, path_, seq, id_ in sorted(found):
            if seq < tops[path_] and draw.random() < share:
                gone.setdefault(path_, set()).add(seq)
                file.execute(f'DELETE FROM main."{kind}" WHERE "series#" = ? AND "_seq" = ?', [id_, seq])
    return gone


@pytest.mark.slow
def test_what_is_missing_comes_again_out_of_the_edge_buffer(
    broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(broker.url, tmp_path)
    monkeypatch.setattr(gap_resend, "WAVE", 3)

    async def command(*words: str) -> tuple[int, Any]:
        code = await asyncio.to_thread(main, ["gaps", "--store", line.store_url, "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    async def scene() -> None:
        await line.start("ingester")
        await until(lambda: line.status.connected)
        await line.start("simulator")
        await until(lambda: line.status.written > 100)
        await line.quiet()
        simulator = line._stops.pop(), line._tasks.pop()  # it goes on while the ingester is away
        await line.end()
        assert await command() == (0, (await command())[1])
        gone = _forget(tmp_path / "store.duckdb", 0.3)
        assert sum(map(len, gone.values())) > 50
        code, told = await command("--resend", "--broker", broker.url)
        assert code == 1
        found = {one["address"]: set(_numbers(one["seqs"])) for one in told["gaps"]}
        assert found == gone, "exactly what is gone, and named by its address and number"
        asked = told["resent"]
        assert asked["asked"] == asked["found"] == sum(map(len, gone.values()))
        assert (asked["not_found"], asked["nowhere"], set(asked["replies"])) == (0, 0, {"done"})
        await line.start("ingester")
        await until(lambda: line.status.received >= asked["asked"])
        await line.quiet()
        await line.end()
        code, told = await command()
        assert (code, told["missing"]) == (0, 0)
        async with open_store(line.store_url) as store:
            commands = await store.read(Query("command", ("_seq", "action")))
        waves = -(-asked["commands"] // 3)
        assert set(commands.fields["_seq"]) == set(range(1, waves + 1)), "our own stream has no gap either"
        assert commands.fields["action"] == ["resend"] * asked["commands"]
        simulator[0].set()
        await asyncio.wait_for(simulator[1], 60)

    asyncio.run(asyncio.wait_for(scene(), 180))


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
