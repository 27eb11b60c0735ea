"""A32, A33 and B09: Sparkplug B with old deaths, gaps, swaps, a wrap, and bytes that are no protobuf.

What it is: the host application of the ingester, fed with payloads as a foreign edge node sends them, alone and over a
broker.
What it is not: the conformance check (``qilu sparkplug``).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import aiomqtt
from influx_oracle import ask
from load import KINDS
from scene import Stage, long, proven
from worker import memory_mib

from contract import LEVELS, ContractError, Telemetry
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload
from ingest.sparkplug_heard import Step
from ingest.sparkplug_host import Host

T0_MS = 1_760_000_000_000
REORDER_S = 2.0


class Edge:
    """A foreign edge node with one device, said by hand."""

    def __init__(self, host: Host | None, out: Callable[[tuple[str, bytes]], None] = lambda said: None) -> None:
        self._host = host
        self._out = out
        self.now_ms = T0_MS
        self.samples = 0
        self.values: list[float] = []
        self.rebirths = 0

    def say(self, type_: str, seq: int | None, metrics: tuple[Metric, ...], device: str = "") -> None:
        self.now_ms += 10
        payload = encode_payload(Payload(self.now_ms, seq, metrics))
        topic = "/".join(["spBv1.0", "g", type_, "n", *([device] if device else [])])
        self._out((topic, payload))
        if self._host is not None:
            self.took(self._host.take(topic, payload, self.now_ms * 1_000_000))

    def birth(self, bd_seq: int) -> None:
        rebirth = Metric("Node Control/Rebirth", DataType.Boolean, False, self.now_ms)
        self.say("NBIRTH", 0, (Metric("bdSeq", DataType.Int64, bd_seq, self.now_ms), rebirth))
        self.say("DBIRTH", 1, (Metric("heat", DataType.Double, 0.5, self.now_ms),), "d")

    def death(self, bd_seq: int) -> None:
        self.say("NDEATH", None, (Metric("bdSeq", DataType.Int64, bd_seq, self.now_ms),))

    def data(self, seq: int) -> None:
        self.samples += 1
        self.say("DDATA", seq % 256, (Metric("heat", DataType.Double, float(self.samples), self.now_ms + 10),), "d")

    def wait(self, ms: int) -> None:
        for _ in range(ms // 100):
            self.now_ms += 100
            self.took(self.host.tick(self.now_ms))

    @property
    def host(self) -> Host:
        assert self._host is not None
        return self._host

    def took(self, step: Step) -> None:
        for heard in step.heard:
            assert heard.refusal is None, heard.refusal
            for said in heard.said:
                if isinstance(said.message, Telemetry):
                    self.values += [value for column in said.message.values.values() for value in column if value]
        self.rebirths += sum("/NCMD/" in publish.topic for publish in step.publish)


def started() -> Edge:
    host = Host("qilu", reorder_s=REORDER_S)
    host.connecting(T0_MS)
    edge = Edge(host)
    edge.took(host.connected(T0_MS))
    edge.birth(bd_seq=0)
    edge.values.clear()  # the births' own
    return edge


def test_a32_an_old_death_after_the_new_birth(record_figures: dict[str, object]) -> None:
    edge = started()
    edge.birth(bd_seq=1)
    edge.death(bd_seq=0)
    record_figures["nodes_online"] = edge.host.counters.nodes_online
    assert edge.host.counters.nodes_online == 1
    assert edge.host.counters.old_deaths == 1
    edge.death(bd_seq=1)
    assert edge.host.counters.nodes_online == 0


def test_a33_a_gap_a_swap_and_a_wrap(record_figures: dict[str, object]) -> None:
    edge = started()
    for seq in (2, 4, 3, 5, 8, 7, 6):  # swapped inside the window
        edge.data(seq)
    edge.wait(int(REORDER_S * 1000) + 500)
    assert (len(edge.values), edge.rebirths) == (7, 0)
    for seq in range(9, 700):  # 255 -> 0, twice
        edge.data(seq)
    assert (len(edge.values), edge.rebirths) == (698, 0)
    for seq in range(705, 725):  # 700 to 704 never come
        edge.data(seq)
    edge.wait(int(REORDER_S * 1000) + 500)
    record_figures |= {"kept": len(edge.values), "rebirth_requests": edge.rebirths}
    assert len(edge.values) == 718, "what came after the gap is kept"
    assert edge.rebirths == 1, "one request, not one for each message"


def test_a33_over_a_broker(stage: Stage) -> None:
    """The same with the ingester as host: what came after the gap is stored, and one NCMD asks for the birth."""

    async def story() -> None:
        async with (
            stage.scene(settings={"sparkplug_host": "qilu"}) as scene,
            aiomqtt.Client("127.0.0.1", stage.broker.port) as client,
        ):
            await client.subscribe("spBv1.0/g/NCMD/n", qos=1)
            wire: list[tuple[str, bytes]] = []
            edge = Edge(None, wire.append)
            edge.birth(bd_seq=0)
            for seq in (*range(2, 300), *range(305, 330), 331, 330):
                edge.data(seq)
            for topic, payload in wire:
                await client.publish(topic, payload, qos=0)
            await asyncio.sleep(5.0)
            requests = await _waiting(client)
            await scene.say(600)
            await scene.settle()
            series = ask(stage.influxd, stage.bucket, "SELECT heat FROM telemetry")
            values = {value for one in series for _, value in one["values"] if value is not None}
            names = {(path, kind, boot, seq) for path, kind, boot, seq in _strangers(stage)}
            verdict = await scene.judge(strangers=names)
        stage.report(verdict, stored_samples=len(values), requests=requests)
        proven(verdict)
        assert values >= {float(n) for n in range(1, 298 + 25 + 2 + 1)}
        assert requests == 1

    asyncio.run(story())


async def _waiting(client: aiomqtt.Client) -> int:
    count = 0
    messages = aiter(client.messages)
    while True:
        try:
            async with asyncio.timeout(0.5):
                await anext(messages)
        except TimeoutError:
            return count
        count += 1


def _strangers(stage: Stage) -> list[tuple[str, str, str, int]]:
    found = []
    for kind in KINDS:
        for one in ask(stage.influxd, stage.bucket, f'SELECT _boot, _seq FROM "{kind}" GROUP BY *'):
            path = "/".join(one["tags"].get(level, "") for level in LEVELS)
            if path.startswith("g/"):
                found += [(path, kind, boot, seq) for _, boot, seq in one["values"]]
    return found


def mutants(seeds: list[bytes], draw: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(len(data) + 1)
            how = draw.randrange(4)
            if how == 0:
                data[at:at] = draw.randbytes(draw.choice((1, 2, 20)))
            elif how == 1:
                del data[at : at + draw.choice((1, 2, 20))]
            elif at < len(data):
                data[at] = draw.randrange(256) if how == 2 else data[at] ^ (1 << draw.randrange(8))
        yield bytes(data)


def test_b09_malformed_protobuf(seed: int, record_figures: dict[str, object]) -> None:
    """A million mutants in the long form; only the declared exception, and never slow."""
    every = tuple(Metric(f"m{n}", n, value, T0_MS, alias=n) for n, value in enumerate(
        (None, -1, 2, -3, 2**40, 5, 6, 7, 2**63, 1.5, 2.5, True, "text", T0_MS, "Text", "uuid")
    ))  # fmt: skip
    head = (Metric("bdSeq", DataType.Int64, 7, T0_MS), Metric("Node Control/Rebirth", DataType.Boolean, False, T0_MS))
    seeds = [encode_payload(Payload(T0_MS, 0, (*head, *every))), encode_payload(Payload(T0_MS, 1, every[9:10]))]
    host = Host("qilu")
    host.connecting(T0_MS)
    host.connected(T0_MS)
    slowest_s, refused, runs = 0.0, 0, 0
    before_mib = memory_mib("self")
    for data in mutants(seeds, random.Random(seed), int(long(1_000_000, 20_000))):
        began = time.thread_time()
        try:
            decode_payload(data)
        except ContractError:
            refused += 1
        host.take("spBv1.0/g/NBIRTH/n", data, (T0_MS + runs) * 1_000_000)
        host.take("spBv1.0/g/NDATA/n", data, (T0_MS + runs) * 1_000_000)
        slowest_s = max(slowest_s, time.thread_time() - began)
        runs += 1
    grown_mib = memory_mib("self") - before_mib
    record_figures |= {"mutants": runs, "refused": refused, "slowest_ms": round(slowest_s * 1000, 1)}
    record_figures["rss_growth_mib"] = round(grown_mib, 1)
    assert 0 < refused < runs
    assert slowest_s <= 0.05
    assert grown_mib <= 20
