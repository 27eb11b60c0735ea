"""Dead letters: whole, durable, bounded, and data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import MAX_BYTES, VERSION, ConfigError
from ingest import DeadLetters, Letter, read_letters
from ingest import deadletter as module
from ingest.deadletter import DeadLetterLimits, letter


def a_letter(n: int, payload: bytes = b"{") -> Letter:
    return letter(time_ns=n, topic="qilu/v1/x", reason="not-json", detail="truncated", payload=payload)


def test_letters_come_back_whole_and_in_order(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path / "deep" / "dead")
    store.append([a_letter(1), a_letter(2, bytes(range(256)))])
    store.append([a_letter(3)])
    store.close()
    letters = list(read_letters(tmp_path / "deep" / "dead"))
    assert [one.time_ns for one in letters] == [1, 2, 3]
    assert letters[1].body == bytes(range(256))
    assert (letters[0].reason, letters[0].detail, letters[0].version) == ("not-json", "truncated", VERSION)


@settings(max_examples=30, deadline=None)
@given(topic=st.text(st.characters(codec="utf-8")), payload=st.binary())
def test_topic_and_payload_are_data(topic: str, payload: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dead")
    store = DeadLetters(folder)
    store.append([letter(time_ns=1, topic=topic, reason="r", detail=topic, payload=payload)])
    store.close()
    (file,) = folder.iterdir()
    assert file.name == "dead-00000001.jsonl"
    assert file.read_bytes().count(b"\n") == 1
    (read,) = read_letters(folder)
    assert (read.topic, read.detail, read.body) == (topic, topic, payload)


def test_letters_are_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(module.os, "fsync", lambda _handle: synced.append(len(list(read_letters(tmp_path)))))
    store = DeadLetters(tmp_path)
    synced.clear()
    store.append([a_letter(1), a_letter(2)])
    assert synced == [2], "flushed to the file before the sync, and one sync for all"
    store.close()


def test_the_oldest_letters_go_and_are_counted(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path, DeadLetterLimits(file_bytes=500, files=3))
    for n in range(60):
        store.append([a_letter(n)])
    kept = [one.time_ns for one in read_letters(tmp_path)]
    assert kept == list(range(60 - len(kept), 60))
    assert store.dropped == 60 - len(kept) > 0
    assert len(list(tmp_path.iterdir())) == 3
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3 * 700
    store.close()


def test_a_new_process_goes_on_in_the_newest_file_after_a_torn_line(tmp_path: Path) -> None:
    first = DeadLetters(tmp_path)
    first.append([a_letter(1)])
    first.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b'{"time_ns":2,"top')
    second = DeadLetters(tmp_path)
    second.append([a_letter(3)])
    second.close()
    assert [one.time_ns for one in read_letters(tmp_path)] == [1, 3]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_huge_payload_is_cut_and_its_length_told(tmp_path: Path) -> None:
    huge = a_letter(1, b"x" * (3 * MAX_BYTES))
    assert huge.size == 3 * MAX_BYTES
    assert len(huge.body) == 2 * MAX_BYTES


def test_a_failed_append_is_told_and_the_next_one_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DeadLetters(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", lambda _handle: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space left"):
            store.append([a_letter(1)])
    store.append([a_letter(1)])
    store.close()
    assert {one.time_ns for one in read_letters(tmp_path)} == {1}


def test_a_directory_that_cannot_be_one_is_refused_with_the_key_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"dead letters: cannot write in .*file.*ingest\.dead_letters"):
        DeadLetters(tmp_path / "file")
