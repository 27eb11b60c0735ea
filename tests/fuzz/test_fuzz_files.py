"""Fuzz targets: files that a crash may have torn or a disk bent: dead letters, and the publisher's edge buffer."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

from hunting import BUDGET_S, SEED, hunt, mutants
from ingest_plant import plant

from contract import ConfigError
from ingest import DeadLetters, read_letters
from ingest.deadletter import letter
from simulator.outbox import Outbox
from simulator.outgoing import Outgoing


def letters_file(folder: Path) -> Path:
    dead = DeadLetters(folder)
    for one in plant(5, 20):
        dead.append([letter(time_ns=1, topic=one.topic, reason="invalid", detail="x", payload=one.payload)])
    dead.close()
    return next(iter(sorted(folder.glob("*.jsonl"))))


def test_fuzz_dead_letters(tmp_path: Path) -> None:
    """Any bytes in the file: the whole lines are read, nothing is raised, and writing goes on after them."""
    file = letters_file(tmp_path / "dead")
    whole = file.read_bytes()
    folder = tmp_path / "bent"
    folder.mkdir()
    bent = folder / file.name

    def target(data: bytes) -> None:
        bent.write_bytes(data)
        for one in read_letters(folder):
            assert isinstance(one.body, bytes)

    found = hunt("deadletter", target, [whole, whole[:500]], (), words=(b"\n", b'{"time_ns":', b'"payload":"', b"===="))
    assert found.runs > 100


def test_fuzz_dead_letters_are_appended_after_a_torn_line(tmp_path: Path) -> None:
    whole = letters_file(tmp_path / "dead").read_bytes()
    draw = random.Random(SEED)
    for number in range(30):
        folder = tmp_path / f"torn-{number}"
        folder.mkdir()
        (folder / "dead-00000001.jsonl").write_bytes(whole[: draw.randrange(len(whole))])
        before = len(list(read_letters(folder)))
        dead = DeadLetters(folder)
        dead.append([letter(time_ns=2, topic="t", reason="new", detail="", payload=b"x")])
        dead.close()
        after = list(read_letters(folder))
        assert len(after) == before + 1
        assert after[-1].reason == "new"


def test_fuzz_outbox(tmp_path: Path) -> None:
    """Any bytes in the edge buffer's file: it opens, or is moved aside and an empty one begins."""
    file = tmp_path / "outbox"
    said = [Outgoing.of(one.address, one.message) for one in plant(5, 40)]
    box = Outbox(file)
    box.put(said)
    box.close()
    whole = file.read_bytes()
    bent = mutants([whole], random.Random(SEED), (b"SQLite format 3\x00",))
    for data in islice(bent, int(20 * max(1.0, BUDGET_S))):
        for left in tmp_path.glob("outbox*"):
            left.unlink()
        file.write_bytes(data)
        try:
            box = Outbox(file)
        except ConfigError:
            continue
        box.put(said[:1])
        box.close()
