"""What a foreign device has said, in the words of the contract, and its birth out of the mapping file.

What it is: pure functions from values to messages, and the names of those messages.
What it is not: where the values stand (``mapping.py``), or what they mean (``mapping_values.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from contract import (
    MAX_INT,
    Address,
    Birth,
    Message,
    Meter,
    MeterRow,
    Production,
    Sensor,
    State,
    StateRow,
    Telemetry,
)
from ingest.mapping_file import DeviceRule, Operation, Said
from ingest.mapping_time import SECOND_NS

_PERSON: Final = b"qilu mapping"
"""Keeps these digests apart from all others (RFC 7693, 2.5: personalisation)."""


@dataclass(slots=True)
class Reading:
    """What a foreign message tells of one time: sensors and counters by name, and the state."""

    sensors: dict[str, float] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    state: Said | None = None


def messages(read: Mapping[int, Reading], boot: str, seq: int) -> list[tuple[str, Message]]:
    """The messages by kind: telemetry, meter, state, each with its times in order; what was not read is not said.

    Args:
        read: event time in ns UTC -> what was read; at most ``MAX_ROWS`` times.
        boot: of the device.
        seq: the number of all these messages.
    """
    said: list[tuple[str, Message]] = []
    times = sorted(read)
    if sampled := [t for t in times if read[t].sensors]:
        names = dict.fromkeys(name for t in sampled for name in read[t].sensors)
        values: dict[str, list[float | None]] = {name: [read[t].sensors.get(name) for t in sampled] for name in names}
        said.append(("telemetry", Telemetry(boot=boot, seq=seq, t=sampled, values=values)))
    if meters := [MeterRow(t=t, counters=read[t].counters) for t in times if read[t].counters]:
        said.append(("meter", Meter(boot=boot, seq=seq, rows=meters)))
    if states := [_state_row(t, one) for t in times if (one := read[t].state) is not None]:
        said.append(("state", State(boot=boot, seq=seq, rows=states)))
    return said


def birth(device: DeviceRule, boot: str, day_ns: int) -> Birth:
    """What the file declares of a device, over all its topics."""
    return Birth(
        boot=boot,
        seq=_number(b"birth", boot.encode(), day_ns.to_bytes(8, "big")),
        t=day_ns,
        role=device.role,
        model=device.model,
        version=device.version,
        sensors={
            name: Sensor(unit=sensor.unit, low=sensor.low, high=sensor.high)
            for rule in device.topics
            for name, sensor in rule.sensors.items()
        },
        counters={name: counter.unit for rule in device.topics for name, counter in rule.counters.items()},
        production=_production(device.production),
        economics=device.economics,
    )


def boot_of(mapping: str, address: Address) -> str:
    """The boot of a device for good: 16 hexadecimal digits of the mapping's id and the address."""
    return blake2b(f"{mapping}\0{address.path}".encode(), digest_size=8, person=_PERSON).hexdigest()


def seq_of(topic: bytes, payload: bytes, t_ns: int) -> int:
    """The number that names a message within its boot: the same for the same message, of 53 bits."""
    return _number(topic, payload, t_ns.to_bytes(8, "big"))


def _state_row(t_ns: int, said: Said) -> StateRow:
    return StateRow(t=t_ns, state=said.state, reason=said.reason, mode=said.mode, cause=said.cause)


def _production(work: Operation | None) -> Production | None:
    if work is None:
        return None
    return Production(step=work.step, position=work.position, ideal_cycle_ns=round(work.ideal_cycle_s * SECOND_NS))


def _number(*parts: bytes) -> int:
    digest = blake2b(digest_size=8, person=_PERSON)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big") & MAX_INT
