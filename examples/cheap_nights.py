"""Cheap nights: ball mills that wait for the cheaper tariff, and what a kilowatt-hour then costs them.

Waiting saves twice. More of the milling lies in cheap hours; and a mill that cannot start at once has a full load when
it does, where before it ran half empty. What it costs is shown too: some of the tiles come later.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.scenario import ScenarioPolicies
from simulator.setup import setup
from simulator.span import span

HOUR = 3600 * 10**9
AT_ANY_TIME = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))

print("mills may wait  waited  mills' kWh  CNY per MWh  whole works' CNY per m2  m2 finished")
for wait in (False, True):
    (site,) = AT_ANY_TIME.park.sites
    own = ScenarioPolicies(cheap_power=wait).over(site.policies)
    park = replace(AT_ANY_TIME.park, sites=(replace(site, own_policies=own),))
    start_ns, live_ns = span(AT_ANY_TIME.settings, 0, None)
    factory = Factory(park, "5eed5eed", start_ns)
    factory.skip(live_ns + round(AT_ANY_TIME.settings.duration_s) * 10**9)
    truths = factory.truth()
    mills = [truth for path, truth in truths if "/mill-" in path]
    waited_ns = sum(m["state_ns"].get("Suspended/utility", 0) for m in mills)
    kwh = sum(m["energy_wh"] for m in mills) / 1000
    cost = sum(Fraction(m["money"]["energy"]) for m in mills)
    all_cost = sum(Fraction(truth["money"]["energy"]) for _, truth in truths)
    ((_, flows),) = factory.flows()
    print(
        f"{'yes' if wait else 'no':14} {waited_ns / HOUR:5.0f} h {kwh:11,.0f} {float(cost) / kwh * 1000:12.0f}"
        f" {float(all_cost) / flows['finished_units']:24.2f} {flows['finished_units']:12,}"
    )
