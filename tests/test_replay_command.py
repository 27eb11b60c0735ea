"""`qilu replay` as a command: the whole line on a small file, a broker of others, pacing, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from replay_line import eventually, ingesting

from console.cli import main
from console.embedded_broker import EmbeddedBroker
from console.replay import ReplayOptions, replay
from console.replay_device import MAX_LINE_CHARS, open_device
from console.replay_figures import stored
from contract import ConfigError, LinkError
from historian import Query, open_store
from service import Broker

DATA = Path(__file__).parent / "data/replay"
MILL = DATA / "mill.csv"
MILL_MAP = DATA / "mill.toml"
BOOT = "0123456789abcdef"


def test_the_command_runs_the_whole_line_and_prints_one_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(MILL), "--map", str(MILL_MAP), "--data-dir", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    assert said["complete"] is True
    assert said["read"]["rows"] == 4
    assert said["read"]["steps_back"] == 1
    assert said["published"]["messages"] == said["stored"]["messages"] == 4
    assert said["stored"]["totals"] == {"energy_wh": 4255, "energy_wh_light": 1250, "energy_wh_heavy": 3005}
    assert (said["stored"]["meter_rows"], said["stored"]["samples"], said["stored"]["lost"]) == (5, 3, 0)
    # 22:30-23:00, peak ends at 22 in spring: everything of that evening is at the flat price of 0.67.
    assert said["cost"]["by_label"] == {"schwach": 1.25 * 0.67, "stark": 2.01335}
    assert said["cost"]["total"] == 2.85085
    assert said["cost"]["wh_by_band"] == {"flat": 4255}


def test_the_report_for_people(tmp_path: Path) -> None:
    store = f"duckdb:{tmp_path / 's.duckdb'}"
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, store=store, data_dir=tmp_path)
    text = asyncio.run(replay(options, boot=BOOT)).as_text()
    assert "4 rows of" in text
    assert "2018-03-24 23:00:00+01:00 to 2018-03-25 00:30:00+01:00" in text
    assert "steps back in time: 1; rows left out: 0 as bad, 0 for their time; gaps: 0" in text
    assert f"in {store}\n           lost: 0, dead letters: 0" in text
    assert "energy     4.255 kWh read, 4.255 kWh stored: equal" in text
    assert "cost       2.85 CNY, tariff shandong, hours of Europe/Berlin" in text
    assert "schwach  1.250  0.84   0.6700" in text


def test_the_same_file_twice_is_the_same_year_once(tmp_path: Path) -> None:
    store = f"duckdb:{tmp_path / 's.duckdb'}"
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, store=store, data_dir=tmp_path)
    for boot in (BOOT, BOOT[::-1]):
        assert asyncio.run(replay(options, boot=boot)).ok

    async def points() -> int:
        async with open_store(store) as historian:
            return len(await historian.read(Query("meter")))

    assert asyncio.run(points()) == 5


def test_with_a_broker_it_publishes_and_no_more(tmp_path: Path) -> None:
    """Another ingester finds it there, and the birth is retained for one that comes late."""

    async def scene(broker: Broker) -> None:
        async with open_store("duckdb::memory:") as store:
            async with ingesting(broker, store, tmp_path / "first", "first") as status:
                report = await replay(ReplayOptions(file=MILL, map_file=MILL_MAP, broker=broker), boot=BOOT)
                await eventually(lambda: status.written >= report.published.messages)
            async with ingesting(broker, store, tmp_path / "late", "late") as status:
                await eventually(lambda: status.received >= 1)
            assert status.received == 1
            found = await stored(store, report.map_, BOOT, report.published)
        assert found.totals == report.read.totals
        assert report.ok
        assert (report.stored, report.as_json()["stored"], report.as_json()["energy"]) == (None, None, None)

    with EmbeddedBroker() as embedded:
        asyncio.run(asyncio.wait_for(scene(Broker(url=embedded.url)), 30))


def test_the_pace_is_the_files_time_and_a_stop_is_a_clean_end(tmp_path: Path) -> None:
    """At 1800 s per second the file's half hours are seconds; we stop after the first of them."""
    store = f"duckdb:{tmp_path / 's.duckdb'}"
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, store=store, speed=1800.0, data_dir=tmp_path)

    async def scene() -> None:
        stop = asyncio.Event()
        replaying = asyncio.create_task(replay(options, boot=BOOT, stop=stop))
        async with open_store(store) as historian:

            async def two_rows() -> bool:
                return len(await historian.read(Query("meter"))) >= 2

            await eventually(two_rows)
            stop.set()
            report = await replaying
            assert report.ok
            assert report.published.meter_rows < 5
            assert report.published.totals["energy_wh"] < report.read.totals["energy_wh"] == 4255
            assert report.stored is not None
            assert report.stored.totals == report.published.totals
            death = await historian.read(Query("death"))
            assert death.fields["reason"] == ["stopped"]
        assert report.as_json()["complete"] is False
        assert "stopped before the end of the file" in report.as_text()

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_paced_rows_come_one_by_one_and_on_time(tmp_path: Path) -> None:
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, store="duckdb::memory:", speed=7200.0, data_dir=tmp_path)
    report = asyncio.run(asyncio.wait_for(replay(options, boot=BOOT), 30))
    assert report.ok
    assert report.published.messages == 1 + 5 + 3 + 1
    assert report.duration_s >= 1.0  # two hours of plant time at 7200 s per second


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ("3;-1,5", [], "mill.csv:4: column 'Wirkarbeit (kWh)': '3.x' is no number"),
        ("", ["--broker", "mqtt://127.0.0.1:1", "--store", "duckdb:x"], "--store goes without --broker"),
        ("", ["--broker", "http://here"], "is not of the form mqtt://HOST:PORT"),
        ("", ["--store", "sqlite:x"], "neither influx://"),
        ("", ["--map", "absent.toml"], "cannot read absent.toml: No such file"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_published(
    change: str, arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mill.csv"
    text = MILL.read_bytes().decode()
    file.write_bytes(text.replace(change, "3.x;-1,5").encode() if change else text.encode())
    argv = ["replay", str(file), "--map", str(MILL_MAP), "--data-dir", str(tmp_path / "data"), *arguments]
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    if change:
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("name", "words"), [("absent.csv", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told(name: str, words: str, tmp_path: Path) -> None:
    options = ReplayOptions(file=tmp_path / name, map_file=MILL_MAP, data_dir=tmp_path)
    with pytest.raises(ConfigError, match=words):
        asyncio.run(replay(options, boot=BOOT))


def test_a_pipe_is_told(tmp_path: Path) -> None:
    """It can be read only once: the second pass would find nothing, or wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"pipe is a pipe.*; write it to a file first"):
        asyncio.run(replay(ReplayOptions(file=tmp_path / "pipe", map_file=MILL_MAP, data_dir=tmp_path), boot=BOOT))


def test_a_line_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(MILL.read_bytes().splitlines(keepends=True)[0] + b"1" * (MAX_LINE_CHARS + 1))
    with pytest.raises(ConfigError, match=r"f\.csv:2: a line of more than 1048576 characters; is this a CSV\?"):
        asyncio.run(replay(ReplayOptions(file=file, map_file=MILL_MAP, data_dir=tmp_path), boot=BOOT))


def test_a_header_alone_is_told(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(MILL.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(ConfigError, match="no rows below the header"):
        asyncio.run(replay(ReplayOptions(file=file, map_file=MILL_MAP, data_dir=tmp_path), boot=BOOT))


def test_a_birth_too_large_for_a_message_is_told(tmp_path: Path) -> None:
    map_file = tmp_path / "m.toml"
    many = "".join(f'[sensors.s{i}]\ncolumn = "Temp. [°C]"\nunit = "{"℃" * 200}"\n' for i in range(480))
    map_file.write_text(MILL_MAP.read_text(encoding="utf-8") + many, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"birth is refused: .* bytes, at most"):
        asyncio.run(replay(ReplayOptions(file=MILL, map_file=map_file, data_dir=tmp_path), boot=BOOT))


def test_no_broker_there_is_told() -> None:
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, broker=Broker(url="mqtt://127.0.0.1:1"))
    with pytest.raises(LinkError, match=r"no MQTT broker 127\.0\.0\.1:1"):
        asyncio.run(replay(options, boot=BOOT))


def test_no_store_there_is_told(tmp_path: Path) -> None:
    options = ReplayOptions(file=MILL, map_file=MILL_MAP, store="influx://127.0.0.1:1/qilu?org=x", data_dir=tmp_path)
    with pytest.raises(LinkError, match=r"influx://127\.0\.0\.1:1/qilu"):
        asyncio.run(asyncio.wait_for(replay(options, boot=BOOT), 60))


def test_bad_rows_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    map_file = tmp_path / "m.toml"
    map_file.write_text(
        MILL_MAP.read_text(encoding="utf-8").replace("[csv]", '[csv]\non_bad_row = "skip"'), encoding="utf-8"
    )
    file = tmp_path / "mill.csv"
    file.write_bytes(MILL.read_bytes().replace(b"0,005;", b"0.005;"))
    options = ReplayOptions(file=file, map_file=map_file, store="duckdb::memory:", data_dir=tmp_path)
    report = asyncio.run(replay(options, boot=BOOT))
    said = report.as_json()
    assert said["ok"] is True
    assert (said["read"]["rows"], said["read"]["left_out_as_bad"], said["read"]["gaps"]) == (3, 1, 1)
    assert "mill.csv:3: column 'Wirkarbeit (kWh)': '0.005' is no number" in report.as_text()
    assert said["stored"]["meter_rows"] == 5  # one more where the hole ends
    assert said["energy"]["stored_wh"] == 4250


def test_a_file_that_changes_between_the_two_passes_is_the_devices_death(tmp_path: Path) -> None:
    """What comes after the check is not trusted either: the connection is dropped and the broker says the will."""
    file = tmp_path / "mill.csv"
    file.write_bytes(MILL.read_bytes())

    async def scene(broker: Broker) -> None:
        async with open_store("duckdb::memory:") as store, ingesting(broker, store, tmp_path):
            device = open_device(file, MILL_MAP, boot=BOOT, speed=1e6, stop=asyncio.Event())
            device.check()
            file.write_bytes(MILL.read_bytes() + b"garbage\r\n")
            with pytest.raises(ConfigError, match=r"mill\.csv:6: 1 cells"):
                await device.publish(broker)

            async def has_died() -> bool:
                return len(await store.read(Query("death"))) > 0

            await eventually(has_died)
            assert (await store.read(Query("death"))).fields["reason"] == ["connection lost"]

    with EmbeddedBroker() as embedded:
        asyncio.run(asyncio.wait_for(scene(Broker(url=embedded.url)), 30))
