"""Tools to break the good trace of ``sparkplug_maker.py``.

What it is: each makes a function from a trace to one that differs in a single point.
What it is not: the list of what is broken (``sparkplug_broken_edge.py``, ``sparkplug_broken_host.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sparkplug_encode import M, P
from sparkplug_maker import Step

from console.sparkplug_judges import spread
from console.sparkplug_mqtt import Connect, Publish, Will

Steps = list[Step]
Change = Callable[[Steps], Steps]


def at(steps: Steps, name: str, nth: int = 0) -> int:
    return [index for index, step in enumerate(steps) if step.name == name][nth]


def change(name: str, how: Callable[[Step], Step], nth: int = 0) -> Change:
    def apply(steps: Steps) -> Steps:
        index = at(steps, name, nth)
        return [*steps[:index], how(steps[index]), *steps[index + 1 :]]

    return apply


def payload(name: str, how: Callable[[P], P], nth: int = 0) -> Change:
    def mutate(step: Step) -> Step:
        assert isinstance(step.payload, P)
        return replace(step, payload=how(step.payload))

    return change(name, mutate, nth)


def state(name: str, **said: Any) -> Change:
    def mutate(step: Step) -> Step:
        assert isinstance(step.payload, dict)
        merged = {**step.payload, **said}
        return replace(step, payload={key: value for key, value in merged.items() if value is not ...})

    return change(name, mutate)


def metrics(name: str, how: Callable[[tuple[M, ...]], tuple[M, ...]], nth: int = 0) -> Change:
    return payload(name, lambda p: replace(p, metrics=how(p.metrics)), nth)


def metric(step_name: str, index: int, /, nth: int = 0, **fields: Any) -> Change:
    def how(found: tuple[M, ...]) -> tuple[M, ...]:
        index_ = index % len(found)
        return (*found[:index_], replace(found[index_], **fields), *found[index_ + 1 :])

    return metrics(step_name, how, nth)


def sent(name: str, nth: int = 0, **fields: Any) -> Change:
    def mutate(step: Step) -> Step:
        found = step.packet
        assert isinstance(found, Publish)
        told = {"topic": found.topic, "payload": found.payload, "qos": found.qos, "retain": found.retain, **fields}
        return replace(step, packet=Publish(**told))

    return change(name, mutate, nth)


def topic(name: str, old: str, new: str, nth: int = 0) -> Change:
    def mutate(step: Step) -> Step:
        assert isinstance(step.packet, Publish)
        return sent(name, topic=step.packet.topic.replace(old, new, 1))([step])[0]

    return change(name, mutate, nth)


def connect(name: str, **fields: Any) -> Change:
    def mutate(step: Step) -> Step:
        c = step.packet
        assert isinstance(c, Connect)
        told = {
            "client_id": c.client_id,
            "version": c.version,
            "clean": c.clean,
            "expiry_s": c.expiry_s,
            "will": c.will,
        }
        return replace(step, packet=Connect(**{**told, **fields}))

    return change(name, mutate)


def will(name: str, **fields: Any) -> Change:
    def mutate(step: Step) -> Step:
        assert isinstance(step.packet, Connect) and step.packet.will is not None
        w = step.packet.will
        told = {"topic": w.topic, "payload": w.payload, "qos": w.qos, "retain": w.retain, **fields}
        return connect(name, will=Will(**told))([step])[0]

    return change(name, mutate)


def drop(name: str, nth: int | None = None) -> Change:
    def apply(steps: Steps) -> Steps:
        gone = [i for i, step in enumerate(steps) if step.name == name]
        gone = gone if nth is None else [gone[nth]]
        return [step for i, step in enumerate(steps) if i not in gone]

    return apply


def copy(name: str, before: str, nth: int = 0, to: int = 0, **fields: Any) -> Change:
    """Say it once more, just before something else."""

    def apply(steps: Steps) -> Steps:
        target = at(steps, before, to)
        again = replace(steps[at(steps, name, nth)], at=steps[target].at, name="copy", **fields)
        return [*steps[:target], again, *steps[target:]]

    return apply


def later(name: str, ms: int, nth: int = 0) -> Change:
    return change(name, lambda step: replace(step, at=step.at + ms), nth)


def both(*changes: Change) -> Change:
    def apply(steps: Steps) -> Steps:
        for one in changes:
            steps = one(steps)
        return steps

    return apply


def raw(name: str) -> Change:
    """Bytes that are no Protocol Buffers."""
    return both(change(name, lambda step: replace(step, payload=None)), sent(name, payload=b"\xff\xff\xff"))


def ids(*texts: str) -> set[str]:
    return {id_ for text in texts for id_ in spread(text)}
