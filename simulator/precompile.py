"""``python -m simulator.precompile``: compile everything that a plant needs, once, and keep it.

What it is: the first minute of a new installation, done beforehand. A small factory runs for a few minutes of
plant time with faults and commands; what it calls is compiled, and lies in the cache of ``compiled.py`` from then on.
What it is not: necessary. Without it the first run compiles, and says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Final, TextIO

from contract import CommandRow, QiluError
from simulator import compiled
from simulator.factory import Factory
from simulator.faults import fault_of_text
from simulator.plant import DAY_NS, MINUTE_NS, SECOND_NS
from simulator.settings import Settings
from simulator.setup import setup

_START_NS: Final = 1_767_576_600 * SECOND_NS
"""A Monday, 2026-01-05, half past one in the night: any time would do."""
_FAULTS: Final = (
    "breakdown machine={machine} at=1m",
    "jam machine={other} at=1m",
    "stop machine={other} at=2m for=1m",
    "power_limit magnitude=1 at=2m",
    "stuck machine={machine} sensor={sensor} at=1m for=2m",
    "spike machine={machine} sensor={sensor} magnitude=1 at=1m for=2m",
)
_ACTIONS: Final = ("stop", "start", "maintain")
_EVERY_S: Final = 0.5
_CELLS: Final = 30
_CLEAR: Final = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done; ``functions`` are those in the cache, ``compiled`` those that were not there before."""

    functions: int
    compiled: int
    seconds: float
    kept: bool


def precompile() -> Outcome:
    """Compile what is not yet compiled; at once where nothing is missing."""
    before, began = compiled.kept(), time.perf_counter()
    if not compiled.cold():
        return Outcome(before, 0, 0.0, True)
    _use_everything()
    kept = compiled.warmed()
    functions = compiled.kept()
    return Outcome(functions, functions - before, round(time.perf_counter() - began, 1), kept)


def ready(out: TextIO) -> None:
    """For whoever is about to run a plant: where nothing is compiled yet, say so on ``out`` and compile now."""
    if compiled.cold():
        out.write("qilu: compiling the simulator once (about a minute)…\n")
        out.flush()
        with _bar(out):
            precompile()


@contextmanager
def _bar(out: TextIO) -> Iterator[None]:
    """How much is compiled, for as long as the body runs; only at a terminal. The compiler has no hook for it."""
    if not out.isatty():
        yield
        return
    over, total, began = threading.Event(), compiled.to_keep(), time.monotonic()

    def show() -> None:
        while not over.wait(_EVERY_S):
            done = min(1.0, compiled.kept() / total)
            cells = "#" * int(done * _CELLS)
            out.write(f"{_CLEAR}compiling [{cells:.<{_CELLS}}] {100 * done:3.0f} %, {time.monotonic() - began:.0f} s")
            out.flush()

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        out.write(_CLEAR)
        out.flush()


def _use_everything() -> None:
    """A factory that does a little of all that a factory can do."""
    what = setup(Settings(shifts="continuous"))
    (site, address, step), *_, (_, other, _) = what.park.machines
    sensor = site.model_of(step).sensors[0].name
    texts = [text.format(machine=address.machine, other=other.machine, sensor=sensor) for text in _FAULTS]
    what = replace(what, faults=tuple((fault_of_text(text), "settings") for text in texts))
    plan = what.plan(_START_NS, _START_NS)
    factory = Factory(what.park, "0" * 16, _START_NS, plan=plan, horizon_ns=_START_NS + 14 * DAY_NS)
    factory.skip(_START_NS + MINUTE_NS // 2)
    for minute in (1, 2, 3, 4):
        factory.advance(_START_NS + minute * MINUTE_NS, SECOND_NS)
        for action in _ACTIONS:
            factory.command(other, CommandRow(t=factory.now_ns, command=f"{action}-{minute}", action=action))
    factory.truth()
    factory.flows()


def main(arguments: Sequence[str]) -> int:
    """The command; exit code 1 when the code cannot be kept."""
    parser = argparse.ArgumentParser(prog="python -m simulator.precompile", description="Compile the simulator, once.")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    as_json = parser.parse_args(arguments).json
    try:
        with _bar(sys.stderr):
            outcome = precompile()
    except QiluError as error:
        sys.stderr.write(f"precompile: {error}\n")
        return 2
    sys.stdout.write((json.dumps(asdict(outcome)) if as_json else _told(outcome)) + "\n")
    return 0 if outcome.kept else 1


def _told(outcome: Outcome) -> str:
    if not outcome.kept:
        return f"compiled in {outcome.seconds:.0f} s, but not kept in {compiled.cache_root()}: each start compiles anew"
    if not outcome.compiled:
        return f"already compiled: {outcome.functions} functions"
    return f"compiled {outcome.compiled} functions in {outcome.seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
