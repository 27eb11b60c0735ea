"""The wire format keeps every message and refuses everything else, with the reason."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import KINDS, MAX_BYTES, MAX_INT, MAX_NAMES, MAX_ROWS, ContractError, Message, Telemetry, decode, encode
from contract.packml import Mode, PackMLState, Reason
from contract.page import EXAMPLES, page

BOOT = "00ff00ff"
ROOT = Path(__file__).parents[1]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,10}\Z").filter(lambda n: n not in {"time", "site", "area", "line"})
TIMES = st.integers(0, 2**63 - 1)


@st.composite
def telemetry(draw: st.DrawFn) -> Telemetry:
    times = draw(st.lists(TIMES, min_size=1, max_size=6, unique=True).map(sorted))
    column = st.lists(st.none() | FLOATS, min_size=len(times), max_size=len(times))
    return Telemetry(
        boot=BOOT,
        seq=draw(st.integers(0, MAX_INT)),
        t=times,
        values=draw(st.dictionaries(NAMES, column, min_size=1, max_size=3)),
    )


@st.composite
def any_row_message(draw: st.DrawFn) -> tuple[str, Message]:
    kind = draw(st.sampled_from([k for k, t in KINDS.items() if "rows" in t.__struct_fields__]))
    (row_type,) = next(f for f in msgspec.structs.fields(KINDS[kind]) if f.name == "rows").type.__args__
    times = draw(st.lists(TIMES, min_size=1, max_size=4, unique=True).map(sorted))
    rows = [row_type(**{f.name: draw(_value(f)) for f in msgspec.structs.fields(row_type)} | {"t": t}) for t in times]
    return kind, KINDS[kind](boot=BOOT, seq=draw(st.integers(0, MAX_INT)), rows=rows)  # type: ignore[call-arg]


def _value(field: msgspec.structs.FieldInfo) -> st.SearchStrategy[Any]:
    """Values of one field of a row, by its name where the name says more than the type."""
    special: dict[str, st.SearchStrategy[Any]] = {
        "counters": st.dictionaries(NAMES, st.integers(0, MAX_INT), min_size=1, max_size=3),
        "state": st.sampled_from(PackMLState),
        "reason": st.sampled_from(Reason),
        "mode": st.sampled_from(Mode),
        "options": st.dictionaries(TEXT, TEXT, max_size=3),
        "arguments": st.dictionaries(TEXT, TEXT, max_size=3),
        "status": st.sampled_from(["received", "accepted"]),
    }
    schema = msgspec.json.schema(field.type)
    if field.name == "status":
        return st.sampled_from(["received"] if "received" in schema["pattern"] else ["accepted"])
    if field.name in special and not (field.name == "reason" and "maxLength" in json.dumps(schema)):
        return special[field.name]
    option = schema["anyOf"][0] if "anyOf" in schema else schema
    by_type = {"integer": st.integers(0, MAX_INT), "number": FLOATS, "string": TEXT}
    strategy = by_type[option["type"]]
    return st.none() | strategy if "anyOf" in schema else strategy


@given(telemetry())
def test_telemetry_round_trips(message: Telemetry) -> None:
    assert decode("telemetry", encode(message)) == message


@given(any_row_message())
def test_messages_of_rows_round_trip(sent: tuple[str, Message]) -> None:
    kind, message = sent
    assert decode(kind, encode(message)) == message


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_round_trips(kind: str) -> None:
    assert decode(kind, encode(EXAMPLES[kind])) == EXAMPLES[kind]


def test_the_page_in_docs_is_what_the_code_says() -> None:
    assert (ROOT / "docs/contract.md").read_text() == page(), "run: python -m contract > docs/contract.md"


def body(**changes: Any) -> bytes:
    fields: dict[str, Any] = {"v": 1, "boot": BOOT, "seq": 1, "t": [1, 2], "values": {"x": [1.0, None]}}
    return json.dumps(fields | changes).encode()


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        (body(extra=1), "invalid", "unknown field `extra`"),
        (body(seq="1"), "invalid", "Expected `int`, got `str`"),
        (body(seq=1.5), "invalid", "Expected `int`, got `float`"),
        (body(seq=True), "invalid", "Expected `int`, got `bool`"),
        (body(seq=-1), "invalid", ">= 0"),
        (body(seq=2**53), "invalid", "<= 9007199254740991"),
        (body(t=[1, 2**63]), "invalid", "<= 9223372036854775807"),
        (body(boot="zz"), "invalid", "regex"),
        (body(boot=BOOT + "\n"), "invalid", "regex"),
        (body(values={"x": [math.nan, 1]}), "not-json", "invalid character"),
        (body(values={"x": [math.inf, 1]}), "not-json", "invalid character"),
        (body(values={"x": ["1", 1]}), "invalid", "Expected `float"),
        (body(values={"X; drop": [1, 1]}), "inconsistent", "is no name"),
        (body(values={"time": [1, 1]}), "inconsistent", "'time' is reserved"),
        (body(values={"x": [1]}), "inconsistent", "1 values for 2 times"),
        (body(values={}), "inconsistent", "no samples"),
        (body(t=[2, 2]), "inconsistent", "times do not increase"),
        (body(t=list(range(1001)), values={"x": [1] * 1001}), "inconsistent", "1001 rows"),
        (body(values={f"x{n}": [1, 1] for n in range(501)}), "inconsistent", "501 names, at most 500"),
        (body(v=2, other=3), "wrong-version", "version 2"),
        (body(v=10**4000), "wrong-version", "version 10000000000000000000, this side speaks 1"),
        (body().replace(b"1.0", b"1e400"), "invalid", "out of range"),
        (body().replace(b"1.0", b"9" * 400), "invalid", "out of range"),
        (body(seq=0).replace(b'"seq": 0', b'"seq": ' + b"9" * 5000), "invalid", "out of range"),
        (b"[" * 100_000, "invalid", "Expected `object`"),
        (b'{"v":1,"x":' + b"[" * 100_000, "invalid", "unknown field `x`"),
        (b"", "not-json", "truncated"),
        (b"\xff\xfe", "not-json", ""),
        (b'\xef\xbb\xbf{"v":1}', "not-json", ""),
        (body() + b" x", "not-json", "trailing"),
        (body().replace(b"00ff00ff", b"\\ud800aaaa"), "not-json", ""),
        (b" " * (MAX_BYTES + 1), "too-large", "262145 bytes"),
    ],
)
def test_what_is_refused_and_why(payload: bytes, reason: str, detail: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode("telemetry", payload)
    assert caught.value.reason == reason
    assert detail.lower() in caught.value.detail.lower()


@pytest.mark.parametrize("kind", ["", "nonsense", "../birth", "BIRTH"])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(ContractError, match="unknown-kind"):
        decode(kind, b"{}")


@given(st.binary(max_size=300), st.sampled_from(sorted(KINDS)))
def test_no_bytes_raise_anything_but_a_contract_error(payload: bytes, kind: str) -> None:
    try:
        decode(kind, payload)
    except ContractError as error:
        assert error.reason


@given(st.data(), st.sampled_from(sorted(EXAMPLES)))
def test_no_damaged_message_raises_anything_but_a_contract_error(data: st.DataObject, kind: str) -> None:
    payload = bytearray(encode(EXAMPLES[kind]))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(kind, bytes(payload))
    except ContractError as error:
        assert error.reason


def test_the_sender_is_told_of_what_the_receiver_would_refuse() -> None:
    for values in ({"x": [math.nan]}, {"Bad Name": [1.0]}, {"x": [1.0, 2.0]}):
        with pytest.raises(ContractError):
            encode(Telemetry(boot=BOOT, seq=1, t=[1], values=values))
    too_many = list(range(MAX_ROWS + 1))
    with pytest.raises(ContractError, match="at most 1000"):
        encode(Telemetry(boot=BOOT, seq=1, t=too_many, values={"x": [0.0] * len(too_many)}))
    with pytest.raises(ContractError, match="Expected `float`"):
        order = EXAMPLES["order"]
        encode(msgspec.structs.replace(order, rows=[msgspec.structs.replace(order.rows[0], price=math.nan)]))


def test_names_are_counted_over_all_readings_of_a_message() -> None:
    """Each name is a column of every store, and of all rows: a message of 200 KB would be 22 million cells."""
    rows = [{"t": t, "counters": {f"c{t}_{n}": 0 for n in range(20)}} for t in range(26)]
    with pytest.raises(ContractError, match="520 names, at most 500"):
        decode("meter", json.dumps({"boot": BOOT, "seq": 1, "rows": rows}).encode())
    assert decode("meter", json.dumps({"boot": BOOT, "seq": 1, "rows": rows[:25]}).encode())
    for part in ("sensors", "counters"):
        birth = EXAMPLES["birth"]
        names = dict.fromkeys((f"x{n}" for n in range(MAX_NAMES + 1)), next(iter(getattr(birth, part).values())))
        with pytest.raises(ContractError, match="501 names"):
            encode(msgspec.structs.replace(birth, **{part: names}))


@pytest.mark.parametrize(
    "changes",
    [{"values": {"x": ["1"]}}, {"values": {"x": [10**400]}}, {"t": None}, {"t": [None, None]}, {"boot": "\ud800"}],
)
def test_a_message_of_wrong_types_is_refused_as_such(changes: dict[str, Any]) -> None:
    message = Telemetry(boot=BOOT, seq=1, t=[1], values={"x": [1.0]})
    with pytest.raises(ContractError, match="invalid"):
        encode(msgspec.structs.replace(message, **changes))
    with pytest.raises(ContractError, match="unknown-kind"):
        encode(Message(boot=BOOT, seq=1))


def test_a_tariff_must_make_sense() -> None:
    birth = json.loads(encode(EXAMPLES["birth"]))
    tariff = birth["economics"]["tariff"]
    for change, said in (
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"timezone": "../etc/passwd"}, "no time zone"),
        ({"hours": tariff["hours"][:11]}, "11 months"),
        ({"hours": ["q" * 24] * 12}, "undeclared bands ['q']"),
    ):
        birth["economics"]["tariff"] = tariff | change
        with pytest.raises(ContractError, match="inconsistent") as caught:
            decode("birth", json.dumps(birth).encode())
        assert said in caught.value.detail
