"""DuckDB as a historian: the laws, what survives a kill, and what goes wrong when a file is opened."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contract import ConfigError
from historian import MIN_TIME_NS, Frame, Query, checks, open_store

FRAME = Frame("m", {"machine": "a"}, [1, 2], {"n": [1, 2], "text": ["x", None]})


@pytest.mark.parametrize("law", checks.LAWS, ids=lambda law: law.__name__)
def test_law_in_memory(law: checks.Law) -> None:
    asyncio.run(law(lambda: open_store("duckdb::memory:")))


@pytest.mark.parametrize("law", checks.LAWS, ids=lambda law: law.__name__)
def test_law_in_a_file(law: checks.Law, tmp_path: Path) -> None:
    paths = (f"duckdb:{tmp_path}/{n}.duckdb" for n in range(100))
    asyncio.run(law(lambda: open_store(next(paths))))


def test_points_are_there_after_a_restart(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path}/new/folder/store.duckdb"

    async def run() -> None:
        async with open_store(url) as store:
            await store.write([FRAME])
        async with open_store(url) as store:
            table = await store.read(Query("m"))
            assert table.fields == {"n": [1, 2], "text": ["x", None]}
            await store.write([FRAME, Frame("m", {"machine": "b"}, [1], {"other": [True]})])
        async with open_store(url) as store:
            table = await store.read(Query("m"))
            assert table.tags == {"machine": ["a", "a", "b"]}
            assert table.fields["other"] == [None, None, True]

    asyncio.run(run())


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    """``write`` returns when the batch is on disk: the process dies the moment after."""
    script = f"""
        import asyncio, os, signal
        from historian import Frame, open_store
        async def main():
            store = open_store("duckdb:{tmp_path}/store.duckdb")
            for n in range(5):
                await store.write([Frame("m", {{"machine": f"m-{{n}}"}}, [1, 2], {{"n": [n, n]}})])
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], timeout=60, check=False)
    assert done.returncode == -9

    async def run() -> None:
        async with open_store(f"duckdb:{tmp_path}/store.duckdb") as store:
            assert len(await store.read(Query("m"))) == 10

    asyncio.run(run())


def test_a_disk_that_was_full_is_written_again(tmp_path: Path) -> None:
    """DuckDB gives a database up when a write fails; the historian opens it anew, and nothing written is lost."""
    script = f"""
        import asyncio, resource
        from contract import RetryLater
        from historian import Frame, Query, open_store
        from random import random
        rows = range(100_000)
        async def main():
            resource.setrlimit(resource.RLIMIT_FSIZE, (24_000_000, -1))  # more than the log, less than the second file
            noise = {{f"x{{n}}": [random() for _ in rows] for n in range(4)}}
            async with open_store("duckdb:{tmp_path}/store.duckdb") as store:
                written, refused = 0, 0
                while refused < 2:
                    try:
                        times = [written * len(rows) + row for row in rows]
                        await store.write([Frame("m", {{"machine": f"m-{{written}}"}}, times, noise)])
                        written += 1
                    except RetryLater:
                        refused += 1
                        try:
                            await store.read(Query("m", ("x0",), start_ns=0, end_ns=9))
                        except RetryLater as error:
                            print(error)
                resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
                await store.write([Frame("m", {{"machine": "last"}}, [1], {{"n": [1]}})])
                table = await store.read(Query("m", ("x0", "n")))
                assert len(table) == written * len(rows) + 1, (len(table), written)
                assert len(set(table.tags["machine"])) == written + 1
        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], timeout=100, check=True, stdout=subprocess.PIPE, text=True
    )
    assert "database has been invalidated" in done.stdout


def test_tables_and_views_of_others_beside_ours(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    url = f"duckdb:{tmp_path}/store.duckdb"

    async def run() -> None:
        async with open_store(url) as store:
            await store.write([FRAME])
        with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
            connection.execute("CREATE TABLE holidays (day DATE); CREATE VIEW seen AS SELECT *, now() AS at FROM m")
        async with open_store(url) as store:
            assert (await store.read(Query("m"))).fields == {"n": [1, 2], "text": ["x", None]}
            assert len(await store.read(Query("seen"))) == 0

    asyncio.run(run())


def test_rooms_of_one_process_share_a_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_store(f"duckdb:{tmp_path}/store.duckdb") as one:
            async with open_store(f"duckdb:{tmp_path}/../{tmp_path.name}/store.duckdb") as other:
                await asyncio.gather(one.write([FRAME]), other.write([FRAME]))
                await other.write([Frame("m", {"machine": "b"}, [1], {"n": [5]})])
            assert len(await one.read(Query("m"))) == 3  # the other's close left the file open

    asyncio.run(run())


def test_windows_that_begin_before_64_bits() -> None:
    async def run() -> None:
        async with open_store("duckdb::memory:") as store:
            await store.write([Frame("m", {}, [MIN_TIME_NS], {"n": [1]})])
            assert await store.count("m", 60_000, -(2**70), 0) == {MIN_TIME_NS // 60_000 * 60_000: 1}

    asyncio.run(run())


def test_a_closed_historian_says_so() -> None:
    async def run() -> None:
        store = open_store("duckdb::memory:")
        await store.close()
        with pytest.raises(RuntimeError, match="closed"):
            await store.read(Query("m"))

    asyncio.run(run())


def test_a_file_that_another_process_has(tmp_path: Path) -> None:
    script = f"""
        import sys
        from historian import open_store
        store = open_store("duckdb:{tmp_path}/store.duckdb")
        print("open", flush=True)
        sys.stdin.read()
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(ConfigError, match=r"store\.duckdb: another process has it open; stop that process"):
            open_store(f"duckdb:{tmp_path}/store.duckdb")
    finally:
        other.communicate(timeout=30)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough for a header\n" * 200)
    with pytest.raises(ConfigError, match="no DuckDB database; move it away"):
        open_store(f"duckdb:{path}")
    assert path.read_text().startswith("not a database")


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as connection:
        connection.execute("CREATE TABLE people (name VARCHAR)")
    with pytest.raises(ConfigError, match="tables that are not a historian's"):
        open_store(f"duckdb:{tmp_path}/theirs.duckdb")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make its folder"):
        open_store(f"duckdb:{tmp_path}/file/store.duckdb")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    folder = tmp_path if os.geteuid() else Path("/proc")  # root may write everywhere but there
    with pytest.raises(ConfigError, match="name a file in a folder that can be written"):
        open_store(f"duckdb:{folder}/store.duckdb")


def test_a_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        open_store(f"duckdb:{tmp_path}")
