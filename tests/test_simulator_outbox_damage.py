"""The edge buffer on a bad disk: damage is told and moved aside, and nothing comes out that was not put."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from outbox_cases import Speakers, kept, sent, snapshot, waiting

from contract import ConfigError, LinkError
from simulator.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def test_a_wal_that_was_cut_or_garbled_ends_with_a_whole_call(path: Path, tmp_path: Path) -> None:
    """What a cut of the power may leave: the last calls are gone, never a part of one."""
    outbox, speakers, ends, said = Outbox(path), Speakers(), [0], []
    for _ in range(40):
        said += speakers.say([150] * 7)
        outbox.put(said[outbox.last :])
        ends.append(outbox.last)
    whole = path.with_name("outbox-wal").read_bytes()
    draw, seen = random.Random(7), set()
    for number in range(60):
        torn = snapshot(path, tmp_path / f"torn-{number}")
        wal = bytearray(whole[: draw.randrange(len(whole))])
        if wal and number % 2:
            wal[-min(len(wal), 5000) :] = draw.randbytes(min(len(wal), 5000))
        torn.with_name(torn.name + "-wal").write_bytes(wal)
        again = Outbox(torn)
        assert again.last in ends
        seen.add(again.last)
        assert waiting(again) == [sent(item) for item in said[: again.last]]
        again.close()
    assert len(seen) > 10
    outbox.close()


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["", "-wal"]), st.booleans())
def test_whatever_is_damaged_nothing_comes_out_that_was_not_put(draw: random.Random, suffix: str, zeros: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox"
        first, speakers = Outbox(path, 400_000), Speakers()
        said = speakers.say([300] * 400)
        first.put(said[:200])
        first.acked(150)
        if not suffix:
            first.close()
        else:
            first.put(said[200:])
        hurt = snapshot(path, path.with_name("hurt"))
        first.close()
        file = hurt.with_name(hurt.name + suffix)
        raw = bytearray(file.read_bytes())
        for _ in range(draw.choice([1, 3, 30])):
            at = draw.randrange(len(raw))
            raw[at : at + draw.choice([1, 16, 3000])] = (
                bytes(1) if zeros else draw.randbytes(draw.choice([1, 16, 3000]))
            )
        file.write_bytes(raw)
        truth = {sent(item) for item in said} | {(*sent(item)[:2], False, *sent(item)[3:]) for item in said}
        try:
            outbox = Outbox(hurt, 400_000)
        except ConfigError as error:  # the head of the file says that it is another program's
            assert "no edge buffer" in str(error)
            return
        try:
            assert set(waiting(outbox)) <= truth
            assert kept(outbox) <= truth
            more = Speakers("22222222").say([300] * 30)
            assert outbox.put(more) == 30
            assert set(waiting(outbox)) <= truth | {sent(item) for item in more}
        finally:
            outbox.close()


@pytest.mark.parametrize(("old", "new"), [(b"000004" * 50, b"000005" + b"000004" * 49), (b"press-1", b"press-2")])
def test_a_message_that_the_disk_has_changed_is_left_out_and_told(
    path: Path, caplog: pytest.LogCaptureFixture, old: bytes, new: bytes
) -> None:
    outbox = Outbox(path)
    items = Speakers().say([300] * 9)
    outbox.put(items)
    outbox.close()
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new))
    hurt = [item for item in items if old in item.payload or old.decode() in item.address.path]
    outbox = Outbox(path)
    assert waiting(outbox) == [sent(item) for item in items if item not in hurt]
    assert len(hurt) in (1, 3)
    assert caplog.text.count("is damaged and left out: the check sum is wrong") == len(hurt)


def test_a_damaged_file_is_moved_aside_and_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 4):
        path.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
        outbox = Outbox(path)
        items = Speakers().say([10] * 3)
        outbox.put(items)
        assert waiting(outbox) == [sent(item) for item in items]
        outbox.close()
        assert path.with_name(f"outbox.damaged-{number}").read_bytes().startswith(b"no database")
        assert f"is damaged (file is not a database): moved to outbox.damaged-{number}; an empty one" in caplog.text
        path.unlink()


def test_damage_that_makes_errors_unreadable_is_damage_too(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Outbox(path).close()
    raw = path.read_bytes()
    assert b"CREATE TABLE message" in raw
    path.write_bytes(raw.replace(b"CREATE TABLE message", b"CREATE TABLE m\x80\x80 \x80\x80e"))
    outbox = Outbox(path)
    assert outbox.put(Speakers().say([10])) == 1
    assert "moved to outbox.damaged-1" in caplog.text


def test_damage_that_is_met_later_keeps_the_numbers(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox, speakers = Outbox(path), Speakers()
    outbox.put(speakers.say([100] * 5))
    outbox._db.execute("DROP TABLE message")
    assert outbox.put(speakers.say([100] * 2)) == 2
    assert (outbox.last, outbox.waiting) == (7, 2)
    assert "moved to outbox.damaged-1" in caplog.text


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"is no edge buffer of this version; name another file in simulator\.outbox"):
        Outbox(path)
    assert path.read_bytes() == before


def test_a_file_serves_one_process(path: Path) -> None:
    outbox = Outbox(path)
    outbox.put(Speakers().say([10]))
    code = "import sys; from simulator.outbox import Outbox; Outbox(sys.argv[1])"
    ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert "ConfigError: cannot open the edge buffer" in ended.stderr
    assert "another process has it" in ended.stderr
    outbox.close()


def test_a_folder_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot open the edge buffer .*nowhere"):
        Outbox(path / "nowhere" / "outbox")


def test_a_full_disk_keeps_nothing_of_the_call_and_goes_on_when_there_is_room(path: Path) -> None:
    outbox, speakers = Outbox(path), Speakers()
    before = speakers.say([1000] * 10)
    outbox.put(before)
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox._db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite answers as it does for a full disk
    more = speakers.say([1000] * 200)
    with pytest.raises(LinkError, match=r"the edge buffer .*outbox: database or disk is full"):
        outbox.put(more)
    assert outbox.last == 10
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    assert outbox.put(more) == 200
    assert waiting(outbox) == [sent(item) for item in before + more]
