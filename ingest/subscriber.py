"""One MQTT 5 connection that acknowledges a message when it is durable, and not before.

What it is: the one small file around gmqtt. ``connect`` makes one connection with a persistent session (OASIS MQTT 5.0,
4.1 and 4.4); each message comes out as an ``Inbound`` whose ``acknowledge`` releases its PUBACK, in whatever order the
caller calls, so the caller keeps the order of receipt (4.6).
What it is not: a loop that reconnects. ``run.py`` decides when, and only after everything that an old connection
brought is settled. Each connection has a gmqtt client of its own, so that an acknowledgement of an old connection has
no way to a new one, where its packet identifier already means another message.

What gmqtt 0.8 does that must be known here:

- It acknowledges before the callback runs unless ``optimistic_acknowledgement`` is False; then the PUBACK goes out
  when an ``async`` callback returns 0. A plain function would never be acknowledged, a callback that raises or is
  cancelled logs a traceback per message. So ours always returns, and ``_Client`` drops what a dead connection says.
- It reconnects by itself after a fixed 6 s, also with ``stop_reconnect()``, which still allows one more attempt.
- A CONNACK with code 1 makes it try again with MQTT 3.1.1, where there is no session expiry and no receive maximum.
  As it may not reconnect here, that second attempt never happens, and the refusal is reported as what it is.
- It waits for the CONNACK for ever.
- It reads as fast as it can. Mosquitto 2.0 sends several messages for each one acknowledged, 30 times the receive
  maximum after a long absence. So the window is kept here too, by not reading, and in bytes as well as messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import gmqtt

from contract import LinkError
from ingest.session import Session

CONNECT_TIMEOUT_S: Final = 10.0
DISCONNECT_TIMEOUT_S: Final = 1.0
KEEPALIVE_S: Final = 15
WINDOW_BYTES: Final = 16 * 1024 * 1024
"""Payload that may wait unacknowledged before we read no more; decoded it takes up to eight times as much memory."""

_NEVER: Final = -2  # ``reconnect_retries``: 0 would still allow one attempt, -1 means without end
_WINDOWS: Final = 5
"""Receive maxima that may wait before we read no more: more than one, so that a backlog fills whole batches."""
_SUCCESS: Final = 0
_FAILURE: Final = 0x80
_ONLY_WHEN_NEW: Final = 1  # retain handling (MQTT 5.0, 3.8.3.1): a resumed session has had the retained messages
_ACK_STEPS: Final = 4  # turns of the loop from ``acknowledge`` to the PUBACK: future, task, its callback, gathering

# gmqtt tells every lost connection and every retry; what matters of that is raised as LinkError and logged once.
_LOGGER: Final = logging.getLogger("qilu.ingest.gmqtt")
_LOGGER.setLevel(logging.CRITICAL + 1)
logging.getLogger("gmqtt").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True, eq=False)
class Inbound:
    """One message as it came."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    received_ns: int
    _done: asyncio.Future[None] = field(repr=False)

    def acknowledge(self) -> None:
        """Release the PUBACK; nothing happens when the connection that brought the message is gone."""
        if not self._done.done():
            self._done.set_result(None)


Take = Callable[[Inbound], None]


class _Client(gmqtt.Client):  # type: ignore[misc]  # gmqtt has no types
    """A gmqtt client that gathers its acknowledgements, and says nothing more once its connection is gone.

    gmqtt sends each PUBACK by a system call of its own; those of a batch become due in one turn of the loop and go
    out together here, which saves a tenth of our time per message.
    """

    alive = True
    _due = b""

    def _send_command_with_mid(self, cmd: int, mid: int, dup: bool, reason_code: int = _SUCCESS) -> None:
        """Called by gmqtt for what it owes after a PUBLISH; at QoS 1 that is always a PUBACK (MQTT 5.0, 3.4)."""
        del dup, reason_code  # without either the packet means: success
        if not self._due:
            asyncio.get_running_loop().call_soon(self._send_due)
        self._due += struct.pack("!BBH", cmd, 2, mid)

    def _send_due(self) -> None:
        due, self._due = self._due, b""
        if self.alive and self.is_open:
            self._connection.send_package(due)

    @property
    def is_open(self) -> bool:
        return self._connection is not None and not self._connection.is_closing()

    def read(self, more: bool) -> None:
        """Read on, or no more. Then it means nothing that nothing comes in; our own pings still go out."""
        if self.is_open:
            self._connection._last_data_in = time.monotonic() if more else float("inf")
            transport = self._connection._transport
            (transport.resume_reading if more else transport.pause_reading)()

    def say_goodbye(self) -> bool:
        """Send DISCONNECT and leave the socket open (``disconnect`` would close it); False without a connection."""
        if self.is_open:
            self._connection.send_disconnect()
        return self.is_open


class Link:
    """One connection, from ``connect`` until ``lost`` is set or ``close`` is called.

    Attributes:
        lost: set when nothing more will come; ``reason`` says why.
        session_present: whether the broker still knew our session.
    """

    def __init__(self, client: _Client, take: Take, clock_ns: Callable[[], int], window: int) -> None:
        self.lost = asyncio.Event()
        self.reason = "the connection to the broker is lost"
        self.session_present = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._take = take
        self._clock_ns = clock_ns
        self._window = window
        self._pending: dict[asyncio.Future[None], int] = {}
        self._pending_bytes = 0
        self._listening = True

    def stop_listening(self) -> None:
        """Take no more messages in; what comes now stays unacknowledged, and with that the broker's."""
        self._listening = False

    async def close(self) -> None:
        """Send the acknowledgements that are due and end the connection; the broker keeps the session."""
        self.stop_listening()
        for _ in range(_ACK_STEPS):
            await asyncio.sleep(0)
        self._client.read(more=True)  # or the broker's end of the connection would not be seen
        # Closing a socket that still has messages to read resets it, and then the broker may never read our last
        # acknowledgements. So the broker closes, as it must after DISCONNECT (MQTT 5.0, 3.14.4).
        if self._client.say_goodbye():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                    await self.lost.wait()
        self._end()
        with contextlib.suppress(TimeoutError, OSError):  # it is gone either way
            async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                await self._client.disconnect()

    def on_connect(self, topics: Sequence[str]) -> Callable[..., None]:
        """The callback for CONNACK: subscribe, every time, for a broker may have forgotten the session."""

        def connected(client: _Client, flags: int, _code: int, _properties: Mapping[str, Any]) -> None:
            self.session_present = bool(flags & 1)
            if self.session_present and not self.ready.done():
                # The subscription stands since the last time. The embedded broker holds the SUBACK back while its
                # window is full of messages that we have not acknowledged, and those may wait for the store.
                self.ready.set_result(None)
            wanted = [gmqtt.Subscription(topic, qos=1, retain_handling_options=_ONLY_WHEN_NEW) for topic in topics]
            client.subscribe(wanted)

        return connected

    def on_subscribe(self, _client: _Client, _mid: int, granted: Sequence[int], _properties: Mapping[str, Any]) -> None:
        """The callback for SUBACK; QoS 0 would be no promise at all, so it is refused like a refusal."""
        if all(code == 1 for code in granted):
            if not self.ready.done():
                self.ready.set_result(None)
            return
        codes = ", ".join(f"0x{code:02x}" if code >= _FAILURE else f"QoS {code}" for code in granted)
        self.reason = f"the broker does not grant the subscriptions at QoS 1: {codes}"
        if self.ready.done():
            self._end()
        else:
            self.ready.set_exception(LinkError(self.reason))

    def on_disconnect(self, _client: _Client, _packet: object, _error: Exception | None = None) -> None:
        """The callback for a lost connection, whoever ended it."""
        if not self.ready.done():
            self.ready.set_exception(
                LinkError("the broker closed the connection before it was ready; does it speak MQTT 5?")
            )
        self._end()

    async def on_message(
        self, _client: _Client, topic: str | bytes, payload: bytes, qos: int, properties: Mapping[str, Any]
    ) -> int:
        """The callback for PUBLISH: returns, and with that acknowledges, when the message is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if isinstance(topic, bytes):  # no UTF-8: the contract will refuse it, but it must be readable in the letter
            topic = topic.decode("utf-8", errors="backslashreplace")
        if self._listening:
            retained = bool(properties.get("retain"))
            self._take(Inbound(topic, bytes(payload), qos, retained, self._clock_ns(), done))
        if qos and not self.lost.is_set():
            self._pending[done] = len(payload)
            self._pending_bytes += len(payload)
            if self._beyond_window:
                self._client.read(more=False)
            await done
            was_beyond = self._beyond_window
            self._pending_bytes -= self._pending.pop(done)
            if was_beyond and not self._beyond_window:
                self._client.read(more=True)
        return _SUCCESS

    @property
    def _beyond_window(self) -> bool:
        return self._listening and (len(self._pending) > self._window or self._pending_bytes > WINDOW_BYTES)

    def _end(self) -> None:
        """From here on no acknowledgement leaves; whoever waits for one is let go."""
        self._client.alive = False
        self._listening = False
        self.lost.set()
        for done in self._pending:
            if not done.done():
                done.set_result(None)


async def connect(session: Session, take: Take, clock_ns: Callable[[], int]) -> Link:
    """Connect once, subscribe, and return when the broker has granted it.

    Args:
        session: the broker and what we want of it.
        take: called with each message, in order of receipt; it must not raise.
        clock_ns: ns UTC, for the time of receipt.

    Raises:
        LinkError: no connection, a refusal, or no answer in time.
    """
    client = _Client(
        session.client_id,
        clean_session=False,
        optimistic_acknowledgement=False,
        logger=_LOGGER,
        session_expiry_interval=session.session_expiry_s,
        receive_maximum=session.receive_maximum,
    )
    client.reconnect_retries = _NEVER
    if session.username:
        client.set_auth_credentials(session.username, session.password)
    link = Link(client, take, clock_ns, _WINDOWS * session.receive_maximum)
    client.on_connect = link.on_connect(session.topics)
    client.on_subscribe = link.on_subscribe
    client.on_disconnect = link.on_disconnect
    client.on_message = link.on_message
    where = f"mqtt://{session.host}:{session.port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await _open(client, link, session)
    except TimeoutError:
        await _give_up(link)
        raise LinkError(f"{where}: no answer within {CONNECT_TIMEOUT_S:.0f} s") from None
    except (OSError, UnicodeError, gmqtt.MQTTConnectError, LinkError) as error:
        await _give_up(link)
        refused = isinstance(error, ConnectionRefusedError)
        raise LinkError(f"{where}: {'connection refused; is the broker running?' if refused else error}") from None
    except BaseException:
        await _give_up(link)
        raise
    return link


async def _open(client: _Client, link: Link, session: Session) -> None:
    """Wait for the subscription, or for the first thing that goes wrong."""
    connecting = asyncio.ensure_future(
        client.connect(
            session.host, session.port, keepalive=KEEPALIVE_S, version=gmqtt.constants.MQTTv50, raise_exc=True
        )
    )
    try:
        await asyncio.wait({connecting, link.ready}, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connecting.result()
        await link.ready
    finally:
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, gmqtt.MQTTConnectError):
            await connecting


async def _give_up(link: Link) -> None:
    if not link.ready.cancel() and not link.ready.cancelled():
        link.ready.exception()  # it has been told, or something else has
    await link.close()
