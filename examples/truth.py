"""Eight hours of the simulated line, without a broker: what really happened, machine by machine.

The same seed gives the same factory, on every machine and in every chunking of time.
"""

from collections import Counter

from simulator import Settings
from simulator.factory import Factory
from simulator.setup import setup

START, HOUR = 1_795_305_600_000_000_000, 3600 * 10**9

factory = Factory(setup(Settings(seed=7, shifts="continuous")).park, boot="5eed5eed", start_ns=START)
said = factory.opening()
for hour in range(1, 9):
    said += factory.advance(START + hour * HOUR, telemetry_ns=60 * 10**9)
said += factory.closing()

print(dict(sorted(Counter(message.kind for message in said).items())))
for path, truth in factory.truth():
    name = path.rpartition("/")[2]
    if name in ("stamp-1", "mould-3", "drum-1", "assemble-1", "test-12", "pack-1"):
        states = {k.partition("/")[2]: v for k, v in truth["state_ns"].items()}
        share = {reason: f"{100 * ns / (8 * HOUR):.1f}%" for reason, ns in sorted(states.items())}
        print(
            f"{name:10} good {truth['good']:4}  scrap {truth['scrap']:2}  {truth['energy_wh'] / 1000:7.1f} kWh  {share}"
        )
