"""A machine of your own joins the plant: birth, states, lots and a meter over MQTT, and its figures come out.

Everything is real: the broker, the ingester, the historian and the analytics. Only the machine is these few lines.
"""

import asyncio
import tempfile
import time

from analytics import compute
from console.embedded_broker import EmbeddedBroker
from contract import (
    Address,
    Birth,
    Cycle,
    CycleRow,
    Economics,
    Message,
    Meter,
    MeterRow,
    PackMLState,
    Production,
    Reason,
    State,
    StateRow,
)
from historian import open_store
from ingest.run import ingest
from ingest.settings import Settings
from ingest.status import Status
from service import Broker
from simulator import Outgoing, Publisher

BOOT, START, SECOND = "0ddba11e", 1_795_305_600_000_000_000, 10**9
OVEN = Address("bakery", "town", "hall", "line-1", "oven <b>2")
RUN, BROKEN = (PackMLState.EXECUTE, Reason.RUNNING), (PackMLState.ABORTED, Reason.BREAKDOWN)


def minute(n: int) -> int:
    """Event time of the n-th minute."""
    return START + n * 60 * SECOND


def an_hour_of_baking() -> list[Message]:
    """Twenty loaves, ten minutes of breakdown, 9 kWh."""
    states = [(0, RUN), (30, BROKEN), (40, RUN)]
    loaves = [m for m in range(2, 61, 2) if not 30 < m <= 40][:20]
    return [
        Birth(
            boot=BOOT,
            seq=1,
            t=START,
            role="machine",
            model="stone oven",
            version="1",
            counters={"energy_wh": "Wh"},
            production=Production(step="bake", position=1, ideal_cycle_ns=100 * SECOND),
            economics=Economics(currency="EUR", operators=1, wage_per_h=24.0, material_per_unit=0.8),
        ),
        State(boot=BOOT, seq=2, rows=[StateRow(t=minute(m), state=s, reason=r) for m, (s, r) in states]),
        Cycle(
            boot=BOOT,
            seq=3,
            rows=[
                CycleRow(
                    t=minute(m),
                    order="o-1",
                    product="loaf",
                    variant="rye",
                    good=int(m != 6),
                    scrap=int(m == 6),
                    rework=0,
                    ideal_ns=100 * SECOND,
                    actual_ns=120 * SECOND,
                )
                for m in loaves
            ],
        ),
        Meter(boot=BOOT, seq=4, rows=[MeterRow(t=minute(m), counters={"energy_wh": 150 * m}) for m in (0, 30, 60)]),
    ]


async def main() -> None:
    """The plant around the machine."""
    with EmbeddedBroker() as embedded, tempfile.TemporaryDirectory() as folder:
        broker, status, stop = Broker(url=embedded.url), Status(), asyncio.Event()
        async with open_store("duckdb::memory:") as store:
            settings = Settings(dead_letters=folder)
            ingester = asyncio.create_task(
                ingest(settings, broker, store, stop=stop, clock_ns=time.time_ns, status=status)
            )
            while not status.connected:  # noqa: ASYNC110  # before the first subscription a broker keeps nothing
                await asyncio.sleep(0.05)
            messages = an_hour_of_baking()
            async with Publisher(broker, "oven") as publisher:
                await publisher.publish([Outgoing.of(OVEN, m, retain=isinstance(m, Birth)) for m in messages])
            while status.written < len(messages):  # noqa: ASYNC110  # a page, too, looks at it from time to time
                await asyncio.sleep(0.05)
            stop.set()
            await ingester
            for figures in (await compute(store, [START, minute(60) + 1], until_ns=minute(60))).whole():
                made = figures.elements
                print(f"{'/'.join(figures.path)}: {made.gq} good, {made.sq} scrap, {made.energy_wh} Wh")
                if figures.line_oee is not None and figures.costs is not None:
                    print(f"  OEE {figures.line_oee:.4f}, {figures.unit_cost:.4f} {figures.costs.currency} per loaf")


asyncio.run(main())
