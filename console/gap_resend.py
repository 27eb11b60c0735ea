"""Asks the gateways to send again what is missing, and hears what they answer.

What it is: the commands ``resend`` of ``qilu gaps --resend`` as messages of the contract, in waves, for a gateway keeps
so many waiting and no more.
What it is not: who finds out what is missing (``gaps.py``), nor the edge buffer that is asked.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from console.shown import shown
from contract import LEVELS, Address, Command, CommandRow, ContractError, LinkError, Reply, ReplyRow, decode
from historian import Historian, Query
from ingest.gap_commands import resend_commands
from ingest.gaps import Missing
from ingest.ranges import count
from service import Broker
from simulator import Outgoing, Publisher

WAVE: Final = 200
"""Commands that wait for their answers at a time."""
PUBLISHING_S: Final = 60.0
_FOUND: Final = re.compile(r"found ([0-9]{1,16}), not found ([0-9]{1,16})", re.ASCII)
_REASONS: Final = 100

Commands = Sequence[tuple[Address, dict[str, str]]]


@dataclass(slots=True)
class Resent:
    """What was asked for again.

    Attributes:
        asked: messages.
        commands: how many commands named them.
        replies: status of the last reply -> how many commands got it; ``none`` for those without.
        found: messages that the edge buffers had, and sent again.
        not_found: messages that they had not any more.
        reasons: why commands were refused -> how often.
        nowhere: streams for which no gateway is known.
    """

    asked: int = 0
    commands: int = 0
    replies: Counter[str] = field(default_factory=Counter)
    found: int = 0
    not_found: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    nowhere: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        parts = {name: getattr(self, name) for name in self.__slots__}
        return {name: dict(part) if isinstance(part, Counter) else part for name, part in parts.items()}

    def lines(self) -> list[str]:
        """For people."""
        lines = []
        if self.commands:
            replies = ", ".join(f"{number} {status}" for status, number in sorted(self.replies.items()))
            lines.append(f"asked for {self.asked} messages by {self.commands} commands; replies: {replies}")
            lines.append(f"sent again: {self.found}; not in the edge buffers: {self.not_found}")
            lines += [f"  {number} x {shown(said, 200)}" for said, number in self.reasons.most_common(5)]
        if self.nowhere:
            lines.append(f"of {self.nowhere} streams no gateway is known")
        return lines

    def take(self, row: ReplyRow) -> None:
        """Count the last reply to a command."""
        self.replies[row.status] += 1
        match = _FOUND.fullmatch(row.reason or "")
        if match and row.status == "done":
            self.found += int(match[1])
            self.not_found += int(match[2])
        elif row.reason and (row.reason in self.reasons or len(self.reasons) < _REASONS):
            self.reasons[row.reason] += 1


async def gateways_of(store: Historian) -> list[Address]:
    """Who can be asked: the addresses whose newest birth says ``gateway``; raises RetryLater."""
    births = await store.read(Query("birth", ("role",), last=True))
    names = zip(*(births.tags[level] for level in LEVELS), strict=True)
    return [Address(*of) for of, role in zip(names, births.fields["role"], strict=True) if role == "gateway"]


async def resend(missing: Sequence[Missing], gateways: Sequence[Address], broker: Broker, *, wait_s: float) -> Resent:
    """Ask for all of it, and wait for the replies, each time at most ``wait_s`` seconds for the next one.

    Raises:
        LinkError: no broker there, or it does not let us.
    """
    resent = Resent()
    commands = resend_commands(missing, gateways)
    named = {(gateway.levels[:2], arguments["address"], arguments["boot"]) for gateway, arguments in commands}
    for one in missing:
        if (one.address.levels[:2], "/".join(one.address.levels[2:]), one.boot) in named:
            resent.asked += count(one.ranges)
        else:
            resent.nowhere += 1
    resent.commands = len(commands)
    if commands:
        await _Asking(commands, resent).run(broker, wait_s)
    return resent


class _Asking:
    """One publisher's commands, and the replies to them."""

    def __init__(self, commands: Commands, resent: Resent) -> None:
        self._commands = commands
        self._resent = resent
        self._boot = secrets.token_hex(8)
        self._said: Counter[Address] = Counter()
        self._waiting: set[str] = set()
        self._news = asyncio.Event()

    async def run(self, broker: Broker, wait_s: float) -> None:
        """Wave after wave; a wave that nobody answers is the last."""
        topics = sorted({gateway.topic("reply") for gateway, _ in self._commands})
        name = f"qilu-gaps-{self._boot}"
        async with Publisher(broker, name, listen=topics, on_message=self._hear) as publisher:
            if not await publisher.listening(wait_s):
                raise LinkError("the broker does not let us listen for the replies; check the rights of the user")
            answered = True
            for begin in range(0, len(self._commands), WAVE):
                if answered:
                    messages = self._messages(begin)
                    try:
                        await asyncio.wait_for(publisher.publish(messages), max(wait_s, PUBLISHING_S))
                    except TimeoutError:
                        raise LinkError("the broker does not take the commands; check the rights of the user") from None
                    answered = await self._answers(wait_s)
        if silent := len(self._commands) - sum(self._resent.replies.values()):
            self._resent.replies["none"] = silent

    def _messages(self, begin: int) -> list[Outgoing]:
        """A wave as one message to each gateway, numbered as every stream is."""
        now_ns = time.time_ns()
        wave = [
            (gateway, begin + at, arguments) for at, (gateway, arguments) in enumerate(self._commands[begin:][:WAVE])
        ]
        messages = []
        for gateway, group in groupby(sorted(wave, key=itemgetter(0, 1)), key=itemgetter(0)):
            rows = [
                CommandRow(
                    t=now_ns + number, command=f"gaps-{self._boot}-{number}", action="resend", arguments=arguments
                )
                for _, number, arguments in group
            ]
            self._waiting |= {row.command for row in rows}
            self._said[gateway] += 1
            messages.append(Outgoing.of(gateway, Command(boot=self._boot, seq=self._said[gateway], rows=rows)))
        return messages

    async def _answers(self, wait_s: float) -> bool:
        """Wait until all are answered, or nothing has come for so long; did all come?"""
        while self._waiting:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:
                return False
        return True

    def _hear(self, _: str, payload: bytes) -> None:
        try:
            message = decode("reply", payload)
        except ContractError:
            return
        for row in message.rows if isinstance(message, Reply) else ():
            if row.command in self._waiting:
                self._news.set()
                if row.status != "accepted":
                    self._waiting.discard(row.command)
                    self._resent.take(row)
