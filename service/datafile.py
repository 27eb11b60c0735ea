"""A data file's bytes as a value of a type, or one sentence that says what is wrong with it.

What it is: the strict reader of sectors, machine models, tariffs, scenarios and mappings. What it refuses, it refuses
with the file, the line, the key, what was expected, what was found, and the nearest valid key.
What it is not: a reader of files by path (``datafiles_io.py``), nor the YAML itself (``strict_yaml.py``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from contract import ConfigError
from service.strict_yaml import Document, Place, read_yaml, refusal, shown, written

MAX_WHY: Final = 500
MAX_SHOWN: Final = 30
T = TypeVar("T")

# msgspec's sentence: what is wrong, then " - at `$.steps[0].cycle_s`"; "[...]" stands for a key of a free group.
_SENTENCE: Final = re.compile(r"(.*?)(?: - at `(?:key` in `)?\$([^`]*)`)?", re.DOTALL)
_PATH: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_GOT: Final = re.compile(r"Expected `([^`]+)`, got `[^`]+`")
_BOUND: Final = re.compile(r"Expected `([^`]+)`(.*)", re.DOTALL)
_ANCHOR: Final = re.compile(r"\\+[AZ]")
_FIELD: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_WORDS: Final = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a group of keys",
    "null": "nothing",
}


def parse(text: bytes, type_: type[T], source: str) -> T:
    """A data file's bytes as a value; ``source`` names the file in errors.

    Whole numbers are numbers too; nothing else is turned into another type.

    Raises:
        ConfigError: not our YAML, an unknown or missing key, a wrong value, or values that do not go together.

    >>> parse(b"a: [1, x]", dict[str, list[float]], "f.yaml")
    Traceback (most recent call last):
    contract.errors.ConfigError: f.yaml:1: a[1]: expected a number, found 'x'
    """
    document = read_yaml(text, source)
    try:
        return msgspec.convert(document.value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(str(error), document, type_, source) from None


def lines(text: bytes, source: str) -> dict[str, int]:
    """The line of each key and list entry (``steps[0].model``), for who finds out later that it is wrong."""
    return {written(place): line for place, line in read_yaml(text, source).lines.items()}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known: the nearest one, or what is known."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:200], names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    more = ", …" if len(names) > MAX_SHOWN else ""
    return f"; known: {', '.join(names[:MAX_SHOWN]) or 'none'}{more}"


def _explained(sentence: str, document: Document, type_: Any, source: str) -> ConfigError:
    match = _SENTENCE.fullmatch(sentence)
    assert match is not None  # it matches any text
    why, path = match[1], match[2] or ""
    place = _place(path, sentence, document.value, type_)
    found = _found(document.value, place)
    expected = _type_at(type_, place)
    if field := _FIELD.fullmatch(why):
        known = [item.encode_name for item in expected.fields] if isinstance(expected, inspect.StructType) else []
        if field[1] == "contains unknown":
            place = (*place, field[2])
            why = f"unknown key{nearest(field[2], known)}"
        else:
            why = f"the key {field[2]} is missing"
    elif got := _GOT.fullmatch(why):
        why = f"expected {_plain(got[1])}, found {shown(found)}{_advice(got[1], found)}"
    elif bound := _BOUND.fullmatch(why):
        limits = _ANCHOR.sub("", bound[2]).replace("regex ", "")
        why = f"expected {_plain(bound[1])}{limits}, found {shown(found)}"
    elif why.startswith("Invalid enum value"):
        choices = [str(value) for value in _choices(expected)]
        why = f"expected one of {', '.join(choices)}, found {shown(found)}{_near_only(found, choices)}"
    return refusal(source, _line(document.lines, place), place, why if len(why) <= MAX_WHY else f"{why[:MAX_WHY]}…")


def _place(path: str, sentence: str, value: Any, type_: Any) -> Place:
    """The path of msgspec as a place; which key of a free group it means is found by trying."""
    place: Place = ()
    for key, index, free in _PATH.findall(path):
        if free:
            group = _found(value, place)
            place = (*place, _culprit(group, sentence, value, type_)) if isinstance(group, dict) and group else place
        else:
            place = (*place, key or int(index))
    if sentence.endswith(f"at `key` in `${path}`") and isinstance(group := _found(value, place), dict) and group:
        place = (*place, _culprit(group, sentence, value, type_))
    return place


def _culprit(group: dict[str, Any], sentence: str, value: Any, type_: Any) -> str:
    """The entry of ``group``, which is somewhere in ``value``, for which msgspec says ``sentence``; by halving."""
    whole = dict(group)
    suspects = list(whole)
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        group.clear()
        group.update((key, whole[key]) for key in half)
        try:
            msgspec.convert(value, type_, strict=True)
            guilty = False
        except msgspec.ValidationError as error:
            guilty = str(error) == sentence
        suspects = half if guilty else suspects[len(half) :]
    group.clear()
    group.update(whole)
    return suspects[0]


def _found(value: Any, place: Place) -> Any:
    for part in place:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _line(known: Mapping[Place, int], place: Place) -> int:
    while place and place not in known:
        place = place[:-1]
    return known.get(place, 1)


def _type_at(type_: Any, place: Place) -> inspect.Type | None:
    node: inspect.Type | None = inspect.type_info(type_)
    for part in place:
        node = _inside(node, part)
    return _alone(node)


def _alone(node: inspect.Type | None) -> inspect.Type | None:
    """The type without what else it could be: the group in ``group or nothing``."""
    if isinstance(node, inspect.Metadata):
        return _alone(node.type)
    if isinstance(node, inspect.UnionType):
        return next((inner for inner in node.types if not isinstance(inner, inspect.NoneType)), None)
    return node


def _inside(node: inspect.Type | None, part: str | int) -> inspect.Type | None:
    node = _alone(node)
    if isinstance(node, inspect.StructType):
        return next((field.type for field in node.fields if field.encode_name == part), None)
    if isinstance(node, inspect.ListType):
        return node.item_type
    return node.value_type if isinstance(node, inspect.DictType) else None


def _choices(node: inspect.Type | None) -> list[Any]:
    if isinstance(node, inspect.LiteralType):
        return list(node.values)
    return [member.value for member in node.cls] if isinstance(node, inspect.EnumType) else []


def _near_only(found: Any, choices: list[str]) -> str:
    near = difflib.get_close_matches(str(found)[:200], choices, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _plain(types: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in types.split(" | "))


def _advice(expected: str, found: Any) -> str:
    if "str" in expected and isinstance(found, int | float):
        return "; put it into quotes"
    if expected == "bool" and str(found).lower() in {"yes", "no", "on", "off", "true", "false"}:
        return "; write true or false"
    return ""
