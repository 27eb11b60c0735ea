"""The two little languages of a mapping file: topics with captured levels, and paths into JSON.

What it is: templates of topics and addresses, and paths, each compiled once and refused when it is wrong.
What it is not: a regular expression or a query: a level is a word, a capture or ``+``; a path is keys and positions.

Standard: MQTT 5.0, 4.7 (topic filters).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final, Literal

from contract import LEVELS, Address
from service.strict_yaml import shown

MAX_LEVELS: Final = 32
MAX_STEPS: Final = 20
MAX_FILTERS: Final = 500
RESERVED: Final = ("qilu", "spBv1.0")
"""First levels that have a reader of their own."""

_CAPTURE: Final = re.compile(r"\{([a-z][a-z0-9_]{0,30})\}")
_BAD_IN_LEVEL: Final = re.compile(r"[+#{}\x00-\x1f\x7f]")
_STEP: Final = re.compile(r'\[([0-9]{1,6})\]|(?:(?<=.)\.|\A)(?:"([^"]{1,100})"|([^.\[\]"\s]{1,100}))')

MISSING: Final = object()
"""What ``look_up`` finds where nothing, or null, stands."""
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a topic: a word, or any text, captured or not."""

    kind: Literal["word", "capture", "any"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with captured levels.

    >>> topic = Topic.parse("tele/{machine}/SENSOR")
    >>> topic.filter, topic.match(["tele", "press-1", "SENSOR"]), topic.match(["tele", "press-1", "LWT"])
    ('tele/+/SENSOR', {'machine': 'press-1'}, None)
    """

    levels: tuple[Level, ...]

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Compile the text; raises ValueError that says what is wrong."""
        parts = text.split("/")
        if len(parts) > MAX_LEVELS:
            raise ValueError(f"{len(parts)} levels, at most {MAX_LEVELS} are allowed")
        topic = cls(tuple(_level(part) for part in parts))
        names = [level.text for level in topic.levels if level.kind == "capture"]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"{{{twice}}} stands twice")
        if parts[0] in RESERVED or parts[0].startswith("$"):
            raise ValueError(f"topics below {shown(parts[0])} are not foreign")
        return topic

    @property
    def captures(self) -> frozenset[str]:
        """The names that it captures."""
        return frozenset(level.text for level in self.levels if level.kind == "capture")

    @property
    def filter(self) -> str:
        """The MQTT filter for all its topics."""
        return "/".join(level.text if level.kind == "word" else "+" for level in self.levels)

    def filters(self, names: Mapping[str, Mapping[str, str]]) -> list[str]:
        """The MQTT filters; where the texts of a level are listed in ``names`` and few, one for each of them."""
        choices = [self._texts(level, names) for level in self.levels]
        if prod(map(len, choices)) > MAX_FILTERS:
            return [self.filter]
        return ["/".join(levels) for levels in product(*choices)]

    def match(self, levels: Sequence[str]) -> dict[str, str] | None:
        """What is captured of a topic's levels; None when they are not its own."""
        if len(levels) != len(self.levels):
            return None
        found: dict[str, str] = {}
        for level, text in zip(self.levels, levels, strict=True):
            if level.kind == "word":
                if level.text != text:
                    return None
            elif level.kind == "capture":
                found[level.text] = text
        return found

    def covers(self, other: Topic) -> bool:
        """Whether every topic of ``other`` is one of these."""
        return len(self.levels) == len(other.levels) and all(
            mine.kind != "word" or mine == theirs for mine, theirs in zip(self.levels, other.levels, strict=True)
        )

    @staticmethod
    def _texts(level: Level, names: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
        if level.kind == "word":
            return [level.text]
        known = names.get(level.text) if level.kind == "capture" else None
        return sorted(known) if known else ["+"]


def _level(text: str) -> Level:
    if text == "+":
        return Level("any")
    if match := _CAPTURE.fullmatch(text):
        return Level("capture", match[1])
    if text == "#":
        raise ValueError("# stands for any number of levels; write + or {name} for each of them")
    if bad := _BAD_IN_LEVEL.search(text):
        raise ValueError(
            f"{shown(bad[0])} in the level {shown(text)}; a level is a word, + or a capture such as {{machine}}"
        )
    return Level("word", text)


def captures_of(address: str) -> frozenset[str]:
    """The captured names that an address uses.

    >>> sorted(captures_of("acme/plant-1/production/{line}/{machine}"))
    ['line', 'machine']
    """
    return frozenset(_CAPTURE.findall(address))


def without_captures(address: str) -> str:
    """An address with its captures taken out."""
    return _CAPTURE.sub("", address)


def fill(address: str, captured: Mapping[str, str]) -> Address:
    """The address with the captured texts in their places.

    What is captured stays within its level: it cannot hold a ``/``. Raises ContractError (``bad-address``).
    """
    levels = [_CAPTURE.sub(lambda match: captured[match[1]], level) for level in address.split("/")]
    return Address(*levels) if len(levels) == len(LEVELS) else Address.parse(address)


def parse_path(text: str) -> Path:
    """A path into JSON: keys joined by dots, positions in brackets, keys with dots or brackets in quotes; ``.`` is all.

    Raises:
        ValueError: it is no path.

    >>> parse_path('ENERGY.Power[0]'), parse_path('"a.b".c'), parse_path('[2]')
    (('ENERGY', 'Power', 0), ('a.b', 'c'), (2,))
    """
    if text == ".":
        return ()
    steps: list[str | int] = []
    at = 0
    while at < len(text) and (match := _STEP.match(text, at)):
        steps.append(int(match[1]) if match[1] else match[2] or match[3])
        at = match.end()
    if at < len(text) or not steps or len(steps) > MAX_STEPS:
        raise ValueError(f'{shown(text)} is no path; write it as ENERGY.Power, list[0].x or "a.key".x')
    return tuple(steps)


def look_up(value: Any, path: Path) -> Any:
    """What stands at a path, or ``MISSING``."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
    return MISSING if value is None else value
