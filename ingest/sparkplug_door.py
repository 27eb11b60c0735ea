"""The Sparkplug host's connection: a clean session with the host's STATE as its will, beside that of our own topics.

What it is: the shell of ``sparkplug_host.py``: it hands over what comes, publishes what the host wants published, and
gives what was heard to the carrier. It reads no more while too much waits there: nothing else holds QoS 0 back.
What it is not: Sparkplug; the host decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from contract import LinkError
from contract.sparkplug import Publish
from ingest.batch import Delivery
from ingest.door import Hooks
from ingest.failpoints import Failpoints
from ingest.mqtt_packets import Message
from ingest.session import Session
from ingest.settings import Settings
from ingest.sparkplug_commands import Commands
from ingest.sparkplug_heard import Mark, Step
from ingest.sparkplug_host import Host
from ingest.status import Status
from ingest.subscriber import Inbound, Link

TICK_S: Final = 0.05
MARKS: Final = 100
"""Devices that one line of the log names; of more only their number is told."""
_LAST_MS: Final = 253_402_300_799_999  # the last that a calendar can say
_LOG: Final = logging.getLogger("qilu.ingest")


class SparkplugDoor(Hooks):
    """What a door needs to be a Sparkplug host's.

    Args:
        settings: the host's name, groups, reorder timeout and version of MQTT.
        session: the broker and the user; the name and the topics are changed.
        give: called with each message that was heard, in order.
        say: publishes on our own topics; raises LinkError.
        room: whether more may come in.
        status: kept up to date.
        clock_ns: ns UTC.
        failpoints: for the tests.

    Raises:
        ConfigError: the host's identifier or a group can stand in no topic.
    """

    def __init__(
        self,
        settings: Settings,
        session: Session,
        give: Callable[[Delivery], None],
        *,
        say: Callable[[Message], Awaitable[None]],
        room: Callable[[], bool],
        status: Status,
        clock_ns: Callable[[], int],
        failpoints: Failpoints,
    ) -> None:
        reorder_s = settings.sparkplug_reorder_s
        self._host = Host(settings.sparkplug_host, groups=settings.sparkplug_groups, reorder_s=reorder_s)
        self._commands = Commands(self._host, secrets.token_hex(8))
        self._session = session
        self._mqtt: Literal["5", "3.1.1"] = settings.sparkplug_mqtt
        self._give = give
        self._say = say
        self._room = room
        self._status = status
        self._clock_ns = clock_ns
        self._fail = failpoints
        self._link: Link | None = None
        self._said: set[asyncio.Task[None]] = set()
        self._marks: list[Mark] = []
        status.sparkplug = self._host.counters
        _LOG.info("Sparkplug host %r with a reorder timeout of %g s", settings.sparkplug_host, reorder_s)

    def wanted(self) -> Session:
        """The session of the next connection; the will has its time."""
        will = self._host.connecting(self._now_ms())
        name = f"{self._session.client_id}-sparkplug"
        message = None if will is None else _message(will)
        session = self._session.named(name, self._host.subscriptions, will=message, clean=True)
        return replace(session, mqtt=self._mqtt)

    def take(self, inbound: Inbound) -> None:
        """Hand a message to the host. It is acknowledged at once: a clean session never sends it again anyway."""
        inbound.acknowledge()
        self._obey(self._host.take(inbound.topic, inbound.payload, inbound.received_ns, retained=inbound.retained))
        if self._link is not None and not self._room():
            self._link.brake(on=True)

    def overhear(self, inbound: Inbound) -> None:
        """A message on our own topics: if it is a command to somebody who is here, it goes there."""
        if inbound.topic.endswith("/command") and not inbound.retained:
            passed = self._commands.take(inbound.topic, inbound.payload, inbound.received_ns)
            self._publish(passed.publish)
            for reply in passed.replies:
                self._start(self._answer(reply))

    async def opened(self, link: Link) -> None:
        """Tell that the host is online."""
        self._link = link
        self._obey(self._host.connected(self._now_ms()))
        self._status.sparkplug_online = True
        _LOG.info("Sparkplug: connected over MQTT %s", self._mqtt)

    async def ending(self, link: Link) -> None:
        """Tell that it is going, and wait until the broker knows."""
        step = self._host.disconnecting(self._now_ms())
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(1.0):
                for one in step.publish:
                    await link.publish(_message(one))
        self._fail.at("after-offline")
        self._hear(step)

    def ended(self) -> None:
        """What was known may be out of date."""
        self._link = None
        self._status.sparkplug_online = False
        self._hear(self._host.disconnected(self._now_ms()))
        self._tell_marks()

    def tell(self, error: str | None) -> None:
        """Note what is wrong with the connection; None: it works."""
        if self._status.sparkplug_link(error, asyncio.get_running_loop().time()) and error is not None:
            _LOG.warning("Sparkplug: %s; trying again until it works", error)

    async def tick(self) -> None:
        """Look now and then whether something is due, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._link is not None and self._room():
                self._link.brake(on=False)
            due_ms = self._host.due_ms
            if due_ms is not None and due_ms <= self._now_ms():
                self._obey(self._host.tick(self._now_ms()))
            self._tell_marks()

    def _obey(self, step: Step) -> None:
        self._publish(step.publish)
        self._hear(step)

    def _publish(self, what: Iterable[Publish]) -> None:
        for one in what:
            self._start(self._send(one))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._said.add(task)
        task.add_done_callback(self._said.discard)

    async def _send(self, one: Publish) -> None:
        try:
            if self._link is not None:
                await self._link.publish(_message(one))
        except LinkError as error:
            _LOG.warning("Sparkplug: %s", error)

    async def _answer(self, reply: Message) -> None:
        try:
            await self._say(reply)
        except (LinkError, TimeoutError) as error:
            _LOG.warning("Sparkplug: a reply to a command is not passed on: %s", error)

    def _hear(self, step: Step) -> None:
        for heard in step.heard:
            self._give(heard)
            for said in heard.said:
                for reply in self._commands.heard(said):
                    self._start(self._answer(reply))
        self._marks += step.marks

    def _tell_marks(self) -> None:
        """Devices (None: the node itself) that changed, each with its time, into the log: alike ones in one line."""
        marks, self._marks = self._marks, []
        changed: dict[tuple[str, str, str | None, int], list[str]] = {}
        for mark in marks:
            changed.setdefault((mark.group, mark.node, mark.device, mark.at_ms), []).append(mark.what)
        lines: dict[tuple[str, str], list[tuple[str | None, str]]] = {}
        for (group, node, device, at_ms), what in changed.items():
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(at_ms, _LAST_MS))
            line = lines.setdefault((" and ".join(what), f"{group}/{node}"), [])
            line.append((device, at.isoformat(timespec="milliseconds")))
        for (whats, name), times in lines.items():
            more = f" and {len(times) - MARKS} more" if len(times) > MARKS else ""
            _LOG.info("Sparkplug: %s: %r %r%s", whats, name, times[:MARKS], more)

    def _now_ms(self) -> int:
        return self._clock_ns() // 1_000_000


def _message(one: Publish) -> Message:
    return Message(one.topic, one.payload, one.qos, one.retain)
