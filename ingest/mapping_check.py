"""What in a mapping file does not go together, though each key is right by itself.

What it is: every problem as the key and a sentence, in the order of the file.
What it is not: the types of the keys (``mapping_file.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from contract import MAX_NAMES, ContractError
from contract.address import check_level
from contract.parts import check_names
from ingest.mapping_file import CounterFrom, DeviceRule, MappingFile, SensorFrom, StateFrom, TopicRule, ValueFrom
from ingest.mapping_time import time_zone
from ingest.mapping_topic import Topic, captures_of, fill, parse_path, without_captures
from service.strict_yaml import shown

Problem = tuple[str, str]
"""A key as ``devices[0].topics[1].pick``, and what is wrong with it."""


def problems(file: MappingFile) -> Iterator[Problem]:
    """All that is wrong; nothing for a right file."""
    addresses: dict[str, int] = {}
    earlier: list[tuple[str, Topic]] = []
    for number, device in enumerate(file.devices):
        key = f"devices[{number}]"
        if (same := addresses.setdefault(device.address, number)) != number:
            yield f"{key}.address", f"devices[{same}] has this address too; put its topics there"
        yield from _device(key, device)
        for place, rule in enumerate(device.topics):
            at = f"{key}.topics[{place}].topic"
            try:
                topic = Topic.parse(rule.topic)
            except ValueError as error:
                yield at, str(error)
                continue
            before = next((name for name, other in earlier if other.covers(topic)), None)
            if before:
                yield at, f"never reached: {before} takes all its messages"
            earlier.append((at, topic))
            yield from _captures(at, topic, rule, device)


def _device(key: str, device: DeviceRule) -> Iterator[Problem]:
    try:
        fill(device.address, dict.fromkeys(captures_of(device.address), "x"))
    except ContractError as error:
        yield f"{key}.address", error.detail
    if any(brace in without_captures(device.address) for brace in "{}"):
        yield f"{key}.address", "a capture is a lower-case name in braces, such as {machine}"
    for capture, names in device.names.items():
        for text, name in names.items():
            try:
                check_level("the text", text)
                check_level("the name", name)
            except ContractError as error:
                yield f"{key}.names.{capture}.{text}", error.detail
    if device.economics is not None and device.economics.tariff is not None:
        try:
            device.economics.tariff.check()
        except ValueError as error:
            yield f"{key}.economics.tariff", str(error)
    yield from _declarations(key, device)
    for place, rule in enumerate(device.topics):
        at = f"{key}.topics[{place}]"
        if device.role == "meter" and rule.state is not None:
            yield f"{at}.state", "a meter has no states; role: machine"
        yield from _rule(at, rule)


def _declarations(key: str, device: DeviceRule) -> Iterator[Problem]:
    """One name is one sensor, whichever topic tells it; and the birth can say them all."""
    declared: dict[str, tuple[str, tuple[object, ...]]] = {}
    for place, rule in enumerate(device.topics):
        for name, value in rule.values.items():
            if isinstance(value, StateFrom):
                continue
            at = f"{key}.topics[{place}].{name}"
            band = (value.low, value.high) if isinstance(value, SensorFrom) else ()
            before, said = declared.setdefault(name, (at, (getattr(value, "unit", ""), *band)))
            if said != (getattr(value, "unit", ""), *band):
                yield at, f"declared in another way as {before}"
    for kind in ("sensors", "counters"):
        names = [name.partition(".")[2] for name in declared if name.startswith(f"{kind}.")]
        try:
            check_names(names)
        except ValueError as error:
            yield key, f"{kind}: {error}; at most {MAX_NAMES} of a device"


def _rule(key: str, rule: TopicRule) -> Iterator[Problem]:
    if not rule.values:
        yield key, "it says nothing: give it sensors, counters or state"
    if rule.payload == "plain":
        if rule.pick is None and len(rule.values) > 1:
            yield f"{key}.payload", f"a plain payload is one value, not {len(rule.values)}; what does pick say?"
        for part in ("time", "each", "pick_from"):
            if getattr(rule, part) is not None:
                yield f"{key}.{part}", "a plain payload has no parts"
    elif rule.time is not None:
        yield from _time(key, rule)
    yield from _paths(key, {"each": rule.each, "pick_from": rule.pick_from})
    if rule.pick is not None and rule.pick_from is not None:
        yield f"{key}.pick_from", "pick says already which value it is"
    picked: dict[str, str] = {}
    for place, value in rule.values.items():
        at = f"{key}.{place}"
        yield from _place(at, value, rule)
        if rule.pick is not None or rule.pick_from is not None:
            text = value.picked or place.rpartition(".")[2]
            if (same := picked.setdefault(text, place)) != place:
                yield f"{at}.picked", f"{shown(text)} means {same} already"
        yield from _value(at, value)


def _time(key: str, rule: TopicRule) -> Iterator[Problem]:
    assert rule.time is not None
    yield from _paths(key, {"time.from": rule.time.path})
    if rule.time.timezone is not None:
        if rule.time.format != "iso":
            yield f"{key}.time.timezone", f"{rule.time.format} counts in UTC"
        try:
            time_zone(rule.time.timezone)
        except ValueError as error:
            yield f"{key}.time.timezone", str(error)


def _place(key: str, value: ValueFrom, rule: TopicRule) -> Iterator[Problem]:
    """Where the value stands."""
    picks = rule.pick is not None or rule.pick_from is not None
    if value.picked is not None and not picks:
        yield f"{key}.picked", "without pick or pick_from, nothing says which value it is"
    if rule.payload == "plain":
        if value.path is not None:
            yield f"{key}.from", "a plain payload has no parts"
        return
    if value.path is None and picks:
        yield key, "the key from is missing: where in the JSON does the picked value stand?"
    yield from _paths(key, {"from": value.path})


def _paths(key: str, paths: Mapping[str, str | None]) -> Iterator[Problem]:
    for name, path in paths.items():
        try:
            if path is not None:
                parse_path(path)
        except ValueError as error:
            yield f"{key}.{name}", str(error)


def _value(key: str, value: ValueFrom) -> Iterator[Problem]:
    if isinstance(value, SensorFrom):
        if value.words and (value.scale != 1 or value.offset or value.quoted):
            yield f"{key}.words", "a word has no scale, offset or quotes"
        if not value.scale:
            yield f"{key}.scale", "0 would make every value the same"
        if value.low is not None and value.high is not None and value.low > value.high:
            yield f"{key}.low", "above high"
    elif isinstance(value, CounterFrom):
        return
    elif isinstance(value, StateFrom):
        if bool(value.words) == bool(value.bands):
            yield key, "expected words or bands, and not both"
        limits = [band.below for band in value.bands]
        if limits and (limits[-1] is not None or None in limits[:-1]):
            yield f"{key}.bands", "each band has below, but for the last, which takes the rest"
        elif any(b <= a for a, b in pairwise(limits[:-1]) if a is not None and b is not None):
            yield f"{key}.bands", "below must rise from band to band"


def _captures(key: str, topic: Topic, rule: TopicRule, device: DeviceRule) -> Iterator[Problem]:
    wanted = {"the address": captures_of(device.address), "names": frozenset(device.names)}
    for what, names in wanted.items():
        for name in sorted(names - topic.captures):
            yield key, f"{what} needs {{{name}}}, which this topic does not capture"
    if rule.pick is not None and rule.pick not in topic.captures:
        yield key, f"pick needs {{{shown(rule.pick)[1:-1]}}}, which this topic does not capture"
