"""Any bytes, any topic: only the declared errors, in bounded time."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_cases import NOON, mapping
from mapping_fuzz import EXAMPLES, fuzz_mapping_file, fuzz_mapping_message

from contract import MAX_BYTES, Address, ContractError

_TEXTS = [path.read_bytes() for path in EXAMPLES]
_NUMBERS = (
    st.decimals(allow_nan=False, allow_infinity=False) | st.integers(-(10**70), 10**70) | st.floats(allow_nan=False)
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(-(10**9), 10**9) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_KEYS = ["Time", "ENERGY", "Power", "Total", "last_seen", "contact", "temperature", "voltage", "battery"]
_TIMES = st.sampled_from(
    ["2026-11-22T09:15:10", "2026-11-22T09:15:10Z", "2026-10-25T02:30:00", "1970-01-01T00:00:01", ""]
)
_BODIES = st.fixed_dictionaries(
    {"Time": _TIMES | _VALUES, "last_seen": _TIMES | _VALUES},
    optional={
        key: _VALUES | st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4) for key in _KEYS[1:4] + _KEYS[5:]
    },
).map(lambda body: json.dumps(body).encode())
_TOPICS = st.sampled_from(
    [
        "tele/tasmota_4F2A11/SENSOR",
        "stat/tasmota_4F2A11/POWER",
        "zigbee2mqtt/x",
        "factory/l/m/temperature",
        "factory/l/m/status",
    ]
) | st.text(max_size=40)
_PAYLOADS = st.binary(max_size=80) | _BODIES | _NUMBERS.map(lambda number: str(number).encode())


@settings(max_examples=600)
@given(_TOPICS, _PAYLOADS)
@sample("zigbee2mqtt/x", b'{"last_seen":"2026-11-22T00:00:00Z","temperature":0E999}')
@sample("factory/l/m/energy-kWh", b"0e999999")
def test_any_message_is_said_or_refused(topic: str, payload: bytes) -> None:
    fuzz_mapping_message(topic.encode("utf-8", "surrogatepass").replace(b"\n", b"") + b"\n" + payload)


@st.composite
def _mutants(draw: st.DrawFn) -> bytes:
    text = bytearray(draw(st.sampled_from(_TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 12))] = draw(
            st.binary(max_size=4) | st.sampled_from([b"{", b"}", b": ", b"- ", b"\n"])
        )
    return bytes(text)


@settings(max_examples=300)
@given(st.binary(max_size=100) | _mutants())
def test_any_file_is_read_or_refused(data: bytes) -> None:
    fuzz_mapping_file(data)


@given(st.text(max_size=100), st.integers(-(2**70), 2**70))
def test_any_time_of_receipt(text: str, received_ns: int) -> None:
    found = mapping("  - {topic: 'x/{machine}', payload: plain, sensors: {a: {unit: u}}}\n")
    try:
        messages = found.read(f"x/{text}", b"1", received_ns)
    except ContractError:
        return
    assert messages[0][0] == Address("acme", "p", "a", "l", text)


@given(st.decimals(0, 10**12, places=4), st.sampled_from(["1", "10", "1000", "0.001"]))
def test_counters_are_exact_or_refused(number: Decimal, scale: str) -> None:
    found = mapping(f"  - {{topic: 'x/{{machine}}', payload: plain, counters: {{c: {{unit: u, scale: {scale}}}}}}}\n")
    exact = number * Decimal(scale)
    try:
        *_, (_, _, meter) = found.read("x/m", f"{number:f}".encode(), NOON)
    except ContractError as error:
        assert error.reason == "too-fine"
        assert exact != int(exact)
    else:
        rows: Any = meter
        assert rows.rows[0].counters == {"c": exact}


@pytest.mark.parametrize(
    "payload",
    [
        b"[" + b"1.5," * (MAX_BYTES // 4 - 1) + b"1]",
        b"{" + b'"a":1,' * (MAX_BYTES // 6 - 2) + b'"a":1}',
        b'{"a":1.' + b"9" * (MAX_BYTES - 10) + b"}",
        b'{"a":' + b"9" * 4300 + b"}",
        b"[" + b",".join([b"9" * 4000] * 60) + b"]",
        b'{"a":"' + b"\\u0041" * (MAX_BYTES // 6 - 5) + b'"}',
        b"[" * MAX_BYTES,
    ],
)
def test_the_dearest_payloads_take_little_time(payload: bytes) -> None:
    assert len(payload) <= MAX_BYTES
    found = mapping("  - {topic: 'x/{machine}', sensors: {a: {unit: u}}}\n")
    start = time.process_time()
    try:
        found.read("x/m", payload, NOON)
    except ContractError as error:
        assert len(str(error)) < 700
    assert time.process_time() - start < 0.5
