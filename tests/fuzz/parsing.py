"""A second parser of InfluxDB's line protocol: slow, by the character, and nobody's but the tests'.

What it is: the grammar as ``models/points.go`` of InfluxDB 1.8 reads it: escapes of ``,``, ``=`` and space in names and
tags, quoted strings with ``\\"`` and ``\\\\``, ``i`` for integers, true and false.
What it is not: made from our encoder, so that both can be wrong only in different ways.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """One line."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, float | int | str | bool]
    time_ns: int


def parse_lines(data: bytes) -> list[Point]:
    """Every line; raises ValueError."""
    text = data.decode("utf-8")
    at, points = 0, []
    while at < len(text):
        measurement, at = _name(text, at, ", ", escaped=", ")
        tags = {}
        while text[at] == ",":
            key, at = _name(text, at + 1, "=", escaped=",= ")
            tags[key], at = _name(text, at + 1, ", ", escaped=",= ")
        fields: dict[str, float | int | str | bool] = {}
        while text[at] in " ,":
            key, at = _name(text, at + 1, "=", escaped=",= ")
            fields[key], at = _value(text, at + 1)
            if text[at] == " ":
                break
        end = text.index("\n", at)
        points.append(Point(measurement, tags, fields, int(text[at + 1 : end])))
        at = end + 1
    return points


def _name(text: str, at: int, stops: str, escaped: str) -> tuple[str, int]:
    name = ""
    while text[at] not in stops:
        if text[at] == "\\" and text[at + 1] in escaped:
            at += 1
        elif text[at] == "\n":
            raise ValueError(f"a line ends within a name at {at}")
        name += text[at]
        at += 1
    if not name:
        raise ValueError(f"an empty name at {at}")
    return name, at


def _value(text: str, at: int) -> tuple[float | int | str | bool, int]:
    if text[at] == '"':
        said = ""
        at += 1
        while text[at] != '"':
            if text[at] == "\\" and text[at + 1] in '"\\':
                at += 1
            said += text[at]
            at += 1
        return said, at + 1
    end = at
    while text[end] not in ", \n":
        end += 1
    word = text[at:end]
    if word in ("true", "false"):
        return word == "true", end
    if word.endswith("i"):
        number = int(word[:-1])
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"{word} has more than 64 bits")
        return number, end
    return float(word), end
