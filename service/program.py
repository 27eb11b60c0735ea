"""``python -m <room>``: what the three services have in common before and after their own work.

What it is: flags, configuration, the health check, signals and exit codes: 0 after a clean end, 1 when the link was
lost or the health is bad, 2 when the configuration is wrong.
What it is not: any room's work; a room hands in its settings and its coroutine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from contract import ConfigError, LinkError
from service.process import configure_logging, heartbeat_problem, run_until_signalled
from service.settings import CONFIG_VARIABLE, SECTIONS, check_environment, load, read_document

S = TypeVar("S", bound=Struct)
T = TypeVar("T", bound=Struct)


class Sections(Protocol):
    """The other sections of the same configuration, such as the broker's; raises ConfigError."""

    def __call__(self, section: str, type_: type[T], /) -> T:
        """The settings of a section."""


@dataclass(frozen=True, slots=True)
class Program(Generic[S]):
    """A service.

    Attributes:
        room: the room's name, which is its section's as well.
        does: one sentence for ``--help``.
        settings: the type of its section; it has a key ``heartbeat``.
        serve: the work: settings, the other sections and the stop event in, exit code out.
        flags: settings that a flag may override: key -> help.
    """

    room: str
    does: str
    settings: type[S]
    serve: Callable[[S, Sections, asyncio.Event], Awaitable[int]]
    flags: Mapping[str, str] = field(default_factory=dict)

    def main(self, argv: Sequence[str], environ: Mapping[str, str], now_s: Callable[[], float]) -> int:
        """Run the service, or look at the health of a running one; returns the exit code."""
        flags = self._parser(environ).parse_args(argv)
        try:
            check_environment(environ, SECTIONS)
            document = read_document(flags.config, SECTIONS)

            def section(name: str, type_: type[T], /) -> T:
                return load(name, type_, document, environ)

            settings = section(self.room, self.settings)
            given = {key: value for key in self.flags if (value := getattr(flags, key)) is not None}
            settings = msgspec.structs.replace(settings, **given)
            if flags.health:
                return self._health(getattr(settings, "heartbeat"), now_s())  # noqa: B009  # every service's has it
            configure_logging()
            return run_until_signalled(lambda stop: self.serve(settings, section, stop))
        except ConfigError as error:
            return self._say(error, 2)
        except LinkError as error:
            return self._say(error, 1)

    def _parser(self, environ: Mapping[str, str]) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"python -m {self.room}", description=self.does)
        parser.add_argument("--config", metavar="FILE", default=environ.get(CONFIG_VARIABLE), help="TOML configuration")
        parser.add_argument("--health", action="store_true", help="exit 0 when the running service is well, else 1")
        for key, text in self.flags.items():
            parser.add_argument(f"--{key}", metavar="FILE", help=text)
        return parser

    def _health(self, heartbeat: str, now_s: float) -> int:
        if not heartbeat:
            raise ConfigError(f"--health needs {self.room}.heartbeat, the file that the running service rewrites")
        problem = heartbeat_problem(heartbeat, now_s)
        return 0 if problem is None else self._say(problem, 1)

    def _say(self, what: object, code: int) -> int:
        print(f"{self.room}: {what}", file=sys.stderr)  # noqa: T201  # the one line that the user gets
        return code
