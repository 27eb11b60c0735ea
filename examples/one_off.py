"""One-off against stock: what it costs a line when nine of ten units are made for one consumer.

The demand in units is the same. Orders become small and many, so tools are changed more often and an order waits
longer for its turn; the machines are the same, and none of them works better or worse.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median

from simulator import Settings
from simulator.factory import Factory
from simulator.happenings import OrderEvent
from simulator.setup import Setup, setup
from simulator.span import span

HOUR = 3600 * 10**9
ORDINARY = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))


def run(what: Setup) -> str:
    """Run it; a line of what happened to orders placed after the history, and of what all machines did."""
    start_ns, live_ns = span(what.settings, 0, None)
    factory = Factory(what.park, "5eed5eed", start_ns)
    factory.skip(live_ns)
    factory.take_happened()
    factory.skip(live_ns + round(what.settings.duration_s) * 10**9)
    placed: dict[int, int] = {}
    waited = []
    for event in (row for part in factory.take_happened() for row in part.ordered):
        if event["what"] == OrderEvent.ACCEPTED:
            placed[event["order"]] = event["t_ns"]
        elif event["what"] == OrderEvent.FINISHED and event["order"] in placed:
            waited.append((event["t_ns"] - placed[event["order"]]) / HOUR)
    spent = Counter[str]()
    for _, truth in factory.truth():
        spent.update(truth["state_ns"])
    open_ns = spent.total() - spent["Stopped/planned_stop"] - spent["Stopped/no_shift"]
    ideal_ns = sum(truth["ideal_good_ns"] for _, truth in factory.truth())
    return (
        f"{len(waited):6,} {median(waited):15.0f} h {spent['Stopped/setup'] / open_ns:8.1%} {ideal_ns / open_ns:6.0%}"
    )


print("personalised  orders  made in (median)  setups    OEE")
for share in (0.1, 0.9):
    sites = tuple(replace(site, personalised=share) for site in ORDINARY.park.sites)
    print(f"{share:12.0%}  {run(replace(ORDINARY, park=replace(ORDINARY.park, sites=sites)))}")
