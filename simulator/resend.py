"""What was sent is sent again when somebody asks for it: the commands ``resend``, and their answers.

What it is: the words of such a command as a typed value, and the task that looks the messages up in the edge buffer,
sends them again as they were, and replies. It runs beside the plant: neither waits for the other.
What it is not: the buffer (``outbox.py``), or the one who finds out what is missing (the ingester).

A command goes to the gateway of a site, which speaks for all addresses there::

    {"action": "resend", "arguments": {"address": "production/line-1/stamp-1", "boot": "00ff00ff", "seqs": "5-9,12"}}

``address`` may also be the whole path. The replies: ``accepted`` at once, ``done`` when the broker has acknowledged all
of it, both with the reason ``found 5, not found 1``; or ``refused`` with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from contract import MAX_INT, Address, CommandRow, ContractError, LinkError, ReplyRow
from service import ended
from service.datafile import nearest
from service.strict_yaml import shown
from simulator.outboxes import Outboxes
from simulator.outgoing import Outgoing

ACTION: Final = "resend"
ARGUMENTS: Final = ("address", "boot", "seqs")
MAX_RANGES: Final = 1000
MAX_WAITING: Final = 1000
"""Commands that may wait; more are dropped, and logged."""
GRACE_S: Final = 10.0
"""How long the end of the run waits for the answer that is under way."""
_REMEMBERED: Final = 1000
_BOOT: Final = re.compile(r"[0-9a-f]{8,32}")
_RANGE: Final = re.compile(r"([0-9]{1,16})(?:-([0-9]{1,16}))?")
_LOG: Final = logging.getLogger("qilu.simulator")


class Request(NamedTuple):
    """Messages by their names; the ranges ``(first, last)`` of ``seq`` rise and do not touch each other."""

    path: str
    boot: str
    ranges: Sequence[tuple[int, int]]

    @property
    def size(self) -> int:
        """How many messages it asks for."""
        return sum(last - first + 1 for first, last in self.ranges)


def request_of(row: CommandRow, gateway: Address) -> Request:
    """What a command that came to a gateway asks for.

    Raises:
        ValueError: an argument is missing, unknown or wrong, or the address is none of the gateway's site.
    """
    words = row.arguments
    for word in words:
        if word not in ARGUMENTS:
            raise ValueError(f"{shown(word)}: unknown argument{nearest(word, ARGUMENTS)}")
    for word in ARGUMENTS:
        if not words.get(word):
            raise ValueError(f"the argument {word} is missing")
    if not _BOOT.fullmatch(words["boot"]):
        raise ValueError(f"boot: expected 8 to 32 hexadecimal digits, found {shown(words['boot'])}")
    return Request(_path(words["address"], gateway), words["boot"], ranges_of(words["seqs"]))


def ranges_of(text: str) -> list[tuple[int, int]]:
    """``5-9,12`` as ranges in order, without overlap; raises ValueError.

    >>> ranges_of("12,5-9,7-10")
    [(5, 10), (12, 12)]
    """
    parts = text.split(",", MAX_RANGES)
    if len(parts) > MAX_RANGES:
        raise ValueError(f"seqs: more than {MAX_RANGES} ranges")
    ranges = []
    for part in parts:
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= MAX_INT:
            raise ValueError(f"seqs: expected ranges such as 5-9,12 from 1 on, found {shown(part)}")
        ranges.append((first, last))
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _path(text: str, gateway: Address) -> str:
    site = f"{gateway.enterprise}/{gateway.site}/"
    try:
        address = Address.parse(text if text.count("/") > 2 else site + text)
    except ContractError:
        raise ValueError(f"address: expected AREA/LINE/MACHINE or a whole path, found {shown(text)}") from None
    if not address.path.startswith(site):
        raise ValueError(f"address: {shown(text)} is not of the site {shown(site[:-1])}")
    return address.path


Reply = Callable[[Address, CommandRow, ReplyRow], Awaitable[None]]
"""Sends an answer: the address that it comes from, what was asked, the answer."""
Again = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Sends messages that were sent before."""


class Resends:
    """Hears the commands, and answers them one after the other.

    Args:
        gateways: whom such a command may go to.
        outboxes: where to look.
        now_ns: plant time, by which commands expire and replies are dated.
    """

    def __init__(self, gateways: Sequence[Address], outboxes: Outboxes, now_ns: Callable[[], int]) -> None:
        self._gateways = frozenset(gateways)
        self._outboxes = outboxes
        self._now_ns = now_ns
        self._waiting: deque[tuple[Address, CommandRow]] = deque()
        self._came = asyncio.Event()
        self._busy = asyncio.Lock()
        self._ending = False
        self._answers: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()
        self._replied_ns: dict[Address, int] = {}

    def hear(self, address: Address, row: CommandRow) -> bool:
        """Take a command in if it is one of these; False: it is somebody else's."""
        if row.action != ACTION:
            return False
        if len(self._waiting) >= MAX_WAITING:
            _LOG.warning("more than %d commands wait: one to %s is dropped", MAX_WAITING, address.path)
            return True
        self._waiting.append((address, row))
        self._came.set()
        return True

    @contextlib.asynccontextmanager
    async def answering(self, reply: Reply, again: Again, stop: asyncio.Event) -> AsyncIterator[None]:
        """Answer as long as the context lasts; an error of the answering sets ``stop``, and is raised at the end.

        Args:
            reply: sends an answer.
            again: sends messages that were sent before.
            stop: ends the run.
        """
        task = asyncio.ensure_future(self._serve(reply, again))
        task.add_done_callback(lambda ended: None if ended.cancelled() else stop.set())
        try:
            yield
            self._ending = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S), self._busy:
                    pass  # an answer that is under way has a number that nobody else will use
        finally:
            failed = task.done()
            await ended(task)
        if failed:
            task.result()

    async def _serve(self, reply: Reply, again: Again) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting and not self._ending:
                async with self._busy:
                    await self._answer(*self._waiting.popleft(), reply, again)

    async def _answer(self, address: Address, row: CommandRow, reply: Reply, again: Again) -> None:
        """One command; the same again gets the same answer, and nothing is sent."""
        key = (address.path, row.command)
        if key not in self._answers:
            self._answers[key] = await self._obey(address, row, reply, again)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        await reply(address, row, self._row(address, row, *self._answers[key]))

    async def _obey(self, address: Address, row: CommandRow, reply: Reply, again: Again) -> tuple[str, str]:
        """The last status of a command, and the reason."""
        try:
            request = self._request(address, row)
            found = self._outboxes.count(*request)
        except (ValueError, LinkError) as error:
            return "refused", str(error)[:200]
        await reply(address, row, self._row(address, row, "accepted", _counted(request, found)))
        chunks, sent = self._outboxes.find(*request), 0
        while not self._ending:
            try:
                chunk = next(chunks, None)
            except LinkError as error:
                return "refused", str(error)[:200]
            if chunk is None:
                return "done", _counted(request, sent)  # some may have had to make room meanwhile
            await again(chunk)
            sent += len(chunk)
        return "refused", "the run ends"

    def _request(self, address: Address, row: CommandRow) -> Request:
        if row.expires is not None and row.expires <= self._now_ns():
            raise ValueError("expired")
        if row.interlock:
            raise ValueError("an interlock means nothing here")
        if address not in self._gateways:
            raise ValueError("ask the gateway of the site")
        if not self._outboxes.mine:
            raise ValueError("there is no edge buffer")
        return request_of(row, address)

    def _row(self, address: Address, row: CommandRow, status: str, reason: str) -> ReplyRow:
        """The answer; each has a time of its own, also while the plant's stands still."""
        t_ns = max(self._now_ns(), self._replied_ns.get(address, -1) + 1)
        self._replied_ns[address] = t_ns
        return ReplyRow(t=t_ns, command=row.command, status=status, reason=reason)


def _counted(request: Request, found: int) -> str:
    return f"found {found}, not found {request.size - found}"
