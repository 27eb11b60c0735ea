"""A process of ours: log lines, signals, and a heartbeat that a container's health check reads.

What it is: the shell that the three services have in common.
What it is not: the place of any work; a service hands in its own coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

STALE_AFTER_S = 30.0
_LOG = logging.getLogger("qilu.service")


def configure_logging(level: str = "INFO") -> None:
    """Log to standard error, one line per record: Qilu from ``level`` on, everybody else from WARNING on.

    Text from devices arrives quoted by ``repr``.
    """
    logging.basicConfig(
        stream=sys.stderr, level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("qilu").setLevel(level)


def run_until_signalled(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run ``main(stop)`` and set ``stop`` at SIGINT or SIGTERM; returns what ``main`` returns.

    It is taken to be the whole process: Python looks for cycles of garbage less often from here on.
    """
    gc.set_threshold(50_000, 20, 100)  # rows come by the ten thousand and hold no cycles, but each look goes over them

    async def supervised() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # platforms without signal handlers in the loop
                loop.add_signal_handler(number, stop.set)
        return await main(stop)

    return asyncio.run(supervised())


Start = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]


@contextlib.asynccontextmanager
async def together() -> AsyncIterator[Start]:
    """Tasks that fall together: the first error of one ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group.create_task
    except* Exception as errors:
        raise errors.exceptions[0] from None


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and see them off; what they raise is theirs.

    They are cancelled again until they end: before Python 3.12 a wait with a timeout (``asyncio.wait_for``) that ends
    in the moment in which it is cancelled swallows the cancellation, and its task would go on for good.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen, so that nobody complains of an error that was never retrieved


class Heartbeat:
    """A small JSON file that is rewritten while all is well."""

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        """``path`` empty: no file is written. ``clock`` gives seconds since 1970."""
        self._path = Path(path) if path else None
        self._clock = clock
        self._failing = False

    def beat(self, status: Mapping[str, Any]) -> None:
        """Write the time and the status, whole or not at all.

        A file that cannot be written stops no work: it grows stale, which is what the health check is there to see.
        """
        if self._path is None:
            return
        body = msgspec.json.encode({"time": self._clock(), **status})
        draft = self._path.with_suffix(".new")
        try:
            draft.write_bytes(body)
            draft.replace(self._path)
        except OSError as error:
            if not self._failing:
                _LOG.warning("cannot write the heartbeat %s: %s; trying again", self._path, error.strerror or error)
            self._failing = True
        else:
            self._failing = False


def heartbeat_problem(path: str, now: float, stale_after_s: float = STALE_AFTER_S) -> str | None:
    """What is wrong with the process that should be writing ``path``; None when it is healthy."""
    try:
        body = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
        age = now - float(body["time"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        return f"no heartbeat in {path}: {error}"
    if age > stale_after_s:
        return f"the last heartbeat in {path} is {age:.0f} s old"
    problem = body.get("problem")
    return None if problem is None else str(problem)
