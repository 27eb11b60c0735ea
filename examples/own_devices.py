"""Real devices of four makes join without code: their messages through the mapping files of examples/mappings/.

The same function stands in the ingester. Sent twice, a message becomes the same points; what does not fit is refused.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from contract import ContractError, Meter, State, Telemetry, encode
from ingest.mapping import Mapping

RECEIVED = 1_795_335_311_250_000_000  # 2026-11-22 08:15:11.25 UTC
HEARD = {
    "tasmota": [
        (
            "tele/tasmota_4F2A11/SENSOR",
            b'{"Time":"2026-11-22T09:15:10","ENERGY":{"TotalStartTime":"2026-01-07T10:02:31","Total":514.15392,'
            b'"Yesterday":14.95,"Today":5.37,"Period":142,"Power":1716,"ApparentPower":1843,"ReactivePower":672,'
            b'"Factor":0.93,"Voltage":234,"Current":7.876}}',
        ),
        ("stat/tasmota_4F2A11/POWER", b"ON"),
        ("tele/tasmota_0BAD00/SENSOR", b'{"Time":"2026-11-22T09:15:10","ENERGY":{"Power":3}}'),
    ],
    "zigbee2mqtt": [
        (
            "zigbee2mqtt/guard-door",
            b'{"battery":97,"contact":false,"last_seen":"2026-11-22T08:15:10.941Z","linkquality":128,"voltage":2985}',
        ),
        (
            "zigbee2mqtt/hall-north",
            b'{"battery":88,"humidity":41.7,"last_seen":"2026-11-22T08:15:11.008Z","linkquality":76,"temperature":19.4}',
        ),
    ],
    "vendor_plain": [
        ("factory/line-1/filler-3/temperature", b"21.5"),
        ("factory/line-1/filler-3/bearing-F", b"104"),
        ("factory/line-1/filler-3/energy-kWh", b"12.345"),
        ("factory/line-1/filler-3/status", b"WAIT"),
        ("factory/line-1/filler-3/temperature", b"hot"),
        ("factory/line-1/filler-3/colour", b"7"),
    ],
    "gateway_list": [
        (
            "gateway/press-7",
            b'[{"tagname":"Press.PLC1.Force","timestamp":1795335310100,"value":2741.5},'
            b'{"tagname":"Press.PLC1.Mode","timestamp":1795335310100,"value":2},'
            b'{"tagname":"Press.PLC1.OilTemp","timestamp":1795335310400,"value":512},'
            b'{"tagname":"Press.PLC1.Force","timestamp":1795335310600,"value":2758.0}]',
        ),
    ],
}

for name, heard in HEARD.items():
    source = Path(__file__).parent / "mappings" / f"{name}.yaml"
    mapping = Mapping.parse(source.read_bytes(), source.name)
    print(f"{name}: subscribes to {', '.join(mapping.filters)}")
    for topic, payload in heard:
        try:
            messages = mapping.read(topic, payload, RECEIVED)
        except ContractError as refusal:
            print(f"  {topic} {payload.decode()[:20]} -> dead letter, {refusal}")
            continue
        for address, kind, message in messages:
            encode(message)  # it is one of the contract's, and could go over the wire
            t = datetime.fromtimestamp(message.times[0] / 1e9, UTC)
            if isinstance(message, Telemetry):
                columns = {
                    sensor: " ".join("-" if v is None else f"{v:g}" for v in column)
                    for sensor, column in message.values.items()
                }
                said = ", ".join(f"{sensor} {column}" for sensor, column in columns.items())
            elif isinstance(message, Meter):
                said = ", ".join(f"{counter} {value}" for counter, value in message.rows[0].counters.items())
            elif isinstance(message, State):
                said = f"{message.rows[0].state}, {message.rows[0].reason}"
            else:
                said = msgspec.to_builtins(message)["model"]
            print(f"  {address.path} {kind} {t:%H:%M:%S.%f}: {said}")
