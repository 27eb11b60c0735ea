"""Foreign devices: messages of any JSON or plain-number layout, as messages of the contract.

What it is: one pure function from a topic and a payload to messages, by the rules of a mapping file. Texts of a topic
are data: they pass the checks of an address, and no text of a payload ever becomes a name.
What it is not: a client, and not the file's form (``mapping_file.py``). It keeps nothing but which births were said.

A foreign device has no boot and counts nothing, so both are made here:

- ``boot`` is a digest of the file's ``id`` and the address. It is the same after every restart, and after the rules
  have changed, so that late messages join the life to which they belong.
- ``seq`` is a digest of topic, payload and event time. A message that comes again has the same name, and two different
  messages have two. It does not count up, so nobody can tell from it that a message is missing.
- The birth says what the file declares. Its time is the beginning of the event's day in UTC, so that it stands before
  all that is said on that day, and is the same point whenever it is said again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Names
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from contract import MAX_ROWS, Address, ConfigError, ContractError, Message
from contract.address import MAX_TOPIC_CHARS
from ingest.mapping_check import problems
from ingest.mapping_file import (
    CounterFrom,
    DeviceRule,
    MappingFile,
    SensorFrom,
    StateFrom,
    TopicRule,
    ValueFrom,
    parse_file,
)
from ingest.mapping_say import Reading, birth, boot_of, messages, seq_of
from ingest.mapping_time import DAY_NS, LAST_NS, event_time_ns, time_zone
from ingest.mapping_topic import MAX_LEVELS, MISSING, Path, Topic, fill, look_up, parse_path
from ingest.mapping_values import counter_value, decode_json, decode_plain, described, sensor_value, state_value
from service.datafile import lines
from service.strict_yaml import shown

BORN_LIMIT: Final = 65_536
"""How many births are remembered; one that is said again changes nothing."""
MAX_ITEMS: Final = 5000
"""Of a list in a payload."""
MAX_FILTERS: Final = 2000
"""Of one subscription; beyond it the devices that are listed by name share the filters of their rules."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A value, where it is looked up, and the text that means it; ``what`` names it for people."""

    name: str
    what: str
    rule: ValueFrom
    path: Path
    picked: str

    def take(self, read: Reading, stands: Any, *, plain: bool) -> None:
        """Put what stands in the payload to what was read; raises ContractError."""
        rule, what = self.rule, self.what
        if isinstance(rule, SensorFrom):
            read.sensors[self.name] = sensor_value(stands, rule, plain=plain, what=what)
        elif isinstance(rule, CounterFrom):
            read.counters[self.name] = counter_value(stands, rule, plain=plain, what=what)
        elif isinstance(rule, StateFrom):
            read.state = state_value(stands, rule, plain=plain, what=what)


@dataclass(frozen=True, slots=True)
class Rule:
    """One topic of the file, compiled."""

    device: DeviceRule
    rule: TopicRule
    topic: Topic
    values: tuple[_Value, ...]
    each: Path | None
    pick_from: Path | None
    time: Path | None
    zone: ZoneInfo | None

    @property
    def plain(self) -> bool:
        """Whether the payload is one number or word as text."""
        return self.rule.payload == "plain"


@dataclass(frozen=True, slots=True)
class Route:
    """What a topic means: its rule, who speaks, and which values it may hold."""

    rule: Rule
    address: Address
    boot: str
    values: tuple[_Value, ...]


class Mapping:
    """A mapping file at work. One thread at a time may read with it.

    >>> mapping = Mapping.parse(b'''
    ... id: mill
    ... devices:
    ... - address: acme/plant-1/production/line-1/{machine}
    ...   model: press
    ...   topics:
    ...   - {topic: "press/{machine}/temperature", payload: plain, sensors: {temperature: {unit: Cel}}}
    ... ''', "mill.yaml")
    >>> mapping.filters
    ['press/+/temperature']
    >>> [kind for _, kind, _ in mapping.read("press/p-1/temperature", b"41.5", 1_795_305_600_000_000_000)]
    ['birth', 'telemetry']
    """

    def __init__(self, file: MappingFile) -> None:
        """A file that ``problems`` finds right."""
        self.file = file
        self.rules = [_compiled(device, rule) for device in file.devices for rule in device.topics]
        self._born: OrderedDict[tuple[Address, int], None] = OrderedDict()
        self._route = lru_cache(maxsize=65_536)(self._find)  # a topic comes with every message

    @classmethod
    def parse(cls, text: bytes, source: str) -> Mapping:
        """The file's bytes; raises ConfigError with file, line and key for the first thing that is wrong."""
        file = parse_file(text, source)
        for key, why in problems(file):
            raise ConfigError(placed(source, lines(text, source), key, why))
        return cls(file)

    @property
    def filters(self) -> list[str]:
        """The MQTT filters of all topics, each once; of devices that are listed by name, their own topics alone."""
        own = dict.fromkeys(text for rule in self.rules for text in rule.topic.filters(rule.device.names))
        return list(own if len(own) <= MAX_FILTERS else dict.fromkeys(rule.topic.filter for rule in self.rules))

    def knows(self, topic: str) -> bool:
        """Whether a rule is for this topic, whoever speaks there."""
        levels = topic.split("/", MAX_LEVELS)
        return any(rule.topic.match(levels) is not None for rule in self.rules)

    def route(self, topic: str) -> Route:
        """What a topic means; raises ContractError: ``bad-topic``, ``unknown-device``, ``unknown-value`` …."""
        if len(topic) > MAX_TOPIC_CHARS:
            raise ContractError("bad-topic", f"{len(topic)} characters, at most {MAX_TOPIC_CHARS} are allowed")
        return self._route(topic)

    def read(self, topic: str, payload: bytes, received_ns: int) -> list[tuple[Address, str, Message]]:
        """The messages that a foreign message stands for: the birth before the first of a day, then what is said.

        Args:
            topic: as it came.
            payload: as it came.
            received_ns: when it came: the event time of what tells none.

        Raises:
            ContractError: nothing of it can be taken.
        """
        route = self.route(topic)
        if not 0 <= received_ns < LAST_NS:
            raise ContractError("bad-time", f"received at {received_ns} ns since 1970: is this machine's clock set?")
        body: Any = decode_plain(payload) if route.rule.plain else decode_json(payload)
        read: dict[int, Reading] = {}
        for item in _items(route.rule, body):
            _take(read, route, item, body, received_ns)
        if not read:
            wanted = ", ".join(value.what for value in route.values[:10])
            raise ContractError("no-value", f"none of {wanted[:200]} is in the payload")
        if len(read) > MAX_ROWS:
            raise ContractError("too-large", f"{len(read)} times, at most {MAX_ROWS} are allowed")
        seq = seq_of(topic.encode("utf-8", "surrogatepass"), payload, min(read))
        said = [*self._births(route, read), *messages(read, route.boot, seq)]
        return [(route.address, kind, message) for kind, message in said]

    def _births(self, route: Route, times: Iterable[int]) -> Iterator[tuple[str, Message]]:
        for day_ns in sorted({t_ns - t_ns % DAY_NS for t_ns in times}):
            key = (route.address, day_ns)
            if key in self._born:
                self._born.move_to_end(key)
                continue
            self._born[key] = None
            if len(self._born) > BORN_LIMIT:
                self._born.popitem(last=False)
            yield "birth", birth(route.rule.device, route.boot, day_ns)

    def _find(self, topic: str) -> Route:
        levels = topic.split("/")
        for rule in self.rules:
            captured = rule.topic.match(levels)
            if captured is None:
                continue
            values = rule.values
            if rule.rule.pick is not None:
                text = captured[rule.rule.pick]
                values = tuple(value for value in values if value.picked == text)
                if not values:
                    raise ContractError("unknown-value", f"{shown(text)} is no value of {rule.rule.topic[:200]}")
            address = fill(rule.device.address, _named(captured, rule.device.names))
            return Route(rule, address, boot_of(self.file.id, address), values)
        raise ContractError("bad-topic", f"{topic[:200]!r} is no topic of the mapping {self.file.id}")


def placed(source: str, at: Names[str, int], key: str, why: str) -> str:
    """A problem as ``FILE:LINE: KEY: WHY``, at the line of the key or of the nearest group around it."""
    around = key
    while around and around not in at:
        around = around[: max(around.rfind("."), around.rfind("["), 0)]
    return f"{source}:{at.get(around, 1)}: {key}: {why}"


def _compiled(device: DeviceRule, rule: TopicRule) -> Rule:
    values = []
    for place, value in rule.values.items():
        name = place.rpartition(".")[2]
        path = parse_path(value.path) if value.path else (name,)
        kind = place.partition(".")[0].removesuffix("s")
        what = "state" if place == "state" else f"{kind} {name}"
        values.append(_Value(name, what, value, path, value.picked or name))
    time, zone = rule.time, None
    if time is not None and time.timezone is not None:
        zone = time_zone(time.timezone)
    each, pick_from, at = (
        parse_path(path) if path else None for path in (rule.each, rule.pick_from, time and time.path)
    )
    return Rule(device, rule, Topic.parse(rule.topic), tuple(values), each, pick_from, at, zone)


def _named(captured: dict[str, str], names: Names[str, Names[str, str]]) -> dict[str, str]:
    for capture, known in names.items():
        text = captured[capture]
        if text not in known:
            raise ContractError("unknown-device", f"{shown(text)} is not listed in names.{capture}")
        captured[capture] = known[text]
    return captured


def _items(rule: Rule, body: Any) -> list[Any]:
    """What is read by itself: the whole payload, or each item of a list in it."""
    if rule.each is None:
        return [body]
    found = look_up(body, rule.each)
    if found is MISSING:
        return []
    if not isinstance(found, list):
        raise ContractError("wrong-type", f"{rule.rule.each}: expected a list, found {described(found)}"[:300])
    if len(found) > MAX_ITEMS:
        raise ContractError("too-large", f"a list of {len(found)}, at most {MAX_ITEMS} are allowed")
    return found


def _take(read: dict[int, Reading], route: Route, item: Any, body: Any, received_ns: int) -> None:
    """Put what an item says to its time; an item that says nothing of what is wanted may have none."""
    rule, values = route.rule, route.values
    if rule.pick_from is not None:
        picked = look_up(item, rule.pick_from)
        values = tuple(value for value in values if value.picked == picked)
    one = Reading()
    for value in values:
        stands = item if rule.plain else look_up(item, value.path)
        if stands is not MISSING:
            value.take(one, stands, plain=rule.plain)
        elif value.rule.required:
            raise ContractError("missing-value", f"{value.what} is not in the payload")
    if not (one.sensors or one.counters or one.state):
        return
    t_ns = _time_ns(rule, item, body, received_ns)
    same = read.setdefault(t_ns, one)
    if same is not one:
        same.sensors |= one.sensors
        same.counters |= one.counters
        same.state = one.state or same.state


def _time_ns(rule: Rule, item: Any, body: Any, received_ns: int) -> int:
    if rule.time is None or rule.rule.time is None:
        return received_ns
    value = look_up(item, rule.time)
    if value is MISSING:
        value = look_up(body, rule.time)
    if value is MISSING:
        raise ContractError("bad-time", f"no time stands at {rule.rule.time.path[:200]}")
    return event_time_ns(value, rule.rule.time.format, rule.zone, received_ns)
