"""``qilu deadletter``: what could not be stored, one letter in full, and all of it sent again.

What it is: choosing and showing letters. Everything in them comes from strangers and is escaped and bounded here.
What it is not: the sending (``deadletter_replay.py``), and not the directory (``ingest/deadletter.py``).
"""

from __future__ import annotations

import argparse
import heapq
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from console.deadletter_marks import replayed
from console.runs import newest_run
from console.shown import as_json, preview, shown, utc, when_ns
from contract import MAX_BYTES, ConfigError, ContractError
from contract.compression import decompress
from ingest.deadletter import Letter, Place, placed_letters
from ingest.ranges import Ranges
from ingest.settings import Settings
from service import Broker, load, read_document
from service.settings import CONFIG_VARIABLE, SECTIONS, Document

_TOPIC_CHARS: Final = 100
_LINE_CHARS: Final = 50
_SHOWN_CHARS: Final = 4000
_DETAIL_CHARS: Final = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: all that fit everything said here."""

    places: Sequence[Place] = ()
    reason: str | None = None
    topic: str | None = None
    since_ns: int | None = None
    replayed: bool = False
    """Those that were replayed as well."""

    def fits(self, letter: Letter) -> bool:
        """Whether what is in a letter is what was asked for."""
        return (
            (self.reason is None or letter.reason == self.reason)
            and (self.topic is None or matches(self.topic, letter.topic))
            and (self.since_ns is None or letter.time_ns >= self.since_ns)
        )


@dataclass(slots=True)
class Chosen:
    """Letters as they are read, each time anew; ``seen`` and ``done`` count on the way."""

    directory: Path
    choice: Choice
    seen: int = 0
    done: int = 0
    """Letters that fit, but were replayed before."""
    _marks: dict[int, Ranges] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[Place, Letter]]:
        """The letters, oldest first."""
        self.seen = self.done = 0
        named = set(self.choice.places)
        files: list[int | None] = [*sorted({place.file for place in named})] if named else [None]
        for file in files:
            for place, letter in placed_letters(self.directory, file):
                if named and place not in named:
                    continue
                self.seen += 1
                if not self.choice.fits(letter):
                    continue
                if not self.choice.replayed and self.was_replayed(place):
                    self.done += 1
                    continue
                yield place, letter

    def was_replayed(self, place: Place) -> bool:
        """Whether a letter was replayed before this command began."""
        if place.file not in self._marks:
            self._marks[place.file] = replayed(self.directory, place.file)
        return any(first <= place.line <= last for first, last in self._marks[place.file])


def run_list(options: argparse.Namespace) -> int:
    """Show the newest letters of a choice."""
    directory = directory_of(options)
    chosen = Chosen(directory, choice_of(options))
    kept: list[tuple[int, Place, str, dict[str, Any]]] = []  # a heap: several ingesters write files side by side
    found = 0
    for place, letter in chosen:
        found += 1
        body = _summary(place, letter, done=chosen.was_replayed(place))
        heapq.heappush(kept, (letter.time_ns, place, _line(place, letter), body))
        if len(kept) > options.limit:
            heapq.heappop(kept)
    kept.sort()
    if options.json:
        told = {"directory": str(directory), "letters": [body for *_, body in kept]}
        print(as_json({**told, "found": found, "replayed": chosen.done, "kept": chosen.seen}))
        return 0
    for _, _, line, _ in kept:
        print(line)
    more = f"the newest {len(kept)} of " if len(kept) < found else ""
    print(f"{more}{found} letters of {chosen.seen} in {directory}" + _also(chosen.done))
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Show one letter in full."""
    directory = directory_of(options)
    place = place_of(options.id)
    chosen = Chosen(directory, Choice(places=[place], replayed=True))
    for _, letter in chosen:
        done = chosen.was_replayed(place)
        if options.json:
            print(as_json({**_summary(place, letter, done=done), "payload": letter.payload}))
            return 0
        cut = "" if letter.whole else f", of which {len(letter.body)} were kept"
        print(f"letter        {place}" + (" (replayed)" if done else ""))
        print(f"received      {utc(letter.time_ns)}")
        print(f"topic         {shown(letter.topic, _SHOWN_CHARS)}")
        print(f"reason        {shown(letter.reason, _DETAIL_CHARS)}")
        print(f"detail        {shown(letter.detail, _DETAIL_CHARS)}")
        print(f"contract      version {letter.version}")
        print(f"content type  {shown(letter.content_type, _DETAIL_CHARS) or '-'}")
        print(f"payload       {letter.size} bytes{cut}")
        print(preview(_plain(letter), _SHOWN_CHARS))
        return 0
    raise ConfigError(f"no letter {place} in {directory}; see qilu deadletter list --replayed")


def directory_of(options: argparse.Namespace) -> Path:
    """Where the letters are: the flag, the configuration, or the newest run of the demo; raises ConfigError."""
    if options.directory is not None:
        directory = options.directory
    elif options.config or CONFIG_VARIABLE in os.environ or "QILU_INGEST_DEAD_LETTERS" in os.environ:
        directory = Path(load("ingest", Settings, document_of(options), os.environ).dead_letters)
    else:
        try:
            directory = newest_run(options.data_dir).dead_letters
        except ConfigError:
            raise ConfigError(
                f"no run in {options.data_dir}: run qilu demo first, or name --directory or --config"
            ) from None
    if not directory.is_dir():
        raise ConfigError(f"{directory} is no directory of dead letters; name --directory or --config")
    return Path(directory)


def broker_of(options: argparse.Namespace) -> Broker:
    """The broker of the flags, of the configuration where they say nothing; raises ConfigError."""
    broker = load("broker", Broker, document_of(options), os.environ)
    flags = {"url": options.broker, "username": options.username, "password_file": options.password_file}
    return msgspec.structs.replace(broker, **{name: value for name, value in flags.items() if value})


def choice_of(options: argparse.Namespace, clock_ns: Callable[[], int] = time.time_ns) -> Choice:
    """The choice that the flags make; raises ConfigError."""
    since_ns = None if options.since is None else when_ns("--since", options.since, clock_ns())
    return Choice(reason=options.reason, topic=options.topic, since_ns=since_ns, replayed=options.replayed)


def place_of(text: str) -> Place:
    """The name of a letter; raises ConfigError."""
    try:
        return Place.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic fits a filter (OASIS MQTT 5.0, 4.7).

    >>> matches("a/+/c", "a/b/c"), matches("a/#", "a"), matches("#", "$SYS/x"), matches("a/+", "a/b/c")
    (True, True, False, False)
    """
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, found = topic_filter.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return at == len(wanted) - 1
        if at >= len(found) or level not in ("+", found[at]):
            return False
    return len(wanted) == len(found)


def _plain(letter: Letter) -> bytes:
    """The payload, unpacked where it can be."""
    try:
        return decompress(letter.body, letter.content_type, MAX_BYTES)
    except ContractError:
        return letter.body


def document_of(options: argparse.Namespace) -> Document:
    """The configuration that is named, or that the environment names; raises ConfigError."""
    return read_document(options.config or os.environ.get(CONFIG_VARIABLE), SECTIONS)


def _line(place: Place, letter: Letter) -> str:
    return (
        f"{place!s:>8}  {utc(letter.time_ns)}  {shown(letter.reason, 20):<16}  {letter.size:>7}  "
        f"{shown(letter.topic, _TOPIC_CHARS)}  {preview(letter.body[:_SHOWN_CHARS], _LINE_CHARS)}"
    )


def _summary(place: Place, letter: Letter, *, done: bool) -> dict[str, Any]:
    return {
        "id": str(place),
        "time_ns": letter.time_ns,
        "topic": letter.topic,
        "reason": letter.reason,
        "detail": letter.detail[:_DETAIL_CHARS],
        "version": letter.version,
        "content_type": letter.content_type,
        "size": letter.size,
        "whole": letter.whole,
        "replayed": done,
    }


def _also(done: int) -> str:
    return f"; {done} more were replayed (--replayed shows them)" if done else ""
