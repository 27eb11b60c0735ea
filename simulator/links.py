"""The factory's links to the broker: one for each line's gateway, and the commands that come in over them.

What it is: each gateway has a connection of its own, for a connection has one will, and the death of one line must not
silence the others. Commands are kept until the factory is between two stretches of time, then obeyed and answered.
What it is not: MQTT (``publisher.py``, ``sparkplug_publisher.py``), and not what commands do (``effects.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

import msgspec

from contract import KINDS, Address, Command, ContractError, decode
from service import Broker
from simulator.factory import Factory
from simulator.ledger import Ledger
from simulator.outbox import Outbox
from simulator.outgoing import Outgoing
from simulator.publisher import Publisher
from simulator.resend import Resends
from simulator.settings import Settings
from simulator.sparkplug_client import Mqtt
from simulator.sparkplug_numbers import BirthNumbers
from simulator.sparkplug_primary import PrimaryHost
from simulator.sparkplug_publisher import SparkplugPublisher

_LOG: Final = logging.getLogger("qilu.simulator")
MAX_WAITING: Final = 1000
"""Commands that may wait for the next stretch of time; more are dropped, and logged."""


class Sparkplug(NamedTuple):
    """That gateways are to speak Sparkplug B: where birth numbers are remembered, over which MQTT, and for whom."""

    numbers: BirthNumbers
    mqtt: Mqtt
    primary_host: str = ""


def sparkplug_of(settings: Settings) -> Sparkplug | None:
    """What ``simulator.wire`` asks for; None: the JSON wire."""
    if settings.wire == "json":
        return None
    return Sparkplug(BirthNumbers(settings.sparkplug_memory), settings.sparkplug_mqtt, settings.sparkplug_primary_host)


class Links:
    """Connections of all gateways; an asynchronous context manager, used as one publisher.

    Args:
        broker: where to.
        client_id: of the first; the others have a number behind it.
        wills: of each gateway, in the order of the sites.
        on_acked: called with each message that the broker has taken.
        on_command: called with topic and payload of each command; None: nobody listens.
        keep_trying: wait for a broker that is not there yet.
        sleep: how to wait.
        sparkplug: speak it, instead of the JSON wire.
        outboxes: of the JSON wire, the edge buffer of each gateway, in the order of the sites; none: nothing is kept.
        packing: of the JSON wire, the content type of payloads that are worth it; empty: none is packed.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        wills: Sequence[Outgoing],
        *,
        on_acked: Callable[[Outgoing], None],
        on_command: Callable[[str, bytes], None] | None,
        keep_trying: bool,
        sleep: Callable[[float], Awaitable[None]],
        sparkplug: Sparkplug | None = None,
        outboxes: Sequence[Outbox] = (),
        packing: str = "",
    ) -> None:
        self._publishers: dict[str, Publisher | SparkplugPublisher] = {
            last.address.enterprise: SparkplugPublisher(
                broker,
                client_id if number == 0 else f"{client_id}-{number + 1}",
                gateway=last.address,
                numbers=sparkplug.numbers,
                on_acked=on_acked,
                on_message=on_command,
                keep_trying=keep_trying,
                mqtt=sparkplug.mqtt,
                primary=PrimaryHost(sparkplug.primary_host) if sparkplug.primary_host else None,
                sleep=sleep,
            )
            if sparkplug is not None
            else Publisher(
                broker,
                client_id if number == 0 else f"{client_id}-{number + 1}",
                will=(last.topic, last.payload),
                on_acked=on_acked,
                listen=[_commands(last.address)] if on_command else [],
                on_message=on_command,
                keep_trying=keep_trying,
                sleep=sleep,
                outbox=outboxes[number] if outboxes else None,
                packing=packing,
            )
            for number, last in enumerate(wills)
        }
        self._stack = AsyncExitStack()

    @property
    def acked(self) -> int:
        """Messages that the broker has taken."""
        return sum(publisher.acked for publisher in self._publishers.values())

    @property
    def connected(self) -> bool:
        """Whether all links are up as far as is known."""
        return all(publisher.connected for publisher in self._publishers.values())

    async def __aenter__(self) -> Links:
        """Connect all; raises as ``Publisher`` does."""
        async with AsyncExitStack() as stack:
            for publisher in self._publishers.values():
                await stack.enter_async_context(publisher)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.__aexit__(*error)  # type: ignore[arg-type]

    async def publish(self, items: Sequence[Outgoing]) -> None:
        """Send each item over its gateway's link, in order, and return when all are acknowledged."""
        if len(self._publishers) == 1:
            (publisher,) = self._publishers.values()
            await publisher.publish(items)
            return
        shares: dict[str, list[Outgoing]] = {}
        for item in items:
            shares.setdefault(item.address.enterprise, []).append(item)
        await asyncio.gather(*(self._publishers[name].publish(share) for name, share in shares.items()))

    async def publish_again(self, items: Sequence[Outgoing]) -> None:
        """Send what an edge buffer has kept, all of one enterprise, over its gateway's link."""
        publisher = self._publishers[items[0].address.enterprise] if items else None
        if isinstance(publisher, Publisher):
            await publisher.publish_again(items)


def _commands(gateway: Address) -> str:
    """The topics of all commands to an enterprise's site."""
    topic = gateway.topic("command").split("/")
    return "/".join([*topic[:4], "+", "+", "+", topic[-1]])


class Orders:
    """Commands that have come and wait to be obeyed.

    Args:
        factory: who obeys.
        resends: who answers those that ask for messages again, at once; None: the factory refuses them.
    """

    def __init__(self, factory: Factory, resends: Resends | None = None) -> None:
        self._factory = factory
        self._resends = resends
        self._waiting: deque[tuple[Address, Command]] = deque()

    def hear(self, topic: str, payload: bytes) -> None:
        """Take a command in; what is none is logged and forgotten."""
        try:
            address, kind = Address.of_topic(topic)
            message = decode(kind, payload)
            if KINDS.get(kind) is not Command or not isinstance(message, Command):
                raise ContractError("not a command", topic[:200])
        except ContractError as error:
            _LOG.warning("a command was not understood: %s", error)
            return
        if self._resends is not None:
            rows = [row for row in message.rows if not self._resends.hear(address, row)]
            if not rows:
                return
            message = msgspec.structs.replace(message, rows=rows)
        if len(self._waiting) >= MAX_WAITING:
            _LOG.warning("more than %d commands wait: one to %s is dropped", MAX_WAITING, address.path)
            return
        self._waiting.append((address, message))

    def obey(self, ledger: Ledger) -> list[Outgoing]:
        """Do what waits, now; the replies are to be sent, and stand in the ledger."""
        said: list[Outgoing] = []
        known = {one.id for one in self._factory.plan.all}
        while self._waiting:
            address, message = self._waiting.popleft()
            for row in message.rows:
                reply, now_said = self._factory.command(address, row)
                told = {"asked": msgspec.to_builtins(row), "reply": msgspec.to_builtins(reply)}
                ledger.command(address.path, self._factory.now_ns, told)
                said += now_said
        ledger.faults(self._factory.fault_lines(known))
        return said
