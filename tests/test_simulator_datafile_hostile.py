"""Hostile data files: refused before anything is made of them, whatever they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from datafile_cases import read, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import ConfigError
from service.datafile import parse
from service.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES
from simulator.machine_model import MachineModel
from simulator.sector_model import Sector

_BOMB = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_BOMB, "f.yaml:1: a: an anchor (&…)"),
        ("a: 1\nb: *a\n", "f.yaml:2: b: an alias (*…)"),
        ("a:\n  <<: {b: 1}\n", "f.yaml:2: a: a merge key (<<)"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "f.yaml:1: a: a tag ('tag:yaml.org,2002:python/object/apply:os.syste",
        ),
        ("a: !x 1\n", "f.yaml:1: a: a tag ('!x')"),
        ("a: !!str 1\n", "f.yaml:1: a: a tag"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: this key stands twice: in line 1 too"),
        ("x:\n- {b: 1, 'b': 2}\n", "f.yaml:2: x[0].b: this key stands twice: in line 2 too"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2: a second document"),
        ("%YAML 1.1\n---\nb: 1\n", "f.yaml:1: a directive"),
        ("%TAG ! tag:x,2000:\n---\nb: 1\n", "f.yaml:1: a directive"),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be a word"),
        ("'': 1\n", "f.yaml:1: '' is no key"),
        ("? " + "k" * 101 + "\n: 1\n", "f.yaml:1: 'kkk"),
        ("a: .inf\n", "f.yaml:1: a: expected a finite number, found .inf"),
        ("a: -.Inf\n", "f.yaml:1: a: expected a finite number"),
        ("a: .NaN\n", "f.yaml:1: a: expected a finite number"),
        ("a: 1e999\n", "f.yaml:1: a: a number beyond all bounds: 1e999"),
        ("a: 9007199254740993\n", "f.yaml:1: a: a whole number beyond 9007199254740992"),
        ("a: " + "9" * 5000 + "\n", "f.yaml:1: a: a whole number beyond"),
        ("a: 0." + "1" * 5000 + "\n", "f.yaml:1: a: a number beyond all bounds"),
        (b"a: 1\nb: \xff\n", "f.yaml:2: not UTF-8 text: byte 0xff"),
        (b"\xef\xbb\xbfa: 1\n", "f.yaml:1: a character that cannot be seen: U+FEFF"),
        ("a: 1\n".encode("utf-16"), "f.yaml:1: not UTF-8 text"),
        ("a: 1\nb: \0\n", "f.yaml:2: a character that cannot be seen: U+0000"),
        ("a: \x1b[31m\n", "f.yaml:1: a character that cannot be seen: U+001B"),
        ("a: x\u202ey\n", "f.yaml:1: a character that cannot be seen: U+202E"),
        ('a: "\\e[31m"\n', "f.yaml:1: a: a character that cannot be seen: U+001B"),
        ('a: "\\r"\n', "f.yaml:1: a: a character that cannot be seen: U+000D"),
        ("a: 1\rb: 2\n", "f.yaml:1: a character that cannot be seen: U+000D"),
        ('"\\0": 1\n', "f.yaml:1: a character that cannot be seen: U+0000"),
        ("a: [1, 2\n", "f.yaml:2: not YAML: "),
        ("a: b: c\n", "f.yaml:1: not YAML: mapping values are not allowed"),
        ("a:\n\t- 1\n", "f.yaml:2: not YAML: "),
        ('a: "\\uD800"\n', "f.yaml:1: "),
    ],
)
def test_what_is_hostile_isrefused(text: str | bytes, message: str, loader: str) -> None:
    found = refused(text)
    assert found.startswith(message)
    assert len(found) < 300


_DEEP = f"nested deeper than {MAX_DEPTH} levels"


@pytest.mark.parametrize(
    ("opener", "message"),
    [("[", _DEEP), ("- ", _DEEP), ("{a: ", _DEEP), ("- - ", _DEEP), ("{", "a key must be"), ("? ", "a key must be")],
)
def test_deep_nesting_is_refused_before_it_is_built(opener: str, message: str, loader: str) -> None:
    assert message in refused(opener * 20_000)


def test_the_deepest_nesting_that_is_allowed(loader: str) -> None:
    value = read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        value = value[0]
    assert value == []


@pytest.mark.parametrize("row", ["- 1\n", "- {}\n", "- a: 1\n"])
def test_too_many_values_arerefused(row: str, loader: str) -> None:
    assert f"more than {MAX_NODES:,} keys and values" in refused(row * MAX_NODES)


def test_size_is_looked_at_first() -> None:
    assert refused(b"\xff" * (MAX_BYTES + 1)) == "f.yaml: larger than 256 KiB, which no data file needs"
    assert read("a: 1\n".ljust(MAX_BYTES)) == {"a": 1}


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_give_a_value_or_a_config_error(text: bytes) -> None:
    for type_ in (MachineModel, Any):
        try:
            parse(text, type_, "f.yaml")
        except ConfigError as error:
            assert str(error).startswith("f.yaml:")


_WORDS = st.sampled_from(
    [
        *"-[]{},&*!|>'\"#%@`?:\n\t",
        "id",
        "name",
        "steps",
        "sensors",
        "a:",
        "b:",
        "<<",
        "true",
        "-1",
        "1e9",
        ".inf",
        "---",
    ]
)


@settings(max_examples=300)
@given(st.lists(_WORDS | st.just("\n  "), max_size=30).map(" ".join))
def test_almost_yaml_gives_a_value_or_a_config_error(text: str) -> None:
    try:
        parse(text.encode(), dict[str, Any], "f.yaml")
    except ConfigError as error:
        assert str(error).startswith("f.yaml:")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner),
    max_leaves=8,
)  # fmt: skip
_KEYS = st.sampled_from([*Sector.__struct_fields__, *MachineModel.__struct_fields__])


@settings(max_examples=50)
@given(st.dictionaries(_KEYS, _JSON, max_size=6))
def test_json_is_read_as_what_it_is_and_refused_by_the_types(values: dict[str, Any]) -> None:
    text = json.dumps(values).encode()
    assert read(text) == values
    for type_ in (Sector, MachineModel):
        with pytest.raises(ConfigError, match=r"^f\.yaml:1: "):
            parse(text, type_, "f.yaml")
