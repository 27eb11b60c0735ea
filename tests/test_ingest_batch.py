"""Batches: when they are due, what they hold, and the law that the counters obey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ingest_plant import Said, plant, points_of

from contract import ContractError
from ingest import batch as batch_module
from ingest.admission import Admission, SharedGaps
from ingest.batch import Batch, Batcher, Delivery, Limits
from ingest.formats import Formats
from ingest.register import Register

LIMITS = Limits(messages=5000, size=4_194_304, wait_s=0.2)


def desk() -> Admission:
    return Admission(Formats().understand, Register(), SharedGaps(), lambda: 0.0)


def opened(deliveries: Sequence[Delivery]) -> Batch:
    return desk().open(deliveries)


@dataclass
class Parcel:
    topic: str
    payload: bytes
    received_ns: int = 0
    content_type: str = ""
    acknowledged: bool = False

    def acknowledge(self) -> None:
        self.acknowledged = True


def parcel(said: Said) -> Parcel:
    return Parcel(said.topic, said.payload)


GARBAGE = Parcel("qilu/v1/acme/plant-1/production/line-1/press-1/telemetry", b"{")


def test_a_batch_is_due_when_its_first_message_has_waited() -> None:
    batcher = Batcher(replace(LIMITS, wait_s=0.2))
    assert batcher.due_in_s(0.0) is None
    one, two = plant(1, 2)
    assert batcher.add(parcel(one), 10.0)
    assert not batcher.add(parcel(two), 10.15)
    assert batcher.due_in_s(10.15) == pytest.approx(0.05)
    assert batcher.due_in_s(11.0) == 0


@pytest.mark.parametrize("limits", [replace(LIMITS, messages=1), replace(LIMITS, size=1)])
def test_a_batch_is_due_when_it_is_full(limits: Limits) -> None:
    batcher = Batcher(limits)
    assert batcher.add(parcel(plant(1, 1)[0]), 0.0)
    assert batcher.due_in_s(0.0) == 0


def test_a_batch_is_due_when_the_broker_has_nothing_more_to_send() -> None:
    batcher = Batcher(replace(LIMITS, wait_s=1.0, quiet_s=0.01, quiet_messages=3))
    first, second, third = (parcel(said) for said in plant(1, 3))
    batcher.add(first, 0.0)
    assert not batcher.add(second, 0.0)
    assert batcher.due_in_s(0.5) == 0.5, "two messages may be the first of many"
    assert batcher.add(third, 0.0), "who sleeps for the first message must hear of this"
    assert batcher.due_in_s(0.0) == 0.01


def test_a_batch_takes_as_much_as_it_holds_in_order_and_leaves_the_rest() -> None:
    said = plant(2, 30)
    batcher = Batcher(replace(LIMITS, messages=7))
    for one in said:
        batcher.add(parcel(one), 0.0)
    taken: list[str] = []
    sizes = []
    while batcher.due_in_s(99.0) is not None:
        batch = batcher.take()
        taken += [delivery.payload.decode() for delivery in batch]
        sizes.append(len(batch))
    assert taken == [one.payload.decode() for one in said]
    assert sizes == [7, 7, 7, 7, 2]


def test_a_batch_has_one_message_more_than_fits_at_most() -> None:
    batcher = Batcher(replace(LIMITS, size=100))
    for size in (60, 60, 500, 1):
        batcher.add(Parcel("x", bytes(size)), 0.0)
    assert [[len(one.payload) for one in batcher.take()] for _ in range(3)] == [[60, 60], [500], [1]]


def test_frames_know_their_message_and_refused_ones_become_dead_letters() -> None:
    said = plant(3, 4)
    batcher = Batcher(LIMITS)
    for one in (parcel(said[0]), GARBAGE, parcel(said[1]), parcel(said[2])):
        batcher.add(one, 0.0)
    batch = opened(batcher.take())
    assert sorted(owner for owners in batch.owners for owner in owners) == [0, 2, 3]
    alone = batch.apart(range(len(batch.frames)))
    assert sorted(alone.owners) == [(0,), (2,), (3,)]
    assert [len(frame) for frame in alone.frames] == [sum(counts) for counts in alone.counts]
    assert points_of(alone.frames) == points_of(batch.frames)
    dead = alone.dead({alone.owners.index((2,)): "field type conflict"})
    assert list(dead) == [1, 2]
    assert dead[1][0] == "not-json"
    assert dead[2] == ("store-refused", "field type conflict")
    batcher.settle(batch, dead)
    counters = batcher.counters
    assert (counters.received, counters.written, counters.dead_lettered, counters.buffered) == (4, 2, 2, 0)
    assert counters.reasons == {"not-json": 1, "store-refused": 1}
    assert counters.rows == sum(len(said[n].message.times) for n in (0, 2)), "of what is stored"


def test_a_message_that_comes_again_is_written_and_counted_as_duplicate() -> None:
    (said,) = plant(1, 1)
    batcher = Batcher(LIMITS)
    for _ in range(3):
        batcher.add(parcel(said), 0.0)
    batch = opened(batcher.take())
    assert batch.rows == 3 * len(said.message.times), "writing twice is harmless, leaving out might not be"
    batcher.settle(batch, batch.dead({}))
    assert (batcher.counters.received, batcher.counters.written, batcher.counters.duplicate) == (3, 1, 2)


def test_a_message_that_comes_again_after_a_thousand_others_is_a_duplicate_all_the_same() -> None:
    said = plant(1, 1000)
    batch = opened([parcel(one) for one in [*said, said[0], said[-1]]])
    assert [entry.duplicate for entry in batch.entries] == [False] * 1000 + [True] * 2


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("qilu/v1/a/b/c/d/e/telemetry/x", "bad-topic"),
        ("qilu/v1/a/b/c/d/e/gossip", "unknown-kind"),
        ("other", "bad-topic"),
        ("qilu/v1/a/b/c/d/\\xff/state", "invalid"),
    ],
)
def test_a_wrong_topic_is_a_dead_letter(topic: str, reason: str) -> None:
    batcher = Batcher(LIMITS)
    batcher.add(Parcel(topic, b"{}"), 0.0)
    assert opened(batcher.take()).dead({})[0][0] == reason


def test_a_bug_of_ours_is_a_dead_letter_and_not_a_crash_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_names: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(batch_module.Points, "add", broken)
    batcher = Batcher(LIMITS)
    batcher.add(parcel(plant(1, 1)[0]), 0.0)
    ((reason, detail),) = opened(batcher.take()).dead({}).values()
    assert (reason, detail) == ("internal-error", "ZeroDivisionError('boom')")


@given(payload=st.binary(max_size=200), kind=st.sampled_from(["telemetry", "birth", "order", "x"]))
def test_any_bytes_are_one_entry_with_points_or_a_reason(payload: bytes, kind: str) -> None:
    batcher = Batcher(LIMITS)
    batcher.add(Parcel(f"qilu/v1/a/b/c/d/e/{kind}", payload), 0.0)
    batch = opened(batcher.take())
    assert bool(batch.frames) != isinstance(batch.entries[0].refusal, ContractError)


class Conservation(RuleBasedStateMachine):
    """received = written + duplicate + dead_lettered + buffered, whatever comes and whatever the store says."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher = Batcher(replace(LIMITS, messages=7))
        self.desk = desk()
        self.said = plant(4, 40)
        self.under_way: list[Batch] = []
        self.received = 0
        self.settled = 0

    @rule(index=st.integers(0, 39))
    def receive(self, index: int) -> None:
        self.batcher.add(parcel(self.said[index]), 0.0)
        self.received += 1

    @rule()
    def receive_garbage(self) -> None:
        self.batcher.add(GARBAGE, 0.0)
        self.received += 1

    @precondition(lambda self: self.batcher.due_in_s(0.0) is not None)
    @rule()
    def take(self) -> None:
        batch = self.desk.open(self.batcher.take())
        assert batch.entries
        self.under_way.append(batch)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        batch = self.under_way.pop(0)
        bad = data.draw(st.sets(st.integers(0, len(batch.frames) - 1))) if batch.frames else set()
        dead = batch.dead(dict.fromkeys(bad, "no"))
        before = self.batcher.counters
        self.batcher.settle(batch, dead)
        assert self.batcher.counters.dead_lettered - before.dead_lettered == len(dead)
        self.settled += len(batch.entries)

    @invariant()
    def the_law_holds(self) -> None:
        now = self.batcher.counters
        assert now.received == self.received
        assert now.buffered == self.batcher.buffered == self.received - self.settled
        assert now.received == now.written + now.duplicate + now.dead_lettered + now.buffered


Conservation.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestConservation = Conservation.TestCase
