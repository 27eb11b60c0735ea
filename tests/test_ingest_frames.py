"""What a message says, as points: the table of kinds, and the law that no value is lost or invented."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import (
    KINDS,
    LEVELS,
    Address,
    Birth,
    Command,
    CommandRow,
    Cycle,
    CycleRow,
    Death,
    Message,
    Meter,
    MeterRow,
    Order,
    OrderRow,
    PackMLState,
    Reason,
    Shipment,
    ShipmentRow,
    State,
    StateRow,
    Telemetry,
    decode,
    encode,
)
from historian.base import Frame
from ingest import frames

HERE = Address("acme", "plant-1", "production", "line-1", "press-1")
TAGS = dict(zip(LEVELS, HERE.levels, strict=True))
BOOT = "00ff00ff"


def one(kind: str, message: Message, received_ns: int = 99) -> Frame:
    payload = encode(message)
    (frame,) = frames(HERE, kind, decode(kind, payload), payload, received_ns)
    assert frame.measurement == kind
    assert frame.tags == TAGS
    assert frame.fields["_boot"] == [BOOT] * len(frame.time_ns)
    assert frame.fields["_seq"] == [message.seq] * len(frame.time_ns)
    return frame


def data(frame: Frame) -> dict[str, list[object]]:
    return {name: list(column) for name, column in frame.fields.items() if name not in ("_boot", "_seq")}


def test_telemetry_is_one_float_field_per_sensor_at_the_sample_times() -> None:
    frame = one("telemetry", Telemetry(boot=BOOT, seq=3, t=[10, 20], values={"a": [1, None], "b": [None, None]}))
    assert frame.time_ns == [10, 20]
    assert data(frame) == {"a": [1.0, None]}
    assert type(frame.fields["a"][0]) is float


def test_state_leaves_out_what_is_not_said() -> None:
    rows = [
        StateRow(t=1, state=PackMLState.EXECUTE, reason=Reason.RUNNING, order="o-1"),
        StateRow(t=2, state=PackMLState.HELD, reason=Reason.MINOR_STOP),
    ]
    frame = one("state", State(boot=BOOT, seq=1, rows=rows))
    assert data(frame) == {
        "state": ["Execute", "Held"],
        "reason": ["running", "minor_stop"],
        "mode": ["Production", "Production"],
        "order": ["o-1", None],
    }
    assert {type(value) for value in frame.fields["state"]} == {str}


def test_cycle_has_its_texts_and_integers() -> None:
    row = CycleRow(t=5, order="o", product="p", variant="v", good=3, scrap=1, rework=0, ideal_ns=7, actual_ns=8)
    assert data(one("cycle", Cycle(boot=BOOT, seq=1, rows=[row]))) == {
        "order": ["o"],
        "product": ["p"],
        "variant": ["v"],
        "good": [3],
        "scrap": [1],
        "rework": [0],
        "ideal_ns": [7],
        "actual_ns": [8],
    }


def test_meter_is_one_integer_field_per_counter_even_when_one_comes_later() -> None:
    rows = [MeterRow(t=1, counters={"energy_wh": 5}), MeterRow(t=2, counters={"energy_wh": 6, "water_l": 2**53 - 1})]
    frame = one("meter", Meter(boot=BOOT, seq=1, rows=rows))
    assert data(frame) == {"energy_wh": [5, 6], "water_l": [None, 2**53 - 1]}


def test_birth_keeps_its_whole_body() -> None:
    birth = Birth(boot=BOOT, seq=1, t=4, role="machine", model="press", version="1", members=["<script>"])
    frame = one("birth", birth)
    assert frame.time_ns == [4]
    assert data(frame) == {"role": ["machine"], "model": ["press"], "version": ["1"], "body": [encode(birth).decode()]}


@pytest.mark.parametrize(("t", "time_ns"), [(7, 7), (None, 99)])
def test_death_is_at_its_time_or_at_the_receipt_of_the_will(t: int | None, time_ns: int) -> None:
    frame = one("death", Death(boot=BOOT, seq=0, t=t, reason="gone"), received_ns=99)
    assert (frame.time_ns, data(frame)) == ([time_ns], {"reason": ["gone"]})


def test_other_rows_have_one_field_per_scalar_and_their_dictionaries_as_json() -> None:
    order = OrderRow(t=1, order="o", product="p", options={"colour": "red", "a": "b"}, quantity=2, price=3, due=9)
    assert data(one("order", Order(boot=BOOT, seq=1, rows=[order]))) == {
        "order": ["o"],
        "product": ["p"],
        "options": ['{"a":"b","colour":"red"}'],
        "quantity": [2],
        "price": [3.0],
        "due": [9],
    }
    shipment = ShipmentRow(t=1, shipment="s", material="m", status="shipped", quantity=2)
    assert data(one("shipment", Shipment(boot=BOOT, seq=1, rows=[shipment])))["quantity"] == [2.0]
    command = CommandRow(t=1, command="c", action="stop")
    assert data(one("command", Command(boot=BOOT, seq=1, rows=[command]))) == {
        "command": ["c"],
        "action": ["stop"],
        "arguments": ["{}"],
    }


text = st.text(st.characters(codec="utf-8"), max_size=20)
count = st.integers(0, 2**53 - 1)
field_values = {
    str: text,
    int: count,
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def rows_of(row: type[msgspec.Struct]) -> st.SearchStrategy[list[dict[str, object]]]:
    """Rows of any kind, drawn from the structure alone, as the wire has them."""
    columns: dict[str, st.SearchStrategy[object]] = {}
    for item in msgspec.structs.fields(row):
        info = msgspec.inspect.type_info(item.type)
        choices = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
        columns[item.name] = st.one_of([_drawn(choice) for choice in choices])
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=5).map(
        lambda rows: [row | {"t": n} for n, row in enumerate(rows, start=1)]
    )


def _drawn(info: msgspec.inspect.Type) -> st.SearchStrategy[object]:
    i = msgspec.inspect
    if isinstance(info, i.Metadata):
        info = info.type
    if isinstance(info, i.NoneType):
        return st.none()
    if isinstance(info, i.EnumType):
        return st.sampled_from([member.value for member in info.cls])
    if isinstance(info, i.StrType) and info.pattern:
        return st.from_regex(info.pattern.replace(r"\Z", r"\Z"), fullmatch=True)
    if isinstance(info, i.DictType):
        names = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}\Z").filter(lambda name: name not in {"time", *LEVELS})
        return st.dictionaries(names, _drawn(info.value_type), min_size=1, max_size=3)
    return {i.StrType: text, i.IntType: count, i.FloatType: field_values[float]}[type(info)]


ROW_KINDS = sorted(kind for kind, type_ in KINDS.items() if "rows" in type_.__struct_fields__)


@pytest.mark.parametrize("kind", ROW_KINDS)
@given(drawn=st.data())
def test_rows_keep_every_value_and_invent_none(kind: str, drawn: st.DataObject) -> None:
    rows_field = next(item for item in msgspec.structs.fields(KINDS[kind]) if item.name == "rows")
    row_type = msgspec.inspect.type_info(rows_field.type).item_type.cls  # type: ignore[attr-defined]
    rows = drawn.draw(rows_of(row_type))
    payload = msgspec.json.encode({"boot": BOOT, "seq": 7, "rows": rows})
    (frame,) = frames(HERE, kind, decode(kind, payload), payload, 0)
    assert list(frame.time_ns) == [row["t"] for row in rows]
    for index, row in enumerate(rows):
        said = {name: value for name, value in row.items() if value is not None and name != "t"}
        counters = said.pop("counters", {})
        found = {name: column[index] for name, column in data(frame).items() if column[index] is not None}
        found = {n: msgspec.json.decode(v) if isinstance(said.get(n), dict) else v for n, v in found.items()}
        assert found == said | counters


@given(
    columns=st.integers(1, 6).flatmap(
        lambda n: st.dictionaries(
            st.from_regex(r"\Ax[a-z0-9_]{0,5}\Z"),
            st.lists(st.none() | field_values[float], min_size=n, max_size=n),
            min_size=1,
            max_size=4,
        )
    )
)
def test_telemetry_keeps_every_value(columns: dict[str, list[float | None]]) -> None:
    times = list(range(1, 1 + len(next(iter(columns.values())))))
    frame = one("telemetry", Telemetry(boot=BOOT, seq=1, t=times, values=columns))
    assert list(frame.time_ns) == times
    assert data(frame) == {name: column for name, column in columns.items() if any(v is not None for v in column)}
