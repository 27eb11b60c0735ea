"""A scripted edge node for the tests of the Sparkplug host: it counts, and says what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from contract import Address, Birth, Death, Message, Sensor, State, StateRow, Telemetry, encode
from contract.packml import PackMLState, Reason
from contract.sparkplug import birth_metrics, device_of, metrics_of, node_metrics, topic
from contract.sparkplug_names import BOOT
from contract.sparkplug_payload import DataType, Metric, Payload, encode_payload
from ingest.sparkplug_heard import Heard, Step
from ingest.sparkplug_host import Host

T0 = 1_700_000_000_000
"""The time at which everything begins, ms."""


@dataclass
class Wire:
    """One message on the wire: topic, payload, and the sender's time in ms."""

    topic: str
    payload: bytes
    at_ms: int


@dataclass
class OurEdge:
    """A node of ours: the contract's messages, wrapped. ``told`` is what the host should give back."""

    group: str = "acme"
    node: str = "plant-1"
    boot: str = "00ff00ff"
    bd_seq: int = 0
    with_boot: bool = True
    now_ms: int = T0
    seq: int = 0
    numbers: dict[Address, int] = field(default_factory=dict)
    births: dict[Address, Birth] = field(default_factory=dict)

    @property
    def gateway(self) -> Address:
        return Address(self.group, self.node, "production", "line-1", "gateway")

    def machine(self, name: str) -> Address:
        return Address(self.group, self.node, "production", "line:1%", name)

    def number(self, address: Address) -> int:
        self.numbers[address] = self.numbers.get(address, 0) + 1
        return self.numbers[address]

    def wire(self, type_: str, address: Address | None, metrics: Sequence[Metric], *, seq: int | None = -1) -> Wire:
        self.now_ms += 1
        if seq == -1:
            seq = self.seq = 0 if type_ == "NBIRTH" else (self.seq + 1) % 256
        device = None if address is None or address == self.gateway else device_of(address)
        payload = encode_payload(Payload(self.now_ms, seq, tuple(metrics)))
        return Wire(topic(self.group, type_, self.node, device), payload, self.now_ms)

    def birth(self, address: Address) -> Wire:
        birth = self.births.get(address)
        if birth is None:
            role = "gateway" if address == self.gateway else "machine"
            birth = Birth(boot=self.boot, seq=self.number(address), t=self.now_ms * 10**6, role=role, model="m",
                          version="1", sensors={"force": Sensor(unit="kN")})  # fmt: skip
            self.births[address] = birth
        metrics = birth_metrics(birth, self.boot, self.numbers[address], encode(birth), now_ms=self.now_ms)
        if address != self.gateway:
            return self.wire("DBIRTH", address, metrics)
        return self.wire("NBIRTH", address, (*metrics, *node_metrics(self.bd_seq, device_of(address), self.now_ms)))

    def telemetry(self, address: Address, value: float) -> tuple[Wire, Telemetry]:
        message = Telemetry(boot=self.boot, seq=self.number(address), t=[self.now_ms * 10**6 + 7],
                            values={"force": [value]})  # fmt: skip
        return self.data(address, message), message

    def state(self, address: Address) -> tuple[Wire, State]:
        row = StateRow(t=self.now_ms * 10**6, state=PackMLState.EXECUTE, reason=Reason.RUNNING, order="o-1")
        message = State(boot=self.boot, seq=self.number(address), rows=[row])
        return self.data(address, message), message

    def data(self, address: Address, message: Message, type_: str | None = None) -> Wire:
        said = metrics_of(message)
        if all(metric.name != BOOT for metric in said) and self.with_boot:
            said = (Metric(BOOT, None, self.boot, said[0].timestamp_ms), *said)
        if not self.with_boot:
            said = tuple(metric for metric in said if metric.name != BOOT)
        return self.wire(type_ or ("NDATA" if address == self.gateway else "DDATA"), address, said)

    def death(self, bd_seq: int | None = None) -> Wire:
        value = self.bd_seq if bd_seq is None else bd_seq
        return self.wire("NDEATH", None, [Metric("bdSeq", DataType.Int64, value, T0)], seq=None)

    def device_death(self, address: Address, *, last_words: bool) -> Wire:
        if last_words:
            message = Death(boot=self.boot, seq=self.number(address), t=5, reason="shift ends")
            return self.data(address, message, "DDEATH")
        return self.wire("DDEATH", address, ())


@dataclass
class ForeignEdge:
    """Somebody else's node: metrics as they are given."""

    group: str = "Vendor B"
    node: str = "Node 7"
    bd_seq: int = 0
    now_ms: int = T0
    seq: int = 0

    def wire(self, type_: str, device: str | None, *metrics: Metric, seq: int | None = -1) -> Wire:
        self.now_ms += 1
        if seq == -1:
            seq = self.seq = 0 if type_ == "NBIRTH" else (self.seq + 1) % 256
        payload = encode_payload(Payload(self.now_ms, seq, metrics))
        return Wire(topic(self.group, type_, self.node, device), payload, self.now_ms)

    def birth(self, *metrics: Metric) -> Wire:
        control = Metric("Node Control/Rebirth", DataType.Boolean, False, self.now_ms)
        return self.wire("NBIRTH", None, Metric("bdSeq", DataType.Int64, self.bd_seq, self.now_ms), control, *metrics)

    def death(self, bd_seq: int | None = None) -> Wire:
        value = self.bd_seq if bd_seq is None else bd_seq
        return self.wire("NDEATH", None, Metric("bdSeq", DataType.Int64, value, T0), seq=None)


@dataclass
class Ear:
    """A host, and everything that it gave out."""

    host: Host
    heard: list[Heard] = field(default_factory=list)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    marks: list[tuple[str | None, str]] = field(default_factory=list)
    now_ms: int = T0

    @classmethod
    def online(cls, **given: object) -> Ear:
        ear = cls(Host("qilu", **given))  # type: ignore[arg-type]
        ear.host.connecting(T0 - 100)
        ear.host.connected(T0 - 100)
        return ear

    def take(self, *wires: Wire, every_ms: int = 1) -> Ear:
        for wire in wires:
            self.now_ms += every_ms
            self._keep(self.host.take(wire.topic, wire.payload, self.now_ms * 10**6, ticket=wire))
        return self

    def wait(self, ms: int) -> Ear:
        """Let time pass, with a tick each 100 ms."""
        for _ in range(ms // 100):
            self.now_ms += 100
            self._keep(self.host.tick(self.now_ms))
        return self

    def keep(self, step: Step) -> Ear:
        self._keep(step)
        return self

    @property
    def said(self) -> list[tuple[str, Message]]:
        return [(said.address.path, said.message) for heard in self.heard for said in heard.said]

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.said]

    @property
    def refusals(self) -> list[str]:
        return [heard.refusal.reason for heard in self.heard if heard.refusal is not None]

    @property
    def rebirths(self) -> list[str]:
        return [topic for topic, _ in self.published if "/NCMD/" in topic]

    def _keep(self, step: Step) -> None:
        self.heard += step.heard
        self.published += [(one.topic, one.payload) for one in step.publish]
        self.marks += [(mark.device, mark.what) for mark in step.marks]
