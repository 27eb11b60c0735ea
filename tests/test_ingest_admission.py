"""Admission: what has come before is a duplicate, what may not come in is refused, and two threads may look at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from ingest_plant import START_NS, plant

from contract import Address, Death, Message, Telemetry, encode
from ingest.admission import Admission, SharedGaps
from ingest.batch import Batch, Delivery, Said
from ingest.formats import Formats
from ingest.register import Register

PRESS = Address("acme", "plant-1", "production", "line-1", "press-1")


@dataclass
class Parcel:
    topic: str
    payload: bytes
    received_ns: int = 7
    content_type: str = ""

    def acknowledge(self) -> None:
        return None


def parcel(kind: str, message: Message) -> Parcel:
    return Parcel(PRESS.topic(kind), encode(message))


def telemetry(seq: int, t: int, value: float = 1.0) -> Telemetry:
    return Telemetry(boot="00c0ffee", seq=seq, t=[START_NS + t], values={"force_kn": [value]})


class Desk:
    """An admission with a clock of its own."""

    def __init__(self, register: Register | None = None) -> None:
        self.now_s = 0.0
        self.gaps = SharedGaps()
        self.register = register or Register()
        self.admission = Admission(Formats().understand, self.register, self.gaps, lambda: self.now_s)

    def open(self, *parcels: Parcel) -> Batch:
        return self.admission.open(parcels)

    def judged(self, *parcels: Parcel) -> list[str]:
        """Of each message: new, again, or why it is refused."""
        entries = self.open(*parcels).entries
        return [one.refusal.reason if one.refusal else "again" if one.duplicate else "new" for one in entries]


def test_a_message_that_comes_again_is_a_duplicate_in_its_batch_and_in_later_ones() -> None:
    desk, one, two = Desk(), parcel("telemetry", telemetry(1, 1)), parcel("telemetry", telemetry(2, 2))
    assert desk.judged(one, one, two) == ["new", "again", "new"]
    assert desk.judged(two, one) == ["again", "again"]
    assert len(desk.open(one).frames) == 1, "and is written all the same"


def test_what_the_register_has_forgotten_the_numbers_still_know() -> None:
    desk = Desk(Register(rows=8))
    sent = [parcel("telemetry", telemetry(seq, seq)) for seq in range(1, 101)]
    assert set(desk.judged(*sent)) == {"new"}
    assert set(desk.judged(*sent)) == {"again"}


def test_a_will_has_no_number_and_is_never_surely_a_duplicate() -> None:
    will = parcel("death", Death(boot="00c0ffee", seq=0, t=None, reason="connection lost"))
    desk = Desk()
    assert desk.judged(will, will) == ["new", "new"]
    assert desk.gaps.totals.streams == 0


def test_numbers_that_do_not_count_leave_no_gap_and_are_known_by_their_times() -> None:
    said = [Said(PRESS, "telemetry", telemetry(seq, seq), b"", counted=False) for seq in (900, 17)]
    deliveries = [Parcel("foreign/1", b""), Parcel("foreign/2", b"")]

    def understand(delivery: Delivery) -> Sequence[Said]:
        return [said[int(delivery.topic[-1]) - 1]]

    gaps = SharedGaps()
    admission = Admission(understand, Register(), gaps, lambda: 0.0)
    assert [one.duplicate for one in admission.open(deliveries).entries] == [False, False]
    assert gaps.totals.streams == 0
    assert [one.duplicate for one in admission.open(deliveries).entries] == [True, True]


def test_another_message_with_a_taken_time_is_refused_and_one_series_too_many_as_well() -> None:
    desk = Desk(Register(max_series=1))
    assert desk.judged(parcel("telemetry", telemetry(1, 5))) == ["new"]
    assert desk.judged(parcel("telemetry", telemetry(2, 5, 2.0))) == ["time-taken"]
    death = Death(boot="00c0ffee", seq=3, t=START_NS + 9, reason="done")
    assert desk.judged(parcel("death", death)) == ["cardinality"]
    assert desk.judged(parcel("telemetry", telemetry(4, 6))) == ["new"]
    assert (desk.register.times_taken, desk.register.refused) == (1, 1)
    assert desk.gaps.missing(99.0, 1.0) == [], "what was refused has come, and is not asked for again"


def test_what_is_missing_is_as_old_as_its_batch() -> None:
    desk = Desk()
    desk.now_s = 100.0
    desk.open(parcel("telemetry", telemetry(1, 1)), parcel("telemetry", telemetry(4, 4)))
    assert desk.gaps.missing(110.0, 10.0) == []
    assert [one.ranges for one in desk.gaps.missing(110.1, 10.0)] == [((2, 3),)]


def test_two_threads_one_reading_batches_and_one_looking_lose_no_number() -> None:
    """A dictionary that grows while it is read would raise; a number that is lost would show at the end."""
    draw = random.Random(5)
    numbers = [(f"{boot:08x}", seq) for boot in range(100) for seq in range(1, 100) if draw.random() < 0.7]
    draw.shuffle(numbers)
    gaps, failed, done = SharedGaps(), list[BaseException](), threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                gaps.state()
                _ = gaps.totals
                for one in [*gaps.missing(1.0, 0.5), *gaps.unsure(1.0, 0.5)][:5]:
                    gaps.settle(one.address, one.boot, ((1, 1),), ((1, 1),))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    again = [gaps.came(PRESS, boot, seq, 0.0) for boot, seq in numbers]
    done.set()
    thread.join()
    assert failed == []
    assert not any(again)
    found: dict[str, set[int]] = {}
    for one in [*gaps.missing(9.0, 1.0), *gaps.unsure(9.0, 1.0)]:
        found.setdefault(one.boot, set()).update(n for first, last in one.ranges for n in range(first, last + 1))
    came: dict[str, set[int]] = {}
    for boot, seq in numbers:
        came.setdefault(boot, set()).add(seq)
    assert found == {boot: set(range(1, max(seqs))) - seqs for boot, seqs in came.items()}


def test_a_plant_in_any_order_is_new_once() -> None:
    said = [Parcel(one.topic, one.payload) for one in plant(3, 200)]
    random.Random(1).shuffle(said)
    desk = Desk()
    assert set(desk.judged(*said)) == {"new"}
    assert set(desk.judged(*said)) == {"again"}
    assert desk.gaps.missing(9.0, 1.0) == []


def test_only_the_places_that_are_named_come_in() -> None:
    register, gaps = Register(), SharedGaps()
    understand = Formats().understand
    desk = Admission(understand, register, gaps, lambda: 0.0, ["acme/plant-1", "other"])
    said = [
        Said(Address(*path.split("/")), one.kind, one.message, one.payload)
        for path, one in zip(
            ["acme/plant-1/a/l/m", "acme/plant-12/a/l/m", "acme/plant-2/a/l/m", "other/p/a/l/m"],
            plant(5, 4),
            strict=True,
        )
    ]
    batch = desk.open([Parcel(one.address.topic(one.kind), one.payload) for one in said])
    refused = {index: entry.refusal.reason for index, entry in enumerate(batch.entries) if entry.refusal}
    assert refused == {1: "unknown-place", 2: "unknown-place"}
    assert register.series == 2
    assert gaps.totals.streams == 2
