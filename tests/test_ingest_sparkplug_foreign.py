"""The Sparkplug host with nodes of others: metrics become births and telemetry, and nothing that comes harms it."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_sparkplug_edge import T0, Ear, ForeignEdge, OurEdge, Wire

from contract import MAX_NAMES, Birth, Death, Sensor, Telemetry, decode, encode
from contract.sparkplug import metrics_of
from contract.sparkplug_payload import DataType, Metric, Value
from ingest.frames import frames
from ingest.sparkplug_foreign import sensor_name, telemetry_messages
from ingest.sparkplug_heard import Limits

AT = T0 * 10**6
NODE = "Vendor B/Node 7/sparkplug/node/node"
DEVICE = "Vendor B/Node 7/sparkplug/device/Pump 1"


def metric(name: str | None, datatype: int | None, value: Value, at_ms: int = T0, **more: object) -> Metric:
    return Metric(name, datatype, value, timestamp_ms=at_ms, **more)  # type: ignore[arg-type]


PUMP = (
    metric("Inputs/Flow", DataType.Double, 12.5),
    metric("inputs flow", DataType.Int16, -3),
    metric("Running", DataType.Boolean, True),
    metric("Serial", DataType.String, "SN-1"),
    metric("time", DataType.Int64, None),
    metric("Trend", DataType.DataSet, None),
)


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """No garbage collection: its pauses are not the host's."""
    gc.disable()
    yield
    gc.enable()


def birth_of(ear: Ear, path: str) -> Birth:
    return next(m for p, m in ear.said if p == path and isinstance(m, Birth))


def test_a_foreign_birth_becomes_a_machine_and_its_first_values() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.birth(metric("CPU °C", DataType.Float, 40.5)), edge.wire("DBIRTH", "Pump 1", *PUMP))
    node, device = birth_of(ear, NODE), birth_of(ear, DEVICE)
    assert (node.role, node.model, node.t, node.sensors) == (
        "machine", "Node 7", (T0 + 1) * 10**6, {"cpu_c": Sensor(unit="")},
    )  # fmt: skip
    assert list(device.sensors) == ["inputs_flow", "inputs_flow_2", "running", "m_time"]
    assert device.model == "Pump 1"
    assert device.boot == node.boot
    assert ear.said[1] == (NODE, Telemetry(boot=node.boot, seq=2, t=[AT], values={"cpu_c": [40.5]}))
    assert ear.said[3] == (
        DEVICE,
        Telemetry(
            boot=node.boot, seq=2, t=[AT], values={"inputs_flow": [12.5], "inputs_flow_2": [-3.0], "running": [1.0]}
        ),
    )
    for said in (said for heard in ear.heard for said in heard.said):
        payload = said.payload or encode(said.message)
        assert decode(said.kind, payload) == said.message
        assert frames(said.address, said.kind, said.message, payload, AT)
    assert ear.host.counters.left_out == 2


def test_data_take_types_from_the_birth_and_names_from_aliases() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.birth(), edge.wire("DBIRTH", "Pump 1", metric("level", DataType.Int32, 0, alias=9)))
    ear.take(
        edge.wire("DDATA", "Pump 1", metric("level", None, -7, T0 + 5), metric(None, None, -8, T0 + 4, alias=9)),
        edge.wire("DDATA", "Pump 1", metric("level", None, None, T0 + 6)),
        edge.wire("DDATA", "Pump 1", metric("level", None, 1, T0 + 7), metric("level", None, 2, T0 + 7)),
    )
    boot = birth_of(ear, DEVICE).boot
    assert ear.messages[-2:] == [
        Telemetry(boot=boot, seq=3, t=[AT + 4 * 10**6, AT + 5 * 10**6], values={"level": [-8.0, -7.0]}),
        Telemetry(boot=boot, seq=4, t=[AT + 7 * 10**6, AT + 7 * 10**6 + 1], values={"level": [1.0, 2.0]}),
    ]
    assert len(ear.heard[-2].said) == 0, "null is no value"


def test_a_bad_value_is_counted_and_the_others_are_kept() -> None:
    edge = ForeignEdge()
    names = [metric(name, DataType.Double, 0.0) for name in "abcdef"]
    ear = Ear.online().take(edge.birth(*names))
    ear.take(
        edge.wire(
            "NDATA",
            None,
            metric("a", None, math.nan),
            metric("b", None, -math.inf),
            metric("c", None, "12"),
            metric("d", None, 5e-324),
            metric("e", None, 1.0, 2**63),
            metric("f", None, -0.0, is_transient=True),
        )
    )
    assert ear.messages[-1].values == {"d": [5e-324]}  # type: ignore[attr-defined]
    assert (ear.host.counters.bad_values, ear.host.counters.left_out) == (4, 1)


def test_a_metric_that_no_birth_declared_makes_no_series_and_asks_for_a_birth() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.birth(metric("a", DataType.Double, 0.0)))
    ear.take(edge.wire("NDATA", None, metric("a", None, 1.0), metric("new", None, 2.0))).wait(200)
    assert ear.messages[-1].values == {"a": [1.0]}  # type: ignore[attr-defined]
    assert ear.host.counters.unknown == 1
    assert ear.rebirths == ["spBv1.0/Vendor B/NCMD/Node 7"]


def test_a_node_that_never_declares_what_it_says_is_asked_less_and_less_often() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.birth())
    for _ in range(600):
        asked = len(ear.rebirths)
        ear.take(edge.wire("NDATA", None, metric("new", None, 2.0))).wait(1000)
        if len(ear.rebirths) > asked:
            ear.take(edge.birth())
    assert 5 <= len(ear.rebirths) <= 12


@pytest.mark.parametrize("type_", ["DDATA", "DBIRTH"])
def test_a_device_before_its_node_is_refused_and_the_node_is_asked(type_: str) -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.wire(type_, "Pump 1", *PUMP)).wait(2500)
    assert ear.refusals == ["no-birth"]
    assert len(ear.rebirths) == 1


def test_deaths_of_foreign_things_are_told_for_each() -> None:
    edge = ForeignEdge(bd_seq=3)
    ear = Ear.online().take(edge.birth(), *(edge.wire("DBIRTH", name, *PUMP) for name in ("Pump 1", "Pump 2")))
    boot = birth_of(ear, NODE).boot
    ear.take(edge.wire("DDEATH", "Pump 2"))
    assert ear.messages[-1] == Death(boot=boot, seq=3, t=(T0 + 4) * 10**6, reason="device offline")
    ear.take(edge.death(2))
    assert ear.host.counters.old_deaths == 1
    ear.take(edge.death())
    lost = Death(boot=boot, seq=0, t=None, reason="connection lost")
    assert ear.said[-2:] == [(NODE, lost), (DEVICE, lost)]
    assert (ear.host.counters.nodes_online, ear.host.counters.devices_online) == (0, 0)


def test_each_birth_is_a_boot_of_its_own_and_numbers_begin_anew() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(*(edge.birth(metric("a", DataType.Double, 1.0)) for _ in range(3)))
    births = [message for message in ear.messages if isinstance(message, Birth)]
    assert len({birth.boot for birth in births}) == 3
    assert [message.seq for message in ear.messages] == [1, 2] * 3


def test_a_new_session_or_birth_forgets_what_the_last_declared() -> None:
    edge = ForeignEdge()
    ear = Ear.online().take(edge.birth(), edge.wire("DBIRTH", "Pump 1", *PUMP), edge.wire("DBIRTH", "Pump 2", *PUMP))
    ear.take(edge.birth(), edge.wire("DDATA", "Pump 1", *PUMP))
    assert ear.refusals == ["no-birth"], "asked for a birth, all devices are born again before they speak"
    ear.take(edge.wire("DBIRTH", "Pump 1", *PUMP))
    assert (ear.host.counters.devices_online, ear.host.counters.stale) == (2, 0)
    edge.bd_seq = 1
    ear.take(edge.birth())
    assert (ear.host.counters.devices_online, ear.host.counters.stale) == (0, 0), "another session, and no device yet"
    assert ear.marks[-5:-1] == [("Pump 1", "offline"), ("Pump 1", "stale"), ("Pump 2", "offline"), ("Pump 2", "stale")]


def test_births_beyond_the_limits_are_refused() -> None:
    ear = Ear.online(limits=Limits(metrics_per_node=50, metrics=70))
    for number in range(3):
        edge = ForeignEdge(node=f"n{number}")
        metrics = [metric(f"m{n}", DataType.Double, 1.0) for n in range(20)]
        ear.take(edge.birth(*metrics), edge.wire("DBIRTH", "a", *metrics), edge.wire("DBIRTH", "b", *metrics))
    assert ear.refusals == [*["cardinality"] * 4, "no-birth", "no-birth"], "b of the first; a, b; and all of the third"
    again = ForeignEdge(node="n0", bd_seq=1)
    again.now_ms = T0 + 500
    ear.take(again.birth(*metrics), again.wire("DBIRTH", "c", *metrics))
    assert len(ear.refusals) == 6, "a new session has the room of the last"


def test_more_sensors_than_the_contract_allows_are_left_out_and_counted() -> None:
    edge = ForeignEdge()
    metrics = [metric(f"m{n}", DataType.Double, 1.0) for n in range(MAX_NAMES + 20)]
    ear = Ear.online().take(edge.birth(*metrics, metric("x" * 300, DataType.Double, 1.0)))
    assert len(birth_of(ear, NODE).sensors) == MAX_NAMES
    assert ear.host.counters.left_out == 21
    ear.take(edge.wire("NDATA", None, metric("y" * 300, None, 1.0))).wait(500)
    assert ear.rebirths == []


@given(st.lists(st.text(max_size=80), max_size=40))
def test_names_of_sensors_are_legal_and_different(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        taken.add(sensor_name(name, taken))
    assert len(taken) == len(names)
    encode(Birth(boot="00ff00ff", seq=1, t=1, role="machine", model="m", version="v",
                 sensors={name: Sensor(unit="") for name in taken}))  # fmt: skip


@given(st.dictionaries(st.integers(0, 3000), st.dictionaries(st.integers(0, 40), st.floats(-1, 1), min_size=1)))
def test_tables_of_any_shape_become_messages_that_hold_every_value(given: dict[int, dict[int, float]]) -> None:
    table = {t: {f"s{column}": value for column, value in row.items()} for t, row in given.items()}
    back: dict[int, dict[str, float]] = {}
    for message in telemetry_messages(table, boot="00ff00ff", first_seq=1):
        assert decode("telemetry", encode(message)) == message
        for sensor, column in message.values.items():
            for t, value in zip(message.t, column, strict=True):
                if value is not None:
                    back.setdefault(t, {})[sensor] = value
    assert back == table


def test_the_largest_payload_of_metrics_that_share_nothing_is_dealt_with_in_time() -> None:
    """The worst that fits: one value per metric, every one at a time or at a name of its own."""
    for distinct in ("times", "same"):
        edge = ForeignEdge()
        names = [metric(f"m{n}", DataType.Double, 0.0, alias=n) for n in range(MAX_NAMES)]
        ear = Ear.online().take(edge.birth(*names))
        many = [
            metric(None, None, 1.0, T0 + (n if distinct == "times" else 0), alias=n % (MAX_NAMES if n % 2 else 1))
            for n in range(30_000)
        ]
        wire = edge.wire("NDATA", None, *many)
        started = time.thread_time()
        ear.take(wire)
        assert time.thread_time() - started < 3.0
        telemetry = [m for m in ear.messages[2:] if isinstance(m, Telemetry)]
        assert sum(v is not None for m in telemetry for column in m.values.values() for v in column) == 30_000


@pytest.mark.slow
def test_a_hundred_thousand_mutants_are_heard_or_refused_and_nothing_else_happens(no_pauses: None) -> None:
    ours, theirs = OurEdge(), ForeignEdge()
    machine = ours.machine("m-0")
    seeds = [ours.birth(ours.gateway), ours.birth(machine), ours.telemetry(machine, 1.5)[0], ours.state(machine)[0]]
    seeds += [ours.device_death(machine, last_words=True), ours.death(), theirs.birth(*PUMP)]
    seeds += [theirs.wire("DBIRTH", "Pump 1", *PUMP), theirs.wire("DDATA", "Pump 1", *PUMP), theirs.death()]
    seeds += [Wire("spBv1.0/STATE/qilu", b'{"online":false,"timestamp":1700000000000}', T0)]
    draw = random.Random(330)
    ear = Ear.online(limits=Limits(nodes=50, devices=200, metrics=5000))
    longest_s, taken = 0.0, 0
    for turn in range(100_000):
        wire = seeds[turn % len(seeds)]
        data = bytearray(wire.payload)
        for _ in range(draw.randint(0, 2)):
            place = draw.randrange(len(data) or 1)
            if draw.randrange(2):
                data[place : place + 1] = bytes([draw.randrange(256)])
            else:
                data[place : place + draw.randint(1, 6)] = draw.randbytes(draw.randint(0, 6))
        topic = wire.topic
        if draw.randrange(10) == 0:
            place = draw.randrange(len(topic))
            topic = topic[:place] + draw.choice("/+#é\0 x") + topic[place + draw.randrange(3) :]
        started = time.thread_time()
        ear.keep(ear.host.take(topic, bytes(data), (T0 + turn) * 10**6))
        if turn % 50 == 0:
            ear.keep(ear.host.tick(T0 + turn))
        longest_s = max(longest_s, time.thread_time() - started)
        taken += 1
        if len(ear.heard) > 5000:
            _none_is_internal(ear)
            taken -= len(ear.heard)
            ear.heard.clear()
    _none_is_internal(ear)
    assert taken - len(ear.heard) == ear.host.counters.held, "each message came out once, or still waits"
    assert longest_s < 0.05
    ear.keep(ear.host.disconnected(T0))
    assert (taken - len(ear.heard), ear.host.counters.held) == (0, 0)


def _none_is_internal(ear: Ear) -> None:
    for number, heard in enumerate(ear.heard):
        assert heard.refusal is None or heard.refusal.reason != "internal-error", (heard.topic, heard.refusal)
        for said in heard.said if number % 10 == 0 else ():
            assert decode(said.kind, encode(said.message)) == said.message


def test_a_foreign_node_cannot_speak_as_one_of_ours() -> None:
    """What looks like our message stays at the address of its topic, and a broken one is refused."""
    edge = ForeignEdge()
    message = Telemetry(boot="00ff00ff", seq=1, t=[5], values={"a": [1.0]})
    ear = Ear.online().take(edge.birth(), edge.wire("DDATA", "not three parts", *metrics_of(message)))
    assert ear.refusals == ["bad-address"]
    ear.take(edge.wire("NDATA", None, *metrics_of(message)))
    assert ear.refusals[1:] == ["no-birth"]
