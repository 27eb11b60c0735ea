"""One repair crew for a park: how long broken machines wait for a technician, by the size of the crew.

Six technicians in three crews of two, then fewer in one crew for all. A machine waits in `Aborted` and is repaired in
`Clearing`; the technician's way, ten minutes in the mean, is part of the waiting.
"""

from dataclasses import replace
from pathlib import Path

from simulator import Settings
from simulator.factory import Factory
from simulator.setup import setup
from simulator.span import span

MINUTE = 60 * 10**9
OWN_CREWS = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))

print("technicians        failures  wait for one  repair")
for technicians in (None, 3, 2, 1):
    start_ns, live_ns = span(OWN_CREWS.settings, 0, None)
    factory = Factory(replace(OWN_CREWS.park, technicians=technicians), "5eed5eed", start_ns)
    factory.skip(live_ns + round(OWN_CREWS.settings.duration_s) * 10**9)
    machines = [truth for _, truth in factory.truth()]
    failures = sum(m["failures"] for m in machines)
    waited_ns, repaired_ns = (
        sum(m["state_ns"].get(f"{state}/breakdown", 0) for m in machines) for state in ("Aborted", "Clearing")
    )
    crew = f"{technicians} for all" if technicians else "2 in each works"
    print(f"{crew:17} {failures:9} {waited_ns / failures / MINUTE:9.0f} min {repaired_ns / failures / MINUTE:3.0f} min")
