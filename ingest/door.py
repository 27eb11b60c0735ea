"""One session at the broker, kept open: connect, listen, and after a loss connect again.

What it is: ``connect``, and the loop around it. A new connection is made only when everything that the old one
brought is settled. So memory holds one window at most, however often the link breaks while the store is down.
What it is not: MQTT, and not the place where messages go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from contract import LinkError
from ingest.session import Session
from ingest.subscriber import Link, Take
from ingest.writing import backoff_s

CONNECT_TIMEOUT_S: Final = 10.0
STABLE_S: Final = 10.0
"""A connection that lived shorter counts as a failed attempt: two clients of one name throw each other out for ever."""
TAKEN_OVER_S: Final = 30.0
"""How long to leave a session to whoever has taken it, so that there is peace for most of a minute."""
SHORT: Final = 4
"""After more short connections in a row than these somebody else is taken to want the session as well. A broker that is
restarted a few times is no such reason."""
LONGEST_WAIT_S: Final = 4.0
"""So that a broker that is back is found within five seconds."""

_LOG: Final = logging.getLogger("qilu.ingest")


class Hooks:
    """What a door does beside listening; nothing, if nobody says otherwise."""

    async def opened(self, link: Link) -> None:
        """The connection stands and everything is subscribed."""

    async def ending(self, link: Link) -> None:
        """We are about to end the connection."""

    def ended(self) -> None:
        """The connection is gone, however it ended."""


class Door:
    """Keeps one session open until ``stop`` is set.

    Args:
        wanted: whose messages, from which broker; asked before each connection.
        take: called with each message, in order of receipt.
        stop: set it to end.
        drain: waited for at the end, before the connection is closed: what it brought is to be acknowledged.
        tell: called with what is wrong with the link, None when it works.
        clock_ns: ns UTC.
        jitter: draws from [0, 1) that spread the waits.
        hooks: what else is to be done when a connection stands, before we end it, and when it is gone.

    Attributes:
        link: the connection that stands now; None between two of them.
        forgotten: how often the broker had forgotten our session.
        taken_over: how often another client took it.
        connections: how many there have been.
    """

    def __init__(
        self,
        wanted: Callable[[], Session],
        take: Take,
        *,
        stop: asyncio.Event,
        drain: Callable[[Link], Awaitable[None]],
        tell: Callable[[str | None], None],
        clock_ns: Callable[[], int],
        jitter: Callable[[], float],
        hooks: Hooks | None = None,
    ) -> None:
        self._wanted = wanted
        self._hooks = hooks or Hooks()
        self.link: Link | None = None
        self.forgotten = self.taken_over = self.connections = 0
        self._take = take
        self._stop = stop
        self._drain = drain
        self._tell = tell
        self._clock_ns = clock_ns
        self._jitter = jitter
        self._now = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Connect, listen, connect again, until the end."""
        attempt = short = 0
        while not self._stop.is_set():
            session = self._wanted()
            connecting = asyncio.ensure_future(connect(session, self._take, self._clock_ns))
            try:
                await either(self._stop, connecting)
                link = await connecting
            except LinkError as error:
                attempt += 1
                self._tell(str(error))
            except asyncio.CancelledError:
                if self._stop.is_set():
                    break
                raise
            else:
                stable = await self._listen(session, link)
                attempt, short = (1, 0) if stable else (attempt + 1, short + 1)
                await either(self._stop, link.settled.wait())
                if link.taken_over or short > SHORT:  # not every broker says that it was a take-over
                    await either(self._stop, delay_s=TAKEN_OVER_S * (0.5 + 0.5 * self._jitter()))
            await either(self._stop, delay_s=backoff_s(attempt, self._jitter(), most_s=LONGEST_WAIT_S))

    async def _listen(self, session: Session, link: Link) -> bool:
        """Be connected until the link is lost, or what came acknowledged at the end; was it a stable link?"""
        if self.connections and not link.session_present and not session.clean:
            self.forgotten += 1
            _LOG.warning("the broker has forgotten our session: what was published meanwhile may be lost")
        self.connections += 1
        self.link = link
        stable_at_s = self._now() + STABLE_S
        self._tell(None)
        try:
            await self._hooks.opened(link)
            await either(self._stop, link.lost.wait())
            if self._stop.is_set():
                link.stop_listening()
                await self._drain(link)
                await self._hooks.ending(link)
            else:
                self.taken_over += link.taken_over
                hint = f"; is another client connected as {session.client_id!r}?"
                self._tell(link.reason + ("" if self._now() > stable_at_s and not link.taken_over else hint))
        finally:
            self.link = None
            await link.close()
            self._hooks.ended()
        return self._now() > stable_at_s and not link.taken_over


async def either(stop: asyncio.Event, *others: Awaitable[object], delay_s: float | None = None) -> None:
    """Wait for one of these or the delay, but no longer than until the end; what has not come is cancelled."""
    waits = [asyncio.ensure_future(one) for one in (stop.wait(), *others)]
    try:
        await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def connect(session: Session, take: Take, clock_ns: Callable[[], int]) -> Link:
    """Connect once, subscribe, and return when the broker has granted it.

    Args:
        session: the broker and what we want of it.
        take: called with each message, in order of receipt; it must not raise.
        clock_ns: ns UTC, for the time of receipt.

    Raises:
        LinkError: no connection, a refusal, or no answer in time.
    """
    where = f"mqtt://{session.host}:{session.port}"
    link = Link(session, take, clock_ns)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().create_connection(lambda: link, session.host, session.port)
            await asyncio.shield(link.ready)
    except TimeoutError:
        raise _given_up(link, f"{where}: no answer within {CONNECT_TIMEOUT_S:.0f} s") from None
    except ConnectionRefusedError:
        raise _given_up(link, f"{where}: connection refused; is the broker running?") from None
    except (OSError, UnicodeError, LinkError) as error:
        raise _given_up(link, f"{where}: {error}") from None
    except BaseException:
        _given_up(link, "")
        raise
    return link


def _given_up(link: Link, why: str) -> LinkError:
    if not link.ready.cancel() and not link.ready.cancelled():
        link.ready.exception()  # it has been told
    link.abandon()
    return LinkError(why)
