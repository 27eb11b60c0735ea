"""Two sensors of a press that lie: what they say, beside what they would have said without the fault.

The press runs as always: a fault of a sensor changes what is said and nothing else.
"""

from dataclasses import replace
from pathlib import Path

from contract import Telemetry, decode
from simulator import Settings
from simulator.factory import Factory
from simulator.setup import Setup, setup
from simulator.span import span

MINUTE = 60 * 10**9
SENSORS = ("die_temp", "press_force")


def said(what: Setup) -> tuple[dict[int, list[float | None]], int]:
    """The values of the press by minute, and its good parts."""
    start_ns, live_ns = span(what.settings, 0, None)
    plan = what.plan(live_ns, start_ns)
    factory = Factory(what.park, "5eed5eed", start_ns, plan=plan)
    values = {}
    for out in factory.advance(live_ns + round(what.settings.duration_s) * 10**9, 10 * MINUTE):
        if out.kind == "telemetry" and out.address.machine == "stamp-1":
            message = decode(out.kind, out.payload)
            assert isinstance(message, Telemetry)
            for row, t_ns in enumerate(message.t):
                values[(t_ns - start_ns) // MINUTE] = [message.values[name][row] for name in SENSORS]
    (good,) = (truth["good"] for path, truth in factory.truth() if path.endswith("/stamp-1"))
    return values, good


what = setup(Settings(scenario=str(Path(__file__).with_suffix(".yaml"))))
lying, good = said(what)
honest, as_good = said(replace(what, faults=()))
print("minute  die_temp  without fault  press_force  without fault")
for minute in range(110, 250, 10):
    temp, force = lying[minute]
    true_temp, true_force = honest[minute]
    print(f"{minute:6} {temp:9.1f} {true_temp:14.1f} {force:12.0f} {true_force:14.0f}")
print(f"parts stamped: {good:,}; without faults: {as_good:,}")
