"""The Sparkplug host's connection: a clean session with the host's STATE as its will, beside that of our own topics.

What it is: the shell of ``sparkplug_host.py``: it hands over what comes, publishes what the host wants published, and
gives what was heard to the carrier.
What it is not: Sparkplug; the host decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from contract import LinkError
from contract.sparkplug import Publish
from ingest.batch import Delivery
from ingest.door import Hooks
from ingest.mqtt import Message
from ingest.session import Session
from ingest.sparkplug_heard import Step
from ingest.sparkplug_host import Host
from ingest.subscriber import Inbound, Link

TICK_S: Final = 0.1
_LOG: Final = logging.getLogger("qilu.ingest")


class SparkplugDoor(Hooks):
    """What a door needs to be a Sparkplug host's.

    Args:
        host: the state machine.
        session: the broker and the user; the name and the topics are changed.
        give: called with each message that was heard, in order.
        clock_ns: ns UTC.
    """

    def __init__(
        self, host: Host, session: Session, give: Callable[[Delivery], None], clock_ns: Callable[[], int]
    ) -> None:
        self._host = host
        self._session = session
        self._give = give
        self._clock_ns = clock_ns
        self._link: Link | None = None
        self._said: set[asyncio.Task[None]] = set()

    def wanted(self) -> Session:
        """The session of the next connection; the will has its time."""
        will = self._host.connecting(self._now_ms())
        name = f"{self._session.client_id}-sparkplug"
        message = None if will is None else _message(will)
        return self._session.named(name, self._host.subscriptions, will=message, clean=True)

    def take(self, inbound: Inbound) -> None:
        """Hand a message to the host. It is acknowledged at once: a clean session never sends it again anyway."""
        inbound.acknowledge()
        self._obey(self._host.take(inbound.topic, inbound.payload, inbound.received_ns, retained=inbound.retained))

    async def opened(self, link: Link) -> None:
        """Tell that the host is online."""
        self._link = link
        self._obey(self._host.connected(self._now_ms()))

    async def ending(self, link: Link) -> None:
        """Tell that it is going, and wait until the broker knows."""
        step = self._host.disconnecting(self._now_ms())
        with contextlib.suppress(LinkError, TimeoutError):
            async with asyncio.timeout(1.0):
                for one in step.publish:
                    await link.publish(_message(one))
        self._hear(step)

    def ended(self) -> None:
        """What was known may be out of date."""
        self._link = None
        self._hear(self._host.disconnected(self._now_ms()))

    async def tick(self) -> None:
        """Look ten times a second whether something is due, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            due_ms = self._host.due_ms
            if due_ms is not None and due_ms <= self._now_ms():
                self._obey(self._host.tick(self._now_ms()))

    def _obey(self, step: Step) -> None:
        for one in step.publish:
            task = asyncio.ensure_future(self._say(one))
            self._said.add(task)
            task.add_done_callback(self._said.discard)
        self._hear(step)

    async def _say(self, one: Publish) -> None:
        try:
            if self._link is not None:
                await self._link.publish(_message(one))
        except LinkError as error:
            _LOG.warning("Sparkplug: %s", error)

    def _hear(self, step: Step) -> None:
        for heard in step.heard:
            self._give(heard)

    def _now_ms(self) -> int:
        return self._clock_ns() // 1_000_000


def _message(one: Publish) -> Message:
    return Message(one.topic, one.payload, one.qos, one.retain)
