"""The YAML of our data files: bytes to plain values, each with the line it stands on.

What it is: a small, strict part of YAML. Plain ``true`` and ``false`` are the only truth values; ``null``, ``~`` and
nothing are nothing; numbers are decimal (``12``, ``-0.5``, ``1e3``). Every other plain word stays text: ``no``,
``off``, ``12:30``, ``2026-11-22``, ``010``, ``0x1F``, ``1_000``. Keys are text as they are written.
What it is not: all of YAML. Anchors, aliases, merge keys, tags, directives and further documents are refused, so that a
file is at most as large as it looks; and so are duplicate keys, characters that cannot be seen, and whatever is beyond
the limits below.

Standard: YAML 1.2.2, the JSON schema of its chapter 10.2 with decimal numbers and plain text. PyYAML's own values are
not used: it follows YAML 1.1, where ``no`` is false and ``12:30`` is 750.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final, NamedTuple

import yaml

from contract import ConfigError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 12
MAX_NODES: Final = 20_000
MAX_KEY: Final = 100
MAX_WHOLE: Final = 2**53
"""Beyond it a float cannot tell whole numbers apart."""

Place = tuple[str | int, ...]
"""Where a value is: keys and positions in lists, from the outside in."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What no editor shows: control characters (tab and line end apart), other ends of line, marks that turn the direction
# of text around, byte order marks, half characters.
_UNSEEN: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
_UNSEEN_IN_FILE: Final = re.compile(f"\r(?!\n)|[{_UNSEEN}]")
_UNSEEN_IN_TEXT: Final = re.compile(f"[\r{_UNSEEN}]")
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS: Final = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Document(NamedTuple):
    """The values of a file, and the line (from 1) of each key and list entry."""

    value: Any
    lines: Mapping[Place, int]


def read_yaml(text: bytes, source: str) -> Document:
    """The values in ``text``; raises ConfigError with ``source`` and the line."""
    return _Reader(_decoded(text, source), source).document()


def refusal(source: str, line: int, place: Place, why: str) -> ConfigError:
    """What is wrong, and where: ``FILE:LINE: KEY: WHY``."""
    key = written(place)
    return ConfigError(f"{source}:{line}: {key + ': ' if key else ''}{why}")


def written(place: Place) -> str:
    """A place for people.

    >>> written(("steps", 0, "cycle_s"))
    'steps[0].cycle_s'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def shown(value: Any) -> str:
    """A value that was found, for people, and never longer than a line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _decoded(text: bytes, source: str) -> str:
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{source}: larger than {MAX_BYTES // 1024} KiB, which no data file needs")
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise refusal(source, line, (), f"not UTF-8 text: byte 0x{text[error.start]:02x}") from None
    if unseen := _UNSEEN_IN_FILE.search(plain):
        line = plain.count("\n", 0, unseen.start()) + 1
        raise refusal(source, line, (), f"a character that cannot be seen: U+{ord(unseen[0]):04X}; take it out")
    return plain


class _Reader:
    """One pass over the parser's events, so that a bomb is refused before it is built."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._lines: dict[Place, int] = {}
        self._nodes = 0

    def document(self) -> Document:
        try:
            events = yaml.parse(self._text, Loader=_LOADER)
            return self._document(events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            why = f"{(error.problem or error.context or 'it cannot be read')[:200]}"
            raise refusal(self._source, mark.line + 1 if mark else 1, (), f"not YAML: {why}") from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # escapes and directives beyond all bounds
            raise ConfigError(f"{self._source}: not YAML: {str(error)[:200]}") from None

    def _document(self, events: Iterator[Any]) -> Document:
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._wrong(event, (), "a second document; a file holds one")
                if event.version or event.tags:
                    raise self._wrong(event, (), "a directive (%…); write none")
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, (), 1)
        if not documents:
            raise refusal(self._source, 1, (), "the file is empty")
        return Document(value, self._lines)

    def _node(self, event: Any, events: Iterator[Any], place: Place, depth: int) -> Any:
        self._admit(event, place)
        self._lines.setdefault(place, event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if depth > MAX_DEPTH:
            raise self._wrong(event, place[:2], f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(self._node(inner, events, (*place, len(items)), depth + 1))
            return items
        group: dict[str, Any] = {}
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            key = self._key(inner, place)
            at = (*place, key)
            if key in group:
                raise self._wrong(inner, at, f"this key stands twice: in line {self._lines[at]} too")
            self._lines[at] = inner.start_mark.line + 1
            group[key] = self._node(next(events), events, at, depth + 1)
        return group

    def _key(self, event: Any, place: Place) -> str:
        self._admit(event, place)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._wrong(event, place, "a key must be a word, not a list or a group")
        if event.value == "<<":
            raise self._wrong(event, place, "a merge key (<<); write the keys out")
        if not event.value or len(event.value) > MAX_KEY or "`" in event.value or "\n" in event.value:
            raise self._wrong(event, place, f"{shown(event.value)} is no key: 1 to {MAX_KEY} characters of one line")
        return self._seen(event, place)

    def _admit(self, event: Any, place: Place) -> None:
        """Refuse what a data file may not hold, before anything is made of it."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._wrong(event, (), f"more than {MAX_NODES:,} keys and values")
        if isinstance(event, yaml.AliasEvent):
            raise self._wrong(event, place, "an alias (*…); write the value out")
        if event.anchor is not None:
            raise self._wrong(event, place, "an anchor (&…); write the value out where it is needed")
        if event.tag is not None:
            raise self._wrong(event, place, f"a tag ({shown(event.tag)}); write the value alone")

    def _seen(self, event: Any, place: Place) -> str:
        if unseen := _UNSEEN_IN_TEXT.search(event.value):
            raise self._wrong(event, place, f"a character that cannot be seen: U+{ord(unseen[0]):04X}")
        return str(event.value)

    def _scalar(self, event: Any, place: Place) -> Any:
        text = self._seen(event, place)
        if not event.implicit[0]:  # in quotes, or a block of text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _ENDLESS.fullmatch(text):
            raise self._wrong(event, place, f"expected a finite number, found {text}")
        if _WHOLE.fullmatch(text):
            if len(text) <= 20 and abs(whole := int(text)) <= MAX_WHOLE:
                return whole
            raise self._wrong(event, place, f"a whole number beyond {MAX_WHOLE}: {text[:40]}")
        if _DECIMAL.fullmatch(text):
            if len(text) <= 60 and isfinite(number := float(text)):
                return number
            raise self._wrong(event, place, f"a number beyond all bounds: {text[:40]}")
        return text

    def _wrong(self, event: Any, place: Place, why: str) -> ConfigError:
        return refusal(self._source, event.start_mark.line + 1, place, why)
