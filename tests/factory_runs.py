"""Factories to be tried: lines and parks out of the built-in data, run with any cuts of time, and what they said, read.

What it is: shared by the tests of the simulator's assembly; reading goes through the contract, never through the
simulator's own structures.
What it is not: a test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec

from contract import Address, CommandRow, Message, Telemetry, decode
from simulator.factory import Factory, targets
from simulator.fault_plan import FaultPlan
from simulator.faults import fault_of_text
from simulator.outgoing import Outgoing
from simulator.plant import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Park, Site
from simulator.settings import Settings
from simulator.setup import setup

START = 1_795_226_521 * SECOND_NS  # 2026-11-21 02:02:01 UTC, a Saturday: not at a full minute
BOOT = "00ff00ff"
Found = dict[tuple[str, str], list[Message]]
Step = Callable[[Factory], None]


@cache
def park_of(sector: str) -> Park:
    """A sector's line around the clock, by itself."""
    return setup(Settings(sector=sector, shifts="continuous")).park


@cache
def site_of(sector: str) -> Site:
    """The one site of ``park_of``."""
    return park_of(sector).sites[0]


@cache
def two() -> Park:
    """Two works that share a crew, a limit of power and a warehouse."""
    works = (
        replace(site_of("home_appliances"), enterprise="works-a"),
        replace(site_of("ceramics"), enterprise="works-b"),
    )
    return Park(works, technicians=2, power_limit_kw=2_300.0, warehouse=True)


@cache
def twins() -> Park:
    """Two works of one sector, so that every material is shared."""
    line = site_of("home_appliances")
    works = replace(line, enterprise="works-a"), replace(line, enterprise="works-b", seed=line.seed + 1)
    return Park(works, technicians=1, warehouse=True)


PARKS: dict[str, Callable[[], Park]] = {
    "home_appliances": lambda: park_of("home_appliances"),
    "ceramics": lambda: park_of("ceramics"),
    "biomedicine": lambda: park_of("biomedicine"),
    "two": two,
}


def factory(park: Park, *faults: str, start_ns: int = START) -> Factory:
    """A factory about to begin, with faults as on the command line."""
    plan = FaultPlan(park.seed, start_ns, targets(park))
    for text in faults:
        plan.add(fault_of_text(text), start_ns, "scenario")
    return Factory(park, BOOT, start_ns, plan=plan, horizon_ns=start_ns + 30 * DAY_NS)


def run(
    park: Park,
    until_ns: int,
    *faults: str,
    cuts: Sequence[int] = (),
    telemetry_ns: int = 10 * MINUTE_NS,
) -> tuple[Factory, list[Outgoing]]:
    """The factory at its end, and all it said; times are offsets from the start."""
    made = factory(park, *faults)
    said = made.opening()
    for cut in [*cuts, until_ns]:
        said += made.advance(START + cut, telemetry_ns)
    return made, said + made.closing()


def read(said: Sequence[Outgoing]) -> Found:
    """Every message by address and kind."""
    found: Found = defaultdict(list)
    for out in said:
        found[out.address.path, out.kind].append(decode(out.kind, out.payload))
    return found


def rows(messages: Sequence[Message]) -> list[Any]:
    """All rows of one topic, whatever the batches were; births and deaths without their numbers."""
    flat: list[Any] = []
    for message in messages:
        if isinstance(message, Telemetry):
            columns = [message.values[name] for name in sorted(message.values)]
            flat += zip(message.t, *columns, strict=True)
        else:
            flat += getattr(message, "rows", [msgspec.structs.replace(message, seq=0)])
    return flat


def all_rows(said: Sequence[Outgoing]) -> dict[tuple[str, str], list[Any]]:
    """All rows by address and kind."""
    return {topic: rows(messages) for topic, messages in read(said).items()}


def machine(park: Park, name: str, enterprise: str = "") -> Address:
    """The address of a machine by its own name."""
    return next(a for s, a, _ in park.machines if a.machine == name and (not enterprise or s.enterprise == enterprise))


def ask(made: Factory, address: Address, action: str, name: str = "c-1", **changes: Any) -> Any:
    """Give a command now; returns the reply's row."""
    arguments = changes.pop("arguments", {})
    row = CommandRow(t=made.now_ns, command=name, action=action, arguments=arguments, **changes)
    return made.command(address, row)[0]


__all__ = ["BOOT", "DAY_NS", "HOUR_NS", "MINUTE_NS", "PARKS", "SECOND_NS", "START"]
