"""The ingester as a Sparkplug host application.

What it is: Sparkplug 3.0, chapters 4 to 6, for hosts, as a pure state machine: what to subscribe to and to publish,
what each message means, which edge nodes are alive, and which are to be asked for their birth.
What it is not: a connection. The shell asks and obeys, in this order:

    will = host.connecting(now_ms)            # into CONNECT, with clean start and session expiry 0
    host.subscriptions                        # SUBSCRIBE at once, and wait for SUBACK
    step = host.connected(now_ms)             # then the host is online
    step = host.take(topic, payload, ns, …)   # for each message; acknowledge it at once
    step = host.tick(now_ms)                  # at ``host.due_ms`` or ten times a second
    step = host.disconnecting(now_ms)         # before a DISCONNECT; wait for its PUBACK
    step = host.disconnected(now_ms)          # when the connection is gone, however it ended

Of each step, publish what is to be published and deal with what was heard, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from contract import Address, Command, ConfigError, ContractError
from contract.sparkplug import NAMESPACE, STATE, Publish, SparkplugTopic, parse_topic
from contract.sparkplug_payload import decode_payload
from ingest.sparkplug_heard import Counters, Heard, Limits, Mark, Said, Step
from ingest.sparkplug_nodes import Frame, Node, Roster
from ingest.sparkplug_reorder import CYCLE, Release
from ingest.sparkplug_session import NO_BIRTH, Session
from ingest.sparkplug_words import ask_rebirth, read_state, say_command, say_state

_where = lru_cache(maxsize=4096)(parse_topic)  # a topic comes with every message; checking it is dear
_SEQUENCED: Final = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"})


class Host:
    """One host application.

    Args:
        host_id: its identifier.
        primary: whether it tells its STATE and asks for births; one that does neither only listens.
        reorder_s: Sparkplug's reorder timeout: how long a message waits for those before it.
        groups: the groups to listen to; none: all of them.
        limits: what is kept at most.

    Attributes:
        counters: what happened.
        roster: who is known.

    Raises:
        ConfigError: the identifier or a group can stand in no topic.
    """

    def __init__(
        self,
        host_id: str,
        *,
        primary: bool = True,
        reorder_s: float = 2.0,
        groups: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> None:
        try:
            self._topic = SparkplugTopic("", STATE, host_id).text
            filters = [f"{NAMESPACE}/{SparkplugTopic(group, 'NDATA', 'n').group}/#" for group in groups]
        except ContractError as error:
            raise ConfigError(f"ingest: Sparkplug host identifier or group: {error.detail}") from None
        self.subscriptions: tuple[tuple[str, int], ...] = (
            *([(self._topic, 1)] if primary else []),
            *((one, 1) for one in filters or [f"{NAMESPACE}/#"]),
        )
        self.counters = Counters()
        self._limits = limits or Limits()
        self._primary = primary
        self._connect_ms = 0
        self._online = False
        self.roster = Roster(self._limits, int(reorder_s * 1000), self.counters)
        self._waiting: dict[tuple[str, str], Node] = {}
        self._asking: dict[tuple[str, str], Node] = {}
        self._held_bytes = 0
        self._asked_ms = 0
        self._heard: list[Heard] = []
        self._publish: list[Publish] = []
        self._marks: list[Mark] = []
        self._session = Session(self.roster, self.counters, self._marks.append, self._doubt)

    @property
    def due_ms(self) -> int | None:
        """When ``tick`` has something to do; None: nothing waits."""
        waits = [node.window.due_ms for node in self._waiting.values()]
        asks = [node.asking.after_ms for node in self._asking.values()] if self._online and self._primary else []
        return min((due for due in [*waits, *asks] if due is not None), default=None)

    @property
    def stale(self) -> list[tuple[str, str, str | None, bool]]:
        """Nodes and devices whose values are not current: group, node, device, and whether it is offline for sure."""
        return [
            (node.group, node.node, device, not thing.online)
            for node in self.roster
            for device, thing in node.things()
            if thing.stale
        ]

    def connecting(self, now_ms: int) -> Publish | None:
        """The will of the next connection; None: a host that only listens has none."""
        self._connect_ms = now_ms
        return say_state(self._topic, online=False, at_ms=now_ms) if self._primary else None

    def connected(self, now_ms: int) -> Step:
        """All subscriptions are acknowledged: tell that the host is online (``host-topic-phid-birth-*``)."""
        self._online = True
        self._asked_ms = now_ms
        if self._primary:
            self._publish.append(say_state(self._topic, online=True, at_ms=self._connect_ms))
        return self._step()

    def disconnecting(self, now_ms: int) -> Step:
        """An intentional end: the same as the will, with the time of now (``host-topic-phid-death-*``)."""
        was, self._online = self._online, False
        if was and self._primary:
            self._publish.append(say_state(self._topic, online=False, at_ms=now_ms))
        return self._step()

    def disconnected(self, now_ms: int) -> Step:
        """The connection is gone: all that is known may be out of date, and nothing that waits will be completed."""
        self._online = False
        for node in self.roster:
            self._pass(node, node.window.flush())
            node.window.forget()
            for device, thing in node.things():
                if thing.online:
                    self._session.stale(node, device, thing, now_ms)
        return self._step()

    def take(
        self, topic: str, payload: bytes, received_ns: int, *, retained: bool = False, ticket: object = None
    ) -> Step:
        """A message came.

        Args:
            topic: its topic.
            payload: its payload.
            received_ns: when it came, ns UTC.
            retained: whether the broker had kept it.
            ticket: anything; comes back with the message.
        """
        try:
            where = _where(topic)
            if where.type == STATE:
                self._take_state(topic, payload)
                self._heard.append(Heard(topic, payload, received_ns, ticket=ticket))
            else:
                if retained:
                    raise ContractError("retained", f"Sparkplug knows no retained {where.type}: it may be of any age")
                self._take(Frame(topic, payload, received_ns, ticket, where, decode_payload(payload)))
        except ContractError as refusal:
            self._refuse(topic, payload, received_ns, ticket, refusal)
        return self._step()

    def tick(self, now_ms: int) -> Step:
        """Time has passed: end what has waited long enough, and ask for the births that are needed."""
        for node in list(self._waiting.values()):
            unborn = node.window.expected is None
            release = node.window.due(now_ms)
            if unborn and release.items:
                self._want(node)
            self._pass(node, release)
        if self._online and self._primary:
            self._ask(now_ms)
        return self._step()

    def rebirth(self, group: str, node: str, now_ms: int) -> Publish:
        """A rebirth request at the user's wish; raises ContractError for names that no topic can hold."""
        return ask_rebirth(group, node, now_ms)

    def command(self, address: Address, command: Command, now_ms: int) -> Publish:
        """A command of the contract, as DCMD, or as NCMD to a gateway; raises ContractError when it is too large."""
        node = self.roster.find(address.enterprise, address.site)
        return say_command(address, None if node is None else node.gateway, command, now_ms)

    def _take_state(self, topic: str, payload: bytes) -> None:
        """A STATE; our own death while we are online is an old will (``hid-sparkplug-state-message-delivered``)."""
        if topic != self._topic:
            self.counters.ignored += 1
            return
        if not read_state(payload).online and self._online and self._primary:
            self._publish.append(say_state(self._topic, online=True, at_ms=self._connect_ms))

    def _take(self, frame: Frame) -> None:
        where, now_ms = frame.where, frame.received_ms
        node = self.roster.find(where.group, where.node)
        if where.type == "NDEATH":
            if node is not None and self._session.is_death_of(node, frame):
                self._pass(node, node.window.flush())  # what came before it
                node.window.forget()
                node.asking.open = False
            self._settle(frame, lambda: self._session.node_death(node, frame))
        elif where.type in _SEQUENCED:
            seq = frame.said.seq
            if seq is None or seq >= CYCLE:
                raise ContractError("invalid", f"{where.type} with the number {seq}")
            node = self.roster.node(where.group, where.node, now_ms)
            if where.type == "NBIRTH":
                self._birth(node, seq, frame)
            else:
                self._in_order(node, seq, frame)
        else:
            self._settle(frame, lambda: self._session.command(node, frame))

    def _birth(self, node: Node, seq: int, frame: Frame) -> None:
        before, after = node.window.restart(seq, frame.sent_ms, frame.received_ms)
        self._pass(node, before)
        node.asking.answered()
        self._asking.pop((node.group, node.node), None)
        self._apply(node, frame)
        self._pass(node, after)

    def _in_order(self, node: Node, seq: int, frame: Frame) -> None:
        self.counters.held += 1
        self._held_bytes += frame.weight
        due_ms = node.window.due_ms
        self._pass(node, node.window.take(seq, frame.sent_ms, frame.received_ms, frame), due_ms)
        if self._held_bytes > self._limits.held_bytes and node.window:
            due_ms, release = node.window.due_ms, node.window.flush()
            self._pass(node, release, due_ms)
        if node.window:
            self._waiting[node.group, node.node] = node

    def _pass(self, node: Node, release: Release[Frame], due_ms: int | None = None) -> None:
        """Deal with messages that the window lets go, and with what it gave up; nothing is asked before ``due_ms``."""
        if release.missing:
            self.counters.gaps += release.missing
            node.asking.after_ms = max(node.asking.after_ms, due_ms or 0)
            self._want(node)
        self.counters.reordered += release.reordered
        self.counters.late += release.late
        for frame in release.items:
            self.counters.held -= 1
            self._held_bytes -= frame.weight
            self._apply(node, frame)
        if not node.window:
            self._waiting.pop((node.group, node.node), None)

    def _apply(self, node: Node, frame: Frame) -> None:
        if node.asking.open:
            self._want(node)  # it is alive: the request may be repeated when its time has come
        reason = self._settle(frame, lambda: self._session.apply(node, frame))
        if reason == NO_BIRTH:
            self._doubt(node, frame.received_ms)

    def _settle(self, frame: Frame, said: Callable[[], tuple[Said, ...]]) -> str | None:
        """Note what a message says, or why it is refused; the reason comes back."""
        topic, payload, received_ns, ticket = frame.topic, frame.payload, frame.received_ns, frame.ticket
        try:
            self._heard.append(Heard(topic, payload, received_ns, said(), None, ticket))
        except ContractError as error:
            refusal = error
        except Exception as error:  # a bug of ours must not take the messages behind it along
            refusal = ContractError("internal-error", repr(error)[:300])
        else:
            return None
        self._refuse(topic, payload, received_ns, ticket, refusal)
        return refusal.reason

    def _refuse(self, topic: str, payload: bytes, received_ns: int, ticket: object, refusal: ContractError) -> None:
        self.counters.refused += 1
        self._heard.append(Heard(topic, payload, received_ns, (), refusal, ticket))

    def _want(self, node: Node) -> None:
        node.asking.open = True
        self._asking[node.group, node.node] = node

    def _doubt(self, node: Node, now_ms: int) -> None:
        if node.asking.doubt(now_ms):
            self._want(node)

    def _ask(self, now_ms: int) -> None:
        """Ask whom it is time to ask, not all at once: a host that joins late knows nobody."""
        self._asked_ms = min(self._asked_ms, now_ms)  # the clock may have been set back
        room = min(self._limits.rebirths_per_s, (now_ms - self._asked_ms) * self._limits.rebirths_per_s // 1000)
        if room <= 0:
            return
        self._asked_ms = now_ms
        for key, node in list(self._asking.items()):
            if not node.asking.open:
                del self._asking[key]
            elif room and node.asking.may(now_ms):
                room -= 1
                node.asking.asked(now_ms)
                self.counters.rebirths += 1
                self._publish.append(ask_rebirth(node.group, node.node, now_ms))
                del self._asking[key]

    def _step(self) -> Step:
        step = Step(tuple(self._heard), tuple(self._publish), tuple(self._marks))
        self._heard.clear()
        self._publish.clear()
        self._marks.clear()
        return step
