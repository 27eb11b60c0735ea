"""How what an edge node says moves the world that a listener knows.

What it is: one function for each kind of message, applied after the message was judged.
What it is not: the fold (``sparkplug_fold.py``), nor judgement.
"""

from __future__ import annotations

from console.sparkplug_mqtt import Publish
from console.sparkplug_world import COUNTED, Moment, Subject, Topic, World, read


def edge_said(moment: Moment) -> bool:
    """Move on; True when a birth sequence after a rebirth request is whole with this message."""
    link, topic, payload = moment.link, moment.topic, moment.payload
    if moment.kind in COUNTED and payload is not None and payload.seq is not None:
        link.seq = payload.seq
    for name in (topic.group, topic.node, topic.device):
        if name:
            moment.world.folded.setdefault(name.lower(), name)
    if moment.kind == "NBIRTH":
        return _node_born(moment)
    if moment.kind == "DBIRTH":
        return _device_born(moment)
    if moment.kind == "DDEATH":
        device = topic.device or ""
        link.alive.discard(device)
        link.awaited.discard(device)
        link.dead.add(device)
        moment.world.burials.setdefault((topic.key, device), []).append(moment.at_ms)
    elif moment.kind in ("NDATA", "DDATA"):
        link.data = True
        if (subject := link.subjects.get(topic.device)) is not None:
            subject.last.update({metric.name or "": metric.said for metric in moment.metrics})
    elif moment.kind == "NDEATH":
        link.said_death = True
    return False


def remember(world: World, topic: Topic, publish: Publish) -> None:
    """What an instrument has declared, so that a host's commands to it can be judged."""
    payload, _ = read(publish.payload)
    if topic.type in ("NBIRTH", "DBIRTH") and payload is not None:
        datatypes = {metric.name or "": metric.datatype for metric in payload.metrics}
        world.subjects[topic.key, topic.device] = Subject(datatypes)


def _node_born(moment: Moment) -> bool:
    link, world = moment.link, moment.world
    rebirth, link.rebirth = link.rebirth, None
    link.node = moment.topic.key
    world.holders[moment.topic.key] = link.number
    world.holders_ever[moment.topic.key] = link.number
    link.born, link.data = True, False
    link.alive, link.dead = set(), set()
    link.subjects = {}
    _declare(moment)
    link.awaited = set(rebirth.devices) if rebirth is not None else set()
    return rebirth is not None and not rebirth.devices


def _device_born(moment: Moment) -> bool:
    link, device = moment.link, moment.topic.device or ""
    link.alive.add(device)
    link.dead.discard(device)
    _declare(moment)
    moment.world.device_nodes.setdefault(device, set()).add(moment.topic.key)
    if device not in link.awaited:
        return False
    link.awaited.discard(device)
    return not link.awaited


def _declare(moment: Moment) -> None:
    subject = Subject(
        {metric.name or "": metric.datatype for metric in moment.metrics},
        {metric.name or "": metric.said for metric in moment.metrics},
    )
    moment.link.subjects[moment.topic.device] = subject
    moment.world.subjects[moment.topic.key, moment.topic.device] = subject
