"""What next? First come first served, the earliest due date, or the least setup: three runs with the same orders.

The shop has no slack for tools that are changed at almost every order: by two of the rules a fifth of the time goes
into setups, and the heap of open orders grows. The rule that looks at the tools first makes far more in the same time.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.scenario import ScenarioPolicies
from simulator.sector_model import Dispatch
from simulator.setup import setup
from simulator.span import span

ORDINARY = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))
RULES: tuple[Dispatch, ...] = ("fifo", "due", "setup")

print("rule   ordered  finished  still open  setups")
for rule in RULES:
    (site,) = ORDINARY.park.sites
    own = ScenarioPolicies(dispatch=rule).over(site.policies)
    what = replace(ORDINARY, park=replace(ORDINARY.park, sites=(replace(site, own_policies=own),)))
    start_ns, live_ns = span(what.settings, 0, None)
    factory = Factory(what.park, "5eed5eed", start_ns)
    factory.skip(live_ns + round(what.settings.duration_s) * 10**9)
    ((_, flows),) = factory.flows()
    spent = Counter[str]()
    for _, truth in factory.truth():
        spent.update(truth["state_ns"])
    open_ns = spent.total() - spent["Stopped/planned_stop"] - spent["Stopped/no_shift"]
    print(
        f"{rule:5} {flows['ordered_units']:8,} {flows['finished_units']:9,} {flows['backlog_units']:11,}"
        f" {spent['Stopped/setup'] / open_ns:7.1%}"
    )
