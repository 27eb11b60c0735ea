"""Watches for messages that are missing, and asks their gateways to send them again.

What it is: every few seconds: what has not come for longer than the grace is looked for in the store, told, and asked
for by the command ``resend``, less and less often.
What it is not: able to bring back what no edge buffer has any more; that stays missing, and is told.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contract import LEVELS, Address, Command, CommandRow, ContractError, LinkError, RetryLater, encode
from historian.base import Historian, Query
from ingest.gap_check import check
from ingest.gap_commands import resend_commands
from ingest.gaps import Gaps, Missing
from ingest.mqtt_packets import Message
from ingest.ranges import count

CHECK_S: Final = 5.0
"""How often to look."""
ASK_AGAIN_S: Final = 10.0
"""How long an answer may take before the same is asked for again; doubled each time, up to an hour."""
LONGEST_S: Final = 3600.0
MOST_COMMANDS: Final = 50
"""Commands at a time; what is left is asked for the next time."""
VALID_NS: Final = 60 * 10**9

_LOG: Final = logging.getLogger("qilu.ingest")


@dataclass(slots=True)
class _Asked:
    next_s: float
    wait_s: float


class GapWatch:
    """Looks for gaps and has them filled.

    Args:
        gaps: what has come.
        store: asked what it has, and who the gateways are.
        say: publishes a message; raises LinkError. None: nobody is asked.
        clock_ns: ns UTC.
        grace_s: how long a message may be late before it counts as missing.
    """

    def __init__(
        self,
        gaps: Gaps,
        store: Historian,
        say: Callable[[Message], Awaitable[None]] | None,
        clock_ns: Callable[[], int],
        grace_s: float,
    ) -> None:
        self.missing: Sequence[Missing] = ()
        self._gaps = gaps
        self._store = store
        self._say = say
        self._clock_ns = clock_ns
        self._grace_s = grace_s
        self._asked: dict[tuple[Address, str], _Asked] = {}
        self._boot = secrets.token_hex(8)
        self._seq: dict[Address, int] = {}
        self._told = 0

    @property
    def count(self) -> int:
        """How many messages are missing."""
        return sum(count(one.ranges) for one in self.missing)

    async def look(self, now_s: float) -> None:
        """Look once. A store that does not answer is asked again the next time."""
        try:
            self.missing = await check(self._gaps, self._store, now_s, self._grace_s)
            self._tell()
            if self.missing and self._say is not None:
                await self._ask(now_s)
        except RetryLater as error:
            _LOG.debug("gaps not checked: %s", error)
        except LinkError as error:
            _LOG.warning("cannot ask for what is missing: %s", error)
        standing = {(one.address, one.boot) for one in self.missing}
        self._asked = {stream: asked for stream, asked in self._asked.items() if stream in standing}

    def _tell(self) -> None:
        missing = self.count
        if missing > self._told:
            first = self.missing[0]
            _LOG.warning(
                "%d messages are missing, of %d publishers; the first: %r boot %s seq %s",
                *(missing, len(self.missing), first.address.path, first.boot, first.ranges[:5]),
            )
        elif self._told and not missing:
            _LOG.info("no message is missing any more")
        self._told = missing

    async def _ask(self, now_s: float) -> None:
        due = [one for one in self.missing if self._is_due((one.address, one.boot), now_s)]
        gateways = await self._gateways() if due else ()
        room = MOST_COMMANDS
        for one in due:
            commands = resend_commands([one], gateways)[:room]
            for gateway, arguments in commands:
                await self._resend(gateway, arguments)
            stream = (one.address, one.boot)
            wait_s = min(LONGEST_S, 2 * self._asked[stream].wait_s) if stream in self._asked else ASK_AGAIN_S
            self._asked[stream] = _Asked(now_s + wait_s, wait_s)
            room -= len(commands)
            if room == 0:
                return  # who has not been asked stays due, and comes next

    async def _resend(self, gateway: Address, arguments: dict[str, str]) -> None:
        assert self._say is not None
        now_ns = self._clock_ns()
        seq = self._seq.get(gateway, 0) + 1
        row = CommandRow(
            t=now_ns,
            command=f"resend-{secrets.token_hex(8)}",
            action="resend",
            arguments=arguments,
            expires=now_ns + VALID_NS,
        )
        payload = encode(Command(boot=self._boot, seq=seq, rows=[row]))
        await self._say(Message(gateway.topic("command"), payload, 1))
        self._seq[gateway] = seq  # a number that was not sent would be missing for good

    def _is_due(self, stream: tuple[Address, str], now_s: float) -> bool:
        asked = self._asked.get(stream)
        return asked is None or asked.next_s <= now_s

    async def _gateways(self) -> list[Address]:
        """Everyone whose newest birth says that it is a gateway."""
        table = await self._store.read(Query("birth", fields=("role",), last=True))
        found = []
        for row, role in enumerate(table.fields["role"]):
            if role == "gateway":
                try:
                    found.append(Address(*(table.tags[level][row] for level in LEVELS)))
                except ContractError:
                    continue
        return found
