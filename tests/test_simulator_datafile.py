"""Data files: what is right is read as it is written; what is wrong is refused with line and key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from datafile_cases import read, refused
from msgspec import Meta, Struct

from contract import ConfigError
from service import datafiles_io
from service.datafile import lines
from service.datafiles_io import read_bytes
from service.strict_yaml import MAX_BYTES


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=r"\A[a-z]+\Z")]
    cycle_s: Annotated[float, Meta(gt=0)] = 1.0
    machines: int = 1
    mode: Literal["discrete", "batch"] = "discrete"
    attended: bool = True
    rest: float | None = None

    def __post_init__(self) -> None:
        if self.id == "bad":
            raise ValueError("a bad id")


class File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    steps: Annotated[list[Step], Meta(min_length=1)]
    by_name: dict[str, Annotated[float, Meta(ge=0)]] = {}
    parts: dict[Annotated[str, Meta(max_length=5)], Step] = {}


def _refused(text: str) -> str:
    return refused(text, File)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("no", "no"),
        ("off", "off"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("2.", 2.0),
        ("1e3", 1000.0),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("'null'", "null"),
        ("=", "="),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_a_value_is_what_it_looks_like(written: str, value: object, loader: str) -> None:
    found = read(f"a: {written}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_windows_line_ends_count_once(loader: str) -> None:
    assert read("a: 1\r\nb: |\r\n  x\r\n  y\r\n") == {"a": 1, "b": "x\ny\n"}
    assert _refused("name: x\r\nsteps:\r\n- id: a\r\n  cycle: 3\r\n").startswith("f.yaml:4: ")


def test_keys_are_text(loader: str) -> None:
    assert read("n: 1\nno: 2\n7: 3\ntrue: 4\n") == {"n": 1, "no": 2, "7": 3, "true": 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nsteps:\n- id: a\n  cycle: 3\n", "f.yaml:4: steps[0].cycle: unknown key; did you mean cycle_s?"),
        ("name: x\nqqq: 1\nsteps: [{id: a}]", "f.yaml:2: qqq: unknown key; known: by_name, name, parts, steps"),
        ("name: x\nsteps:\n- id: a\n- mode: batch\n", "f.yaml:4: steps[1]: the key id is missing"),
        (
            "name: x\nsteps:\n- {id: a,\n   cycle_s: fast}\n",
            "f.yaml:4: steps[0].cycle_s: expected a number, found 'fast'",
        ),
        ("name: x\nsteps:\n- id: a\n  cycle_s: 0\n", "f.yaml:4: steps[0].cycle_s: expected a number > 0.0, found 0"),
        ("name: 3\nsteps: []\n", "f.yaml:1: name: expected text, found 3; put it into quotes"),
        ("name: x\nsteps: []\n", "f.yaml:2: steps: expected a list of length >= 1, found a list of 0"),
        ("name: x\nsteps:\n", "f.yaml:2: steps: expected a list, found nothing"),
        ("name: x\nsteps: {a: 1}\n", "f.yaml:2: steps: expected a list, found a group of keys"),
        ("name: x\nsteps: [{id: A}]\n", "f.yaml:2: steps[0].id: expected text matching '[a-z]+', found 'A'"),
        ("name: x\nsteps: [{id: a, machines: 1.5}]", "f.yaml:2: steps[0].machines: expected a whole number, found 1.5"),
        (
            "name: x\nsteps: [{id: a, mode: bach}]",
            "f.yaml:2: steps[0].mode: expected one of batch, discrete, found 'bach'; did you mean batch?",
        ),
        (
            "name: x\nsteps: [{id: a, attended: no}]",
            "f.yaml:2: steps[0].attended: expected true or false, found 'no'; write true or false",
        ),
        ("name: x\nsteps: [{id: a, rest: true}]", "f.yaml:2: steps[0].rest: expected a number or nothing, found true"),
        ("name: x\nsteps:\n- id: a\n- id: bad\n", "f.yaml:4: steps[1]: a bad id"),
        (
            "name: x\nsteps: [{id: a}]\nby_name:\n  a: 1\n  b: 2\n  c: -3\n  d: 4\n",
            "f.yaml:6: by_name.c: expected a number >= 0.0, found -3",
        ),
        (
            "name: x\nsteps: [{id: a}]\nparts:\n  one: {id: a}\n  two: {id: a}\n  three:\n    id: a\n    cycl_s: 2\n",
            "f.yaml:8: parts.three.cycl_s: unknown key; did you mean cycle_s?",
        ),
        (
            "name: x\nsteps: [{id: a}]\nparts:\n  one: {id: a}\n  far too long: {id: a}\n",
            "f.yaml:5: parts.far too long: expected text of length <= 5, found a group of keys",
        ),
        ("- 1\n", "f.yaml:1: expected a group of keys, found a list of 1"),
        ("", "f.yaml:1: the file is empty"),
        ("# nothing\n", "f.yaml:1: the file is empty"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_key(text: str, message: str, loader: str) -> None:
    assert _refused(text) == message


def test_what_was_found_is_shown_within_bounds() -> None:
    message = _refused(f"name: x\nsteps: [{{id: a, cycle_s: '{'long' * 1000}'}}]")
    assert message.startswith("f.yaml:2: steps[0].cycle_s: expected a number, found 'longlong")
    assert len(message) < 150
    assert len(_refused("\n".join(f"name{i}: x" for i in range(5000)))) < 150


def test_a_value_cannot_pass_for_a_place() -> None:
    message = _refused("name: x\nsteps:\n- id: a\n  mode: 'x` - at `$.name'\n")
    assert message.startswith("f.yaml:4: steps[0].mode: expected one of batch, discrete")
    assert "is no key" in _refused("'q` - at `$.steps': 1\nname: x\n")


def test_lines_of_every_key() -> None:
    assert lines(b"a:\n- x: 1\n  y:\n    z: 2\n- 3\n", "f.yaml") == {
        "": 1, "a": 1, "a[0]": 2, "a[0].x": 2, "a[0].y": 3, "a[0].y.z": 4, "a[1]": 5,
    }  # fmt: skip


def test_a_file_by_path(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("name: x\nsteps: [{id: a}]\n")
    assert datafiles_io.read(file, File).steps == [Step(id="a")]
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    assert datafiles_io.read(link, File) == datafiles_io.read(file, File)
    file.write_text("name: x\n")
    with pytest.raises(ConfigError, match=r"a\.yaml:1: the key steps is missing"):
        datafiles_io.read(file, File)


def test_what_is_not_a_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(ConfigError, match=f"^{path}: not a regular file$"):
            datafiles_io.read(path, File)
    with pytest.raises(ConfigError, match=r"none: cannot be read: No such file"):
        datafiles_io.read(tmp_path / "none", File)
    with pytest.raises(ConfigError, match="no file name"):
        datafiles_io.read(Path("a\0b"), File)


def test_of_a_huge_file_little_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(100 * 2**20)
    assert len(read_bytes(huge)) == MAX_BYTES + 1
    with pytest.raises(ConfigError, match=r"huge\.yaml: larger than 256 KiB"):
        datafiles_io.read(huge, File)
