"""A supplier fails: how long the stock hides it, which machines stand and for which material, and how long it lasts.

The cause is in each state that a machine enters: `Suspended`, `starved`, and the name of the material that is missing.
"""

from collections import Counter
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.happenings import Doing
from simulator.setup import setup
from simulator.span import span

DAY, HOUR = 24 * 3600 * 10**9, 3600 * 10**9

what = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))
start_ns, live_ns = span(what.settings, 0, None)
end_ns = live_ns + round(what.settings.duration_s) * 10**9
plan = what.plan(live_ns, start_ns)
factory = Factory(what.park, "5eed5eed", start_ns, plan=plan)
names = [material.name.rpartition("/")[2] for material in factory.plant.world.materials]

print("day  packed  packaging on hand  hours without material")
packed = 0
lost = Counter[tuple[str, str]]()
since: dict[int, tuple[int, str]] = {}
for day in range(start_ns, end_ns, DAY):
    factory.skip(day + DAY)
    stood = Counter[tuple[str, str]]()
    happened = [row for part in factory.take_happened() for row in part.entered]
    for row in happened:
        machine, t_ns = int(row["machine"]), int(row["t_ns"])
        if machine in since:
            from_ns, material = since.pop(machine)
            stood[factory.voices[machine].address.machine, material] += t_ns - from_ns
        if row["doing"] == Doing.NO_MATERIAL:
            since[machine] = (t_ns, names[row["detail"]])
    for machine, (from_ns, material) in since.items():
        stood[factory.voices[machine].address.machine, material] += day + DAY - from_ns
        since[machine] = (day + DAY, material)
    lost.update(stood)
    before, packed = packed, sum(t["good"] for path, t in factory.truth() if "/pack-" in path)
    ((_, flows),) = factory.flows()
    number = (day - live_ns) // DAY + 1
    if number >= 0:
        on_hand = flows["stock_u"]["packaging"] // 10**6
        print(f"{number:3} {packed - before:7,} {on_hand:18,} {stood.total() / HOUR:23.1f}")
for (name, material), ns in sorted(lost.items()):
    print(f"{name} waited {ns / HOUR:.0f} h for {material}")
for fault in plan.all:
    print(f"the ledger says: {fault.fault.kind}, {fault.path}, {fault.fault.cause}")
