"""What an edge node may say within one session, checked message by message; used by several tests.

What it is: the rules of Sparkplug 3.0, chapters 4 to 6, that can be seen in what an edge node publishes, written down a
second time and without any of its code but the codec.
What it is not: a test; and it does not see CONNECT, which the tests of the connection do.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from contract import ContractError, Message
from contract.sparkplug import address_of, birth_of, head_of, message_of, parse_topic
from contract.sparkplug_payload import DataType, Metric, Payload, as_declared, decode_payload

Said = tuple[str, bytes, int | None, bool]
"""Topic, payload, QoS (None: the broker between does not keep it) and retain flag."""


class Session:
    """One session of one edge node: ``take`` each message in order; it asserts, and gathers the contract's messages."""

    def __init__(self, bd_seq: int) -> None:
        self.bd_seq = bd_seq
        self.births = 0
        self.rebirths_asked = 0
        self.messages: list[tuple[str, str, Message]] = []
        self.last_seq: dict[str, int] = {}
        self.ended = False
        self.types: list[str] = []
        self._seq: int | None = None
        self._node: tuple[str, str] | None = None
        self._gateway = ""
        self._declared: dict[str | None, dict[str, int]] = {}
        self._boots: dict[str | None, str] = {}
        self._data_since_births = False

    def take(self, topic: str, data: bytes, qos: int | None = 0, retain: bool = False) -> None:
        where = parse_topic(topic)
        assert self._node in (None, (where.group, where.node)), "one node, one session"
        self._node = (where.group, where.node)
        assert not retain
        assert not self.ended, f"{where.type} after NDEATH"
        payload = decode_payload(data)
        self.types.append(where.type)
        if where.type == "NDEATH":
            self._take_ndeath(payload, qos)
            return
        assert qos in (0, None)
        assert payload.timestamp_ms
        self._take_seq(where.type, payload.seq)
        if where.type in ("NBIRTH", "DBIRTH"):
            self._take_birth(where.type, where.device, payload)
        else:
            self._take_data(where.type, where.device, payload)

    def all(self, said: Iterable[Said]) -> Session:
        for one in said:
            self.take(*one)
        return self

    def _take_seq(self, type_: str, seq: int | None) -> None:
        assert seq is not None
        if type_ == "NBIRTH":
            assert seq == 0
        else:
            assert self._seq is not None, f"{type_} before NBIRTH"
            assert seq == (self._seq + 1) % 256
        self._seq = seq

    def _take_ndeath(self, payload: Payload, qos: int | None) -> None:
        assert payload.seq is None
        (metric,) = payload.metrics
        assert (metric.name, metric.value) == ("bdSeq", self.bd_seq)
        assert qos in (1, None)
        self.ended = True

    def _take_birth(self, type_: str, device: str | None, payload: Payload) -> None:
        names = [metric.name for metric in payload.metrics]
        assert None not in names
        assert len(set(names)) == len(names)
        assert len({str(name).lower() for name in names}) == len(names), "names that differ by case alone"
        self._check_metrics(payload.metrics)
        assert all(metric.datatype in set(DataType) for metric in payload.metrics)
        by_name = {metric.name: metric for metric in payload.metrics}
        if type_ == "NBIRTH":
            self.births += 1
            self._declared, self._data_since_births = {}, False
            assert by_name["bdSeq"].value == self.bd_seq
            rebirth = by_name["Node Control/Rebirth"]
            assert (rebirth.value, rebirth.datatype) == (False, DataType.Boolean)
            self._gateway = str(by_name["Qilu/gateway"].value)
        else:
            assert not self._data_since_births, "all DBIRTHs before any data"
            assert device not in self._declared
        birth, _ = birth_of(payload.metrics)
        path = address_of(*self._names, device, gateway=self._gateway).path
        self._boots[device] = birth.boot
        self._declared[device] = {str(metric.name): metric.datatype or 0 for metric in payload.metrics}
        self.last_seq[path] = head_of(payload.metrics).seq or 0
        self.messages.append((path, "birth", birth))

    def _take_data(self, type_: str, device: str | None, payload: Payload) -> None:
        self._data_since_births = True
        declared = self._declared.get(device)
        assert declared is not None, f"{type_} of {device} without a birth"
        self._check_metrics(payload.metrics)
        for metric in payload.metrics:
            assert metric.datatype is None
            assert metric.name in declared, f"{metric.name} is not declared"
            as_declared(metric.value, declared[metric.name])
        head = head_of(payload.metrics)
        message = message_of(str(head.kind), head.boot or self._boots[device], head.seq or 0, payload.metrics)
        path = address_of(*self._names, device, gateway=self._gateway).path
        self.messages.append((path, str(head.kind), message))
        if type_ == "DDEATH":
            assert head.kind == "death"
            del self._declared[device]

    def _check_metrics(self, metrics: tuple[Metric, ...]) -> None:
        assert all(metric.timestamp_ms is not None and metric.alias is None for metric in metrics)
        current = [metric.timestamp_ms or 0 for metric in metrics if not metric.is_historical]
        assert all(before <= after for before, after in pairwise(current)), "not in the order of time"

    @property
    def _names(self) -> tuple[str, str]:
        assert self._node is not None
        return self._node


def sessions_of(said: Iterable[Said]) -> list[Session]:
    """All that one edge node has said, split where an NBIRTH has another ``bdSeq``; each session is checked.

    Deaths that the broker publishes for a session before (or again for one that has ended) are left out.
    """
    sessions: list[Session] = []
    for topic, data, qos, retain in said:
        where = parse_topic(topic)
        numbers = [m.value for m in decode_payload(data).metrics if m.name == "bdSeq"]
        if where.type == "NBIRTH" and (not sessions or sessions[-1].bd_seq != numbers[0]):
            assert isinstance(numbers[0], int)
            sessions.append(Session(numbers[0]))
        if where.type == "NDEATH" and (not sessions or sessions[-1].bd_seq != numbers[0] or sessions[-1].ended):
            continue
        if not sessions:
            raise ContractError("no-birth", f"{where.type} before any NBIRTH")
        sessions[-1].take(topic, data, qos, retain)
    return sessions
