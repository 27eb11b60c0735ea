"""One tree of errors, ordered by what the caller does with them.

What it is: the exceptions that cross a wall between rooms. A message names the machine, the file or the
server, and the next step.
What it is not: the place for errors that never leave their own file.
"""

from __future__ import annotations

from collections.abc import Sequence


class QiluError(Exception):
    """Any error that Qilu raises on purpose; everything else is a bug of ours."""


class ConfigError(QiluError):
    """Refuse to start: the user's configuration, flag or file is wrong. The command exits with 2."""


class ContractError(QiluError):
    """Drop this one message to the dead letters, count it, go on.

    Attributes:
        reason: a short stable word for counters and alarms, such as ``not-json`` or ``unknown-field``.
        detail: what is wrong, with the path inside the message where one is known.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class LinkError(QiluError):
    """A connection is down: reconnect with back-off and lose nothing."""


class WriteError(QiluError):
    """The historian did not take a batch; the three kinds below say what to do with it."""


class RetryLater(WriteError):
    """The same batch may succeed later.

    Attributes:
        after_s: the least number of seconds to wait, as the server asked; ``None`` when it did not say.
        kind: a short stable word for counters and alarms: ``silent`` (no answer), ``denied`` (401, 403), ``busy``
            (429, 503) or ``failed``.
    """

    def __init__(self, detail: str, after_s: float | None = None, kind: str = "failed") -> None:
        super().__init__(detail)
        self.after_s = after_s
        self.kind = kind


class PartialWrite(WriteError):
    """Some rows were refused, the others are stored.

    Attributes:
        rejected: ``(index, reason)`` of each refused frame of the batch.
    """

    def __init__(self, detail: str, rejected: Sequence[tuple[int, str]]) -> None:
        super().__init__(detail)
        self.rejected = tuple(rejected)


class Refused(WriteError):
    """The store will never take this batch as it is: nothing of it is stored."""
