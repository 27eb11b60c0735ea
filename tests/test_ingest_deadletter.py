"""Dead letters: whole, durable, bounded, and data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import MAX_BYTES, VERSION, ConfigError
from ingest import DeadLetters, Letter, read_letters
from ingest import deadletter as module
from ingest.deadletter import DeadLetterLimits, Place, first_line, letter, marks_path, placed_letters


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


def test_the_content_type_and_the_true_size_are_kept(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path)
    said = letter(
        time_ns=1,
        topic="t",
        reason="r",
        detail="d" * 5000,
        payload=b"abc",
        content_type="application/json+gzip",
        size=9,
    )
    store.append([said, a_letter(2)])
    store.close()
    cut, plain = read_letters(tmp_path)
    assert (cut.content_type, cut.size, cut.whole, len(cut.detail)) == ("application/json+gzip", 9, False, 1000)
    assert (plain.content_type, plain.size, plain.whole) == ("", 1, True)


def test_letters_of_before_the_content_type_are_read(tmp_path: Path) -> None:
    (tmp_path / "dead-00000001.jsonl").write_text(
        '{"time_ns":1,"topic":"t","reason":"r","detail":"d","version":1,"size":1,"payload":"ew=="}\n'
    )
    (read,) = read_letters(tmp_path)
    assert (read.content_type, read.body, read.whole) == ("", b"{", True)


@pytest.mark.parametrize("payload", ["ew=", "e w==", "\u00e9"])
def test_a_damaged_payload_is_no_payload(tmp_path: Path, payload: str) -> None:
    (tmp_path / "dead-00000001.jsonl").write_text(
        f'{{"time_ns":1,"topic":"t","reason":"r","detail":"d","version":1,"size":1,"payload":"{payload}"}}\n'
    )
    (read,) = read_letters(tmp_path)
    assert (read.body, read.whole) == (b"", False)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 400), min_size=1, max_size=30),
    file_bytes=st.integers(100, 900),
    total_bytes=st.integers(900, 3000),
    files=st.integers(1, 6),
)
def test_all_files_together_have_a_bound(
    sizes: list[int], file_bytes: int, total_bytes: int, files: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dead")
    limits = DeadLetterLimits(file_bytes=file_bytes, files=files, total_bytes=total_bytes)
    store = DeadLetters(folder, limits)
    for n, size in enumerate(sizes):
        store.append([a_letter(n, b"x" * size)])
        kept = [file.stat().st_size for file in folder.iterdir()]
        assert sum(kept) <= total_bytes
        assert len(kept) <= files
        if n % 7 == 3:
            store.close()
            dropped, store = store.dropped, DeadLetters(folder, limits)
            store.dropped = dropped
    store.close()
    times = [one.time_ns for one in read_letters(folder)]
    assert times == list(range(len(sizes) - len(times), len(sizes))), "the newest, in order"
    assert times, "the newest one always"
    assert store.dropped == len(sizes) - len(times)


def test_a_larger_bound_of_before_is_made_good_at_the_next_letter(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path)
    store.append([a_letter(n, b"x" * 300) for n in range(20)])
    store.close()
    store = DeadLetters(tmp_path, DeadLetterLimits(total_bytes=2000))
    store.append([a_letter(20)])
    store.close()
    assert [one.time_ns for one in read_letters(tmp_path)] == [20]
    assert store.dropped == 20


def test_names_are_the_file_and_the_line_and_never_change(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path, DeadLetterLimits(file_bytes=400, files=9))
    seen: dict[Place, int] = {}
    for n in range(12):
        store.append([a_letter(n)])
        now = {place: one.time_ns for place, one in placed_letters(tmp_path)}
        assert seen.items() <= now.items()
        seen = now
        if n == 5:  # torn by a crash: the line keeps its number, and the letters after it theirs
            store.close()
            newest = max(tmp_path.iterdir())
            newest.write_bytes(newest.read_bytes() + b'{"time_ns":2,"top')
            store = DeadLetters(tmp_path, DeadLetterLimits(file_bytes=400, files=9))
    store.close()
    assert sorted(seen.values()) == list(range(12))
    assert list(placed_letters(tmp_path, 2)) == [one for one in placed_letters(tmp_path) if one[0].file == 2]
    assert len({place.file for place in seen}) > 3


def test_a_line_that_is_not_whole_yet_is_no_letter(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path)
    store.append([a_letter(1)])
    store.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() * 2)
    whole = file.read_bytes()
    for cut in (1, 5, len(whole) // 2 - 1):
        file.write_bytes(whole[:-cut])
        assert len(list(read_letters(tmp_path))) == 1


def test_a_new_process_never_goes_back_to_an_older_file(tmp_path: Path) -> None:
    limits = DeadLetterLimits(file_bytes=400, files=9)
    store = DeadLetters(tmp_path, limits)
    store.append([a_letter(1), a_letter(2, b"x" * 900)])  # the second stands alone in a file that is full with it
    store.close()
    store = DeadLetters(tmp_path, limits)
    store.append([a_letter(3)])
    store.close()
    assert [str(place) for place, _ in placed_letters(tmp_path)] == ["1:1", "2:1", "3:1"]
    assert [one.time_ns for one in read_letters(tmp_path)] == [1, 2, 3]


def test_several_write_into_one_directory_and_none_drops_the_file_of_another(tmp_path: Path) -> None:
    limits = DeadLetterLimits(file_bytes=2000, files=2, total_bytes=6000)
    one, other, quiet = (DeadLetters(tmp_path, limits) for _ in range(3))
    quiet.append([a_letter(10_000)])
    for n in range(200):
        one.append([a_letter(n)])
        other.append([a_letter(1000 + n), a_letter(2000 + n)])
    kept = {letter.time_ns for letter in read_letters(tmp_path)}
    assert {10_000, 199, 1199, 2199} <= kept
    assert len(kept) + one.dropped + other.dropped + quiet.dropped == 601, "each is there or counted"
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 6000 + 2000
    for store in (one, other, quiet):
        store.close()
    names = {file.name for file in tmp_path.iterdir()}
    again = DeadLetters(tmp_path, limits)
    again.append([a_letter(20_000)])
    again.close()
    assert {file.name for file in tmp_path.iterdir()} <= names, "files with room are gone on with"


def test_a_file_that_goes_while_we_read_is_left_out(tmp_path: Path) -> None:
    store = DeadLetters(tmp_path, DeadLetterLimits(file_bytes=1, files=9))
    store.append([a_letter(n) for n in range(3)])
    store.close()
    letters = read_letters(tmp_path)
    assert next(letters).time_ns == 0
    (tmp_path / "dead-00000002.jsonl").unlink()
    assert [one.time_ns for one in letters] == [2]


def test_the_marks_go_with_the_letters_and_nothing_of_others_is_touched(tmp_path: Path) -> None:
    strangers = [tmp_path / name for name in ("dead-x.jsonl", "dead-1.jsonl", "dead-000000001.jsonl", "notes.txt")]
    for path in strangers:
        path.write_text("mine\n")
    store = DeadLetters(tmp_path, DeadLetterLimits(file_bytes=1, files=2))
    store.append([a_letter(1)])
    marks_path(tmp_path, 1).write_text("{}")
    store.append([a_letter(2)])
    assert marks_path(tmp_path, 1).exists()
    store.append([a_letter(3)])
    store.close()
    assert not marks_path(tmp_path, 1).exists()
    assert [one.time_ns for one in read_letters(tmp_path)] == [2, 3]
    assert first_line(tmp_path, 1) == b""
    assert first_line(tmp_path, 2).startswith(b'{"time_ns":2')
    assert all(path.read_text() == "mine\n" for path in strangers)


@pytest.mark.parametrize("text", ["3", "3:", ":3", "3:1:2", "a:1", "-1:2", "3:1 ", "\u0663:1", "3:" + "1" * 50])
def test_what_names_no_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no letter"):
        Place.parse(text)
