"""A run without a broker: as fast as the factory goes, into the ledger alone.

What it is: the shell of ``qilu simulate --dry-run``. Everything happens as in any other run; nothing is said of it, so
no sensor is sampled and no message made. The ledger has every event, and the truth at every full day.
What it is not: paced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.factory import Factory
from simulator.fault_plan import ledger_line
from simulator.ledger import Ledger
from simulator.plant import DAY_NS, SECOND_NS
from simulator.settings import Settings
from simulator.setup import setup
from simulator.span import span

_SLICE_NS: Final = DAY_NS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run without a broker has done; ``lots`` are machine-cycles."""

    sectors: str
    seed: int
    machines: int
    start_ns: int
    end_ns: int
    states: int
    lots: int
    orders: int
    shipments: int
    finished_units: int


def run_headless(
    settings: Settings,
    *,
    boot: str,
    now_ns: int,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Outcome:
    """Run history and live part of the settings at full speed; ``stopped`` ends it cleanly after a slice.

    Args:
        settings: what to run; speed does not matter. Without a duration only the history is run.
        boot: names this start.
        now_ns: where time stands; the history lies before it.
        stopped: asked after each slice.
        progress: told the fraction done.

    Raises:
        ConfigError: the settings cannot be met, or the ledger cannot be written.
    """
    what = setup(settings)
    settings = what.settings
    start_ns, live_ns = span(settings, now_ns, None)
    end_ns = live_ns + round(settings.duration_s * settings.pace * SECOND_NS)
    plan = what.plan(live_ns, start_ns)
    factory = Factory(what.park, boot, start_ns, plan=plan, horizon_ns=end_ns + 14 * DAY_NS)
    counts = [0, 0, 0, 0]
    with Ledger(settings.ledger, boot=boot) as ledger:
        ledger.begin(
            seed=settings.seed,
            sector=what.park.name,
            start_ns=start_ns,
            machines=[voice.address.path for voice in factory.voices],
        )
        ledger.faults(ledger_line(one) for one in plan.all)
        _testify(ledger, factory)
        while factory.now_ns < end_ns and not stopped():
            factory.skip(min(end_ns, factory.now_ns - factory.now_ns % _SLICE_NS + _SLICE_NS))
            happened = factory.take_happened()
            for part in happened:
                counts = [count + len(rows) for count, rows in zip(counts, part, strict=True)]
            ledger.events(happened)
            _testify(ledger, factory)
            ledger.flush()
            progress((factory.now_ns - start_ns) / max(1, end_ns - start_ns))
        ledger.end(factory.now_ns)
    finished = sum(body["finished_units"] for _, body in factory.flows())
    machines, (states, lots, orders, shipments) = len(factory.voices), counts
    return Outcome(
        what.park.name, settings.seed, machines, start_ns, factory.now_ns, states, lots, orders, shipments, finished
    )


def _testify(ledger: Ledger, factory: Factory) -> None:
    ledger.truth(factory.now_ns, factory.truth())
    ledger.flows(factory.now_ns, factory.flows())
