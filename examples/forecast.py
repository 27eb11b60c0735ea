"""A forecast is a copy that runs ahead: a factory is a value, and a copy of it has a future of its own.

One copy shows what will come, a second one what would come if the kiln were maintained now. Then the factory itself
goes through the day, hour by hour: the same state and the same chance give the same day.
"""

from copy import deepcopy
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.kernel import act
from simulator.setup import setup
from simulator.span import span

HOUR = 3600 * 10**9

what = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))
start_ns, live_ns = span(what.settings, 0, None)
end_ns = live_ns + round(what.settings.duration_s) * 10**9
factory = Factory(what.park, "5eed5eed", start_ns, plan=what.plan(live_ns, start_ns))
kiln = [voice.address.machine for voice in factory.voices].index("fire-1")


def kiln_hours(plant: Factory) -> list[float]:
    """So far: hours in which the kiln was broken or under maintenance, and m2 that it has fired well."""
    _, truth = plant.truth()[kiln]
    spent = truth["state_ns"]
    broken_ns = spent.get("Aborted/breakdown", 0) + spent.get("Clearing/breakdown", 0)
    return [broken_ns / HOUR, spent.get("Stopped/planned_maintenance", 0) / HOUR, truth["good"]]


factory.skip(live_ns + HOUR)
before = kiln_hours(factory)

ahead, mended = deepcopy(factory), deepcopy(factory)
ahead.skip(end_ns)
act.maintain(mended.plant, kiln)
mended.skip(end_ns)
for now_ns in range(live_ns + 2 * HOUR, end_ns + HOUR, HOUR):
    factory.skip(now_ns)

print("the kiln's day     broken  maintained  m2 fired")
for name, plant in (("forecast", ahead), ("if maintained now", mended), ("as it came", factory)):
    broken, maintained, fired = (after - was for after, was in zip(kiln_hours(plant), before, strict=True))
    print(f"{name:17} {broken:5.1f} h {maintained:9.1f} h {fired:9,}")
same = (ahead.truth(), ahead.flows()) == (factory.truth(), factory.flows())
print(f"what was forecast and what came are {'equal to the last nanosecond' if same else 'different'}")
