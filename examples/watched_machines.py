"""Condition monitoring: the same wear, once unwatched, once with nine of ten coming failures noticed in time.

Failures become maintenance, which is shorter and falls between two loads. The gain in tiles is small: this works
has silos between its steps, and breakdowns cost it few hours.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.scenario import ScenarioPolicies
from simulator.setup import setup
from simulator.span import span

HOUR = 3600 * 10**9
UNWATCHED = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))

print("caught  failures  maintained  h broken  h maintained  m2 finished")
for caught in (0.0, 0.9):
    (site,) = UNWATCHED.park.sites
    own = ScenarioPolicies(caught=caught).over(site.policies)
    park = replace(UNWATCHED.park, sites=(replace(site, own_policies=own),))
    start_ns, live_ns = span(UNWATCHED.settings, 0, None)
    factory = Factory(park, "5eed5eed", start_ns)
    factory.skip(live_ns + round(UNWATCHED.settings.duration_s) * 10**9)
    machines = [truth for _, truth in factory.truth()]
    spent = Counter[str]()
    for truth in machines:
        spent.update(truth["state_ns"])
    broken_ns = spent["Aborted/breakdown"] + spent["Clearing/breakdown"]
    ((_, flows),) = factory.flows()
    print(
        f"{caught:6.0%} {sum(m['failures'] for m in machines):9} {sum(m['maintained'] for m in machines):11}"
        f" {broken_ns / HOUR:9.0f} {spent['Stopped/planned_maintenance'] / HOUR:13.0f} {flows['finished_units']:12,}"
    )
