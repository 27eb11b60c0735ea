"""The edge buffer against a list: what was put is there until it is acknowledged, whatever crashes in between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from outbox_cases import ADDRESSES, BOOT, EVERYTHING, Speakers, kept, sent, snapshot, waiting

from simulator.outbox import CHUNK, CHUNK_BYTES, ROW_BYTES, Outbox
from simulator.outgoing import Outgoing

LIMIT = 12_000


class AgainstAList(RuleBasedStateMachine):
    """``said`` is everything that was put; numbers are positions from 1; what is gone is a head of it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "box-0"
        self.outbox = Outbox(self.path, LIMIT)
        self.speakers = Speakers()
        self.said: list[Outgoing] = []
        self.acked = self.written = 0
        self.crashes = 0

    def teardown(self) -> None:
        self.outbox.close()
        self._folder.cleanup()

    @rule(sizes=st.lists(st.integers(0, 3000), max_size=8))
    def put(self, sizes: list[int]) -> None:
        items = self.speakers.say(sizes)
        taken = self.outbox.put(items)
        room = LIMIT - sum(map(_size, self.said[self.acked :]))
        for item in items[:taken]:
            room -= _size(item)
        alone = taken == 1 and len(self.said) == self.acked
        assert room >= 0 or alone, "more was taken than there was room for"
        if taken < len(items):
            assert room < _size(items[taken]), "there was room for one more"
        self.said += items[:taken]
        self.written = self.acked
        self.speakers = _back(self.said)

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.acked += int(share * (len(self.said) - self.acked))
        self.outbox.acked(self.acked)
        self.outbox.acked(self.acked // 2)  # an older one says nothing new

    @rule()
    def flush(self) -> None:
        self.outbox.flush()
        self.written = self.acked

    @rule(clean=st.booleans())
    def end(self, clean: bool) -> None:
        """The process ends or is killed, and another one opens the file."""
        self.crashes += 1
        after = self.path.with_name(f"box-{self.crashes}")
        if clean:
            self.outbox.close()
            self.written = self.acked
        snapshot(self.path, after)
        self.outbox.close()
        self.path, self.outbox, self.acked = after, Outbox(after, LIMIT), self.written

    @invariant()
    def is_the_list(self) -> None:
        assert (self.outbox.last, self.outbox.waiting) == (len(self.said), len(self.said) - self.acked)
        found = kept(self.outbox)
        gone = len(self.said) - len(found)
        assert found == {sent(item) for item in self.said[gone:]}, "what is gone is the oldest"
        assert gone <= self.acked
        size = sum(map(_size, self.said[gone:]))
        assert self.outbox.kept_bytes == size
        assert size <= LIMIT or len(self.said) - self.acked <= 1, "only one message alone may be larger than the bound"
        batch = self.outbox.pending()
        assert [sent(item) for item in batch.items] == [sent(item) for item in self.said[self.acked : batch.last]]
        assert (batch.last > self.acked) == (len(self.said) > self.acked)


def _size(item: Outgoing) -> int:
    return len(item.payload) + ROW_BYTES


def _back(said: list[Outgoing]) -> Speakers:
    """Speakers who have said so much and no more: what was refused is said again."""
    speakers = Speakers()
    speakers.say([0] * len(said))
    return speakers


AgainstAList.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAgainstAList = AgainstAList.TestCase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def test_room_is_made_by_the_oldest_and_never_more_than_needed(path: Path) -> None:
    limit = 100_000
    outbox, speakers, said = Outbox(path, limit), Speakers(), []
    for _ in range(300):
        items = speakers.say([900])
        assert outbox.put(items) == 1
        outbox.acked(outbox.last)
        said += items
    found = kept(outbox)
    assert found == {sent(item) for item in said[-len(found) :]}
    assert limit - limit // 64 - 2 * (900 + ROW_BYTES) <= outbox.kept_bytes <= limit


def test_the_file_stays_near_its_bound(path: Path) -> None:
    limit = 4 * 2**20
    outbox, speakers = Outbox(path, limit), Speakers()
    for _ in range(60):
        items = speakers.say([400] * 1000)
        while items:
            items = items[outbox.put(items) :]
            outbox.acked(outbox.last)
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 1.5 * limit + 9 * 2**20  # the WAL's 8 MiB


def test_a_full_buffer_refuses_until_something_is_acknowledged(path: Path) -> None:
    outbox, speakers = Outbox(path, LIMIT), Speakers()
    items = speakers.say([1000] * 30)
    taken = outbox.put(items)
    assert taken == LIMIT // (1000 + ROW_BYTES)
    assert outbox.put(items[taken:]) == 0
    outbox.acked(1)
    assert outbox.put(items[taken:]) == 1
    assert waiting(outbox) == [sent(item) for item in items[1 : taken + 1]]


def test_a_large_message_is_read_alone(path: Path) -> None:
    outbox, speakers = Outbox(path), Speakers()
    items = speakers.say([10, CHUNK_BYTES, CHUNK_BYTES + 1, 10])
    assert outbox.put(items) == 4
    assert waiting(outbox) == [sent(item) for item in items]


def test_what_is_asked_for_is_found_by_its_name_and_nothing_else(path: Path) -> None:
    outbox, speakers = Outbox(path), Speakers()
    items = speakers.say([50] * (12 * CHUNK))
    outbox.put(items)
    outbox.acked(outbox.last)
    path_ = ADDRESSES[1].path
    ranges = [(5, 9), (12, 12), (20, 20 + 2 * CHUNK), (4 * CHUNK - 1, 10**9)]
    wanted = {seq for first, last in ranges for seq in range(first, min(last, 4 * CHUNK) + 1)}
    found = [item for chunk in outbox.find(path_, BOOT, ranges) for item in chunk]
    assert [item.seq for item in found] == sorted(wanted)
    assert {sent(item) for item in found} < {sent(item) for item in items}
    assert {item.address for item in found} == {ADDRESSES[1]}
    assert outbox.count(path_, BOOT, ranges) == len(wanted)
    assert outbox.count(path_, "00ff00fe", ranges) == outbox.count("acme/x", BOOT, ranges) == 0
    assert list(outbox.find(path_, "00ff00fe", ranges)) == []


def test_a_message_that_was_said_twice_is_found_once(path: Path) -> None:
    outbox, items = Outbox(path), Speakers().say([50] * 9)
    outbox.put([item for item in items for _ in range(3)])
    assert outbox.count(ADDRESSES[0].path, BOOT, EVERYTHING) == 3
    assert [item.seq for chunk in outbox.find(ADDRESSES[0].path, BOOT, EVERYTHING) for item in chunk] == [1, 2, 3]


def test_an_old_birth_is_not_retained_again(path: Path) -> None:
    """The broker keeps the newest; an old one that is sent again must not take its place."""

    def births(outbox: Outbox, boot: str) -> list[bool]:
        return [item.retain for chunk in outbox.find(ADDRESSES[0].path, boot, [(1, 1)]) for item in chunk]

    outbox = Outbox(path)
    outbox.put(Speakers().say([50] * 3))
    assert births(outbox, BOOT) == [True]
    assert outbox.pending().items[0].retain
    outbox.put(Speakers("11ff00ff").say([50] * 3))
    assert (births(outbox, BOOT), births(outbox, "11ff00ff")) == ([False], [True])


KILLED = """
import sys
from outbox_cases import Speakers
from simulator.outbox import Outbox
outbox, speakers = Outbox(sys.argv[1], 300_000), Speakers()
while True:
    outbox.put(speakers.say([200] * 20))
    if outbox.last % 3 == 0:
        outbox.acked(outbox.last - 30)
    print(outbox.last, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_process_has_lost_nothing(path: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.Random(seed).uniform(0.0, 0.4))
    process.send_signal(signal.SIGKILL)
    told = int(("0\n" + process.stdout.read()).split()[-1])
    process.wait()
    outbox = Outbox(path, 300_000)
    assert told <= outbox.last <= told + 20
    everything = [sent(item) for item in Speakers().say([200] * outbox.last)]
    left = outbox.waiting
    assert 0 < left <= 90
    assert kept(outbox) <= set(everything)
    assert waiting(outbox) == everything[-left:]
