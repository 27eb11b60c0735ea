"""``qilu deadletter replay``: letters on their way again, once their cause is mended.

What it is: each letter's payload, on its own topic and with its own content type, at QoS 1, so that it goes the way of
every message. What the broker has acknowledged is marked; what is refused again comes back as a new letter.
What it is not: a way past the ingester, and not for what would do harm the second time: a command would be obeyed
again, and Sparkplug messages stand in a sequence that is over.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from console.deadletter import Choice, Chosen, broker_of, choice_of, directory_of, place_of
from console.deadletter_marks import mark, marking
from console.progress import Told, untold
from console.shown import as_json
from console.terminal import Bar
from contract import Address, ConfigError, LinkError
from contract.address import PREFIX
from ingest.deadletter import Letter, Place
from service import Broker, configure_logging, run_until_signalled
from simulator import Outgoing, Publisher

CHUNK: Final = 500
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""So much is under way between two marks."""
_NOBODY: Final = Address("qilu", "console", "deadletter", "replay", "letter")
_NOWHERE: Final = Place(0, 0)
_LONGEST_TOPIC: Final = 65_535
_TYPE_CHARS: Final = 1000
_PATIENCE: Final = 3
"""Letters in a row, or chunks, that the broker does not take before we give up."""
_EXAMPLES: Final = 10
_MOST_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class _Again(Outgoing):
    """A message whose topic need be none of the contract's."""

    to: str = ""
    place: Place = _NOWHERE

    @property
    def topic(self) -> str:
        """Where the letter came on."""
        return self.to


@dataclass(slots=True)
class ReplayReport:
    """What became of the letters that were chosen.

    Attributes:
        replayed: taken by the broker again, and marked.
        left: not sent, or not taken.
        before: replayed before, and passed over.
        why: reason -> how many letters were left for it.
        examples: ``(letter, reason)`` of the first that were left.
    """

    directory: str
    broker: str
    replayed: int = 0
    left: int = 0
    before: int = 0
    stopped: bool = False
    why: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing that was chosen is left."""
        return not self.left and not self.stopped

    def leave(self, place: Place, reason: str) -> None:
        """Count a letter that stays."""
        self.left += 1
        self.why[reason] = self.why.get(reason, 0) + 1
        if len(self.examples) < _MOST_KEPT:
            self.examples.append((str(place), reason))

    def as_text(self) -> str:
        """For people."""
        lines = [f"replayed {self.replayed} letters to {self.broker}"]
        if self.before:
            lines[0] += f"; {self.before} had been replayed before (--replayed takes them as well)"
        lines += [f"{count} left: {reason}" for reason, count in self.why.items()]
        lines += [f"  {place}: {reason}" for place, reason in self.examples[:_EXAMPLES]]
        if self.stopped:
            lines.append("stopped before the end; the same command goes on from here")
        if self.replayed:
            lines.append("what is refused again comes back as a new letter: qilu deadletter list")
        return "\n".join(lines)


def run_replay(options: argparse.Namespace) -> int:
    """Replay a choice; 0 when nothing is left of it, 1 otherwise."""
    configure_logging("ERROR")
    choice = replace(choice_of(options), places=[place_of(text) for text in options.ids])
    if not (choice.places or options.all or options.reason or options.topic or options.since):
        raise ConfigError("name letters by ID, by --reason, --topic or --since, or take --all")
    chosen = Chosen(directory_of(options), choice)
    broker = broker_of(options)

    async def main(stop: asyncio.Event) -> int:
        with closing(Bar("replay")) as bar:
            report = await replay(chosen, broker, wait_s=options.wait, stop=stop, told=bar.show)
        print(as_json({"ok": report.ok, **asdict(report)}) if options.json else report.as_text())
        return 0 if report.ok else 1

    return run_until_signalled(main)


async def replay(
    chosen: Chosen, broker: Broker, *, wait_s: float = 10.0, stop: asyncio.Event | None = None, told: Told = untold
) -> ReplayReport:
    """Send the letters again and mark those that the broker took.

    Args:
        chosen: which letters; what is refused again while we are at it is none of them.
        broker: where to.
        wait_s: how long the broker may take for a chunk before its letters are tried one by one, and for each of these.
        stop: set it to end early.
        told: told how much is done, 0 to 1.

    Raises:
        LinkError: no broker there, or it went away; what it took until then is marked.
        ConfigError: no such letter, the directory cannot be written, or another replay is under way.
    """
    report = ReplayReport(str(chosen.directory), broker.url)
    sender = _Sender(chosen.directory, report, wait_s, stop or asyncio.Event())
    with marking(chosen.directory):
        whole, last = await asyncio.to_thread(_survey, chosen)
        report.before = chosen.done
        if not whole:
            return report
        name = f"qilu-replay-{secrets.token_hex(6)}"
        async with Publisher(broker, name, on_acked=sender.take) as publisher:
            done = 0
            for chunk in _chunks(chosen, last):
                await sender.send(publisher, chunk)
                done += len(chunk)
                told(done / whole)
                if sender.stopped:
                    break
    return report


class _Sender:
    """Chunks of letters, out and marked."""

    def __init__(self, directory: Path, report: ReplayReport, wait_s: float, stop: asyncio.Event) -> None:
        self._directory = directory
        self._report = report
        self._wait_s = wait_s
        self._stop = stop
        self._acked: set[Place] = set()

    @property
    def stopped(self) -> bool:
        """Whether the end was asked for; the report knows then."""
        self._report.stopped = self._stop.is_set()
        return self._report.stopped

    def take(self, item: Outgoing) -> None:
        """The broker has acknowledged a letter."""
        if isinstance(item, _Again):
            self._acked.add(item.place)

    async def send(self, publisher: Publisher, chunk: Sequence[tuple[Place, Letter]]) -> None:
        """Send what can be sent; marks what was acknowledged, whatever happens. Raises LinkError."""
        ready = []
        for place, letter in chunk:
            if reason := obstacle(letter):
                self._report.leave(place, reason)
            else:
                ready.append(_again(place, letter))
        try:
            await self._publish(publisher, ready)
        finally:
            mark(self._directory, self._acked)
            self._report.replayed += len(self._acked)
            self._acked.clear()

    async def _publish(self, publisher: Publisher, ready: Sequence[_Again]) -> None:
        """All together; when the broker does not take them all, one by one, for one that it never takes stops all."""
        if await self._is_taken(publisher, ready):
            return
        in_a_row = 1
        for again in ready:
            if again.place in self._acked:
                continue
            if self._stop.is_set():
                return
            if await self._is_taken(publisher, [again]):
                in_a_row = 0
                continue
            in_a_row += 1
            if in_a_row >= _PATIENCE:
                raise LinkError(
                    "the broker does not take the letters: see that it is there, and which rights the user has"
                )
            self._report.leave(again.place, "the broker does not take it")

    async def _is_taken(self, publisher: Publisher, items: Sequence[_Again]) -> bool:
        try:
            await asyncio.wait_for(publisher.publish(items), self._wait_s)
        except TimeoutError:
            return False
        return True


def obstacle(letter: Letter) -> str:
    """Why a letter cannot be replayed; empty when it can."""
    topic = letter.topic
    if not letter.whole:
        return "its payload was cut, and what is left is another message"
    if topic.startswith("spBv1.0/"):
        return "a Sparkplug message stands in a sequence that is over; a rebirth tells what holds now"
    if topic.startswith(PREFIX + "/") and topic.endswith("/command"):
        return "a command would be obeyed again"
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _LONGEST_TOPIC or topic.startswith("$") or set(topic) & set("+#\0"):
        return "nobody can publish on its topic"
    return ""


def _again(place: Place, letter: Letter) -> _Again:
    return _Again(
        _NOBODY, "letter", letter.body, content_type=letter.content_type[:_TYPE_CHARS], to=letter.topic, place=place
    )


def _survey(chosen: Chosen) -> tuple[int, Place]:
    """How many letters are meant, and the newest of them; raises ConfigError when one that is named is not there."""
    named = set(chosen.choice.places)
    if absent := named and named - {
        place for place, _ in Chosen(chosen.directory, Choice(tuple(named), replayed=True))
    }:
        raise ConfigError(f"no letter {min(absent)} in {chosen.directory}; see qilu deadletter list --replayed")
    count, last = 0, Place(0, 0)
    for place, _ in chosen:
        count, last = count + 1, place
    return count, last


def _chunks(chosen: Chosen, last: Place) -> Iterator[list[tuple[Place, Letter]]]:
    chunk: list[tuple[Place, Letter]] = []
    size = 0
    for place, letter in chosen:
        if place > last:
            break
        if chunk and (len(chunk) >= CHUNK or size + len(letter.payload) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((place, letter))
        size += len(letter.payload)
    if chunk:
        yield chunk
