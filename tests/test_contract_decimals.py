"""Columns that stay text: a payload means the same whether its columns are looked into or not; so does a refusal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract import ContractError, Message, Telemetry, decode, wire_json
from contract.decimals import Decimals, plain

PLAIN = st.from_regex(r"\A-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,20})?\Z")
OTHER = st.sampled_from(
    [
        *[
            "null",
            "true",
            "[]",
            "[1]",
            "{}",
            '"1"',
            '"1,2"',
            "1e3",
            "1E-7",
            "1e999",
            "01",
            "-.5",
            "1.",
            "NaN",
            "-",
            "1.2.3",
        ],
        "",
        " 1",
        "1 ",
        "7" * 299,
        "7" * 310,
    ]
)
COLUMN = st.one_of(
    st.lists(PLAIN, min_size=3, max_size=3).map(",".join).map("[{}]".format),
    st.lists(PLAIN | OTHER, min_size=2, max_size=4).map(",".join).map("[{}]".format),
    st.sampled_from(["5", "[[1]]", "[[1],[2]]", "[]", "null"]),
)
OBJECT = '{"a":5}'
NAME = st.sampled_from(["a", "b", "temperature", "time", "A", '"'])


@pytest.fixture(autouse=True, scope="module")
def _any_length() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire_json, "_LONG", 0)
        yield


def said(columns: dict[str, str], times: str = "1,2,3") -> bytes:
    values = ",".join(f'"{name}":{column}' for name, column in columns.items())
    return f'{{"v":1,"boot":"00ff00ff","seq":1,"t":[{times}],"values":{{{values}}}}}'.encode()


def outcome(payload: bytes, *, as_text: bool) -> Message | tuple[str, str]:
    try:
        return decode("telemetry", payload, as_text=as_text)
    except ContractError as refusal:
        return refusal.reason, refusal.detail


@given(st.dictionaries(NAME, COLUMN, max_size=3), st.sampled_from(["1,2,3", "3,2,1", "1,2", "", "1,2,x"]))
@example({"a": f"[1,{'7' * 310},1]"}, "1,2,3")
@example({"a": "[[1,2,3]]"}, "1,2,3")
@example({"a": "5", "b": "[[1]]"}, "1,2")
@example({"a": "[1],[2,3]", "b": "[1,2]"}, "1,2")
def test_the_meaning_does_not_depend_on_who_looks(columns: dict[str, str], times: str) -> None:
    payload = said(columns, times)
    assert outcome(payload, as_text=True) == outcome(payload, as_text=False)


@pytest.mark.parametrize("first", ["[1,2,3]", "[1e999,2,3]", "[1,2]", '["1"]', "7", ""])
@pytest.mark.parametrize("name", ["a", "values", "t", "boot", "v"])
def test_a_name_that_stands_there_twice(name: str, first: str) -> None:
    payload = said({"a": "[1,2,3]"})
    twice = payload.replace(f'"{name}":'.encode(), f'"{name}":{first or OBJECT},"{name}":'.encode())
    for one in (twice, twice.replace(b'"v":1,', b"", 1), payload.replace(b'"v":1,', b"")):
        assert outcome(one, as_text=True) == outcome(one, as_text=False)


@given(st.lists(PLAIN, min_size=1, max_size=50))
def test_plain_numbers_stay_text(texts: list[str]) -> None:
    message = decode(
        "telemetry", said({"a": f"[{','.join(texts)}]"}, ",".join(map(str, range(len(texts))))), as_text=True
    )
    assert isinstance(message, Telemetry)
    column = message.values["a"]
    assert isinstance(column, Decimals)
    assert column.text == ",".join(texts).encode()
    assert list(column) == [float(text) for text in texts]
    assert column[-1] == float(texts[-1])
    assert column[:2] == [float(text) for text in texts[:2]]
    assert len(column) == len(texts)


@pytest.mark.parametrize(
    ("columns", "rows", "type_"), [(8, 1, list), (300, 2, list), (8, 60, Decimals), (1, 60, Decimals)]
)
def test_only_long_columns_stay_text(monkeypatch: pytest.MonkeyPatch, columns: int, rows: int, type_: type) -> None:
    monkeypatch.setattr(wire_json, "_LONG", 64)
    payload = said({f"s{n}": f"[{','.join(['12.5'] * rows)}]" for n in range(columns)}, ",".join(map(str, range(rows))))
    message = decode("telemetry", payload, as_text=True)
    assert isinstance(message, Telemetry)
    assert {type(column) for column in message.values.values()} == {type_}


def test_columns_join_and_equal_what_has_the_same_numbers() -> None:
    found = plain({"a": b"[1,2.50]", "b": b"[-0]"})
    assert found is not None
    both = Decimals.joined([found["a"], found["b"]])
    assert both == [1.0, 2.5, 0.0]
    assert [1.0, 2.5, 0.0] == both  # noqa: SIM300
    assert both != [1.0, 2.5]
    assert both != 1.0
    assert Decimals.joined([found["a"]]) is found["a"]
