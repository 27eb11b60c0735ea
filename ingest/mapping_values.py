"""Values of foreign payloads: numbers exactly as they are written, words, and states.

What it is: pure functions from what stands in a payload to what the contract can say, or a refusal.
What it is not: lenient. True is no number, text is no number unless the file says so, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from math import isfinite
from typing import Any, Final, TypeVar

import msgspec

from contract import MAX_BYTES, MAX_INT, ContractError
from ingest.mapping_file import CounterFrom, Said, SensorFrom, StateFrom
from service.strict_yaml import shown

MAX_CHARS: Final = 64
"""Of a number, or of a plain payload."""
MAX_EXPONENT: Final = 400
"""Beyond it no number is one of a float's."""

_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6})?")
_EXACT: Final = Context(prec=4 * MAX_CHARS)
_LARGEST: Final = 10**MAX_CHARS
_T = TypeVar("_T")


def decode_json(payload: bytes) -> Any:
    """A JSON payload with its decimal numbers as they are written.

    Raises:
        ContractError: ``too-large`` or ``not-json``.
    """
    if len(payload) > MAX_BYTES:
        raise ContractError("too-large", f"{len(payload)} bytes, at most {MAX_BYTES} are allowed")
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError("not-json", str(error)[:300]) from None


def decode_plain(payload: bytes) -> str:
    """A payload of one number or word; raises ContractError (``not-text``)."""
    if len(payload) > 4 * MAX_CHARS:
        raise ContractError("not-text", f"{len(payload)} bytes, more than one number or word has")
    try:
        text = payload.decode("utf-8").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise ContractError("not-text", f"no UTF-8 at byte {error.start}") from None
    if not 0 < len(text) <= MAX_CHARS:
        raise ContractError("not-text", f"{len(text)} characters; expected 1 to {MAX_CHARS}")
    return text


def number(value: Any, *, text: bool, what: str) -> Decimal:
    """A number as it is written; ``text``: it stands in quotes, or alone. Raises ContractError (``wrong-type``)."""
    if text:
        if isinstance(value, str) and len(value) <= MAX_CHARS and _NUMBER.fullmatch(value):
            return _in_bounds(Decimal(value), what)
    elif isinstance(value, Decimal):
        return _in_bounds(value, what)
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= _LARGEST:
            raise ContractError("out-of-range", f"{what}: a number of more than {MAX_CHARS} digits")
        return Decimal(value)
    elif isinstance(value, float):  # what _decimal could not take exactly
        raise ContractError("out-of-range", f"{what}: a number of more than {MAX_CHARS} characters")
    raise ContractError("wrong-type", f"{what}: expected a number{' as text' * text}, found {described(value)}")


def sensor_value(value: Any, rule: SensorFrom, *, plain: bool, what: str) -> float:
    """What the sensor shows, in its unit; raises ContractError."""
    if rule.words:
        return worded(value, rule.words, what)
    exact = number(value, text=plain or rule.quoted, what=what)
    if rule.scale != 1:
        exact = _EXACT.multiply(exact, _written(rule.scale))
    if rule.offset:
        exact = _EXACT.add(exact, _written(rule.offset))
    shows = float(exact)
    if not isfinite(shows):
        raise ContractError("out-of-range", f"{what}: {described(value)} is beyond all bounds")
    return shows


def counter_value(value: Any, rule: CounterFrom, *, plain: bool, what: str) -> int:
    """The counter's reading, a whole number of its unit; raises ContractError."""
    exact = number(value, text=plain or rule.quoted, what=what)
    counted = _EXACT.multiply(exact, _written(rule.scale))
    if not 0 <= counted <= MAX_INT:
        raise ContractError("out-of-range", f"{what}: {described(value)} is not within 0 to {MAX_INT} {rule.unit}")
    whole = int(counted)
    if whole != counted and rule.finer == "refuse":
        raise ContractError(
            "too-fine", f"{what}: {described(value)} is no whole number of {rule.unit}; a smaller unit, or finer: cut"
        )
    return whole


def state_value(value: Any, rule: StateFrom, *, plain: bool, what: str) -> Said:
    """The state that is meant; raises ContractError."""
    if rule.words:
        return worded(value, rule.words, what)
    exact = number(value, text=plain, what=what)
    return next(band for band in rule.bands if band.below is None or exact < _written(band.below))


def worded(value: Any, words: Mapping[str, _T], what: str) -> _T:
    """What a word means; true and false are words too. Raises ContractError (``unknown-word``)."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, Decimal) or (isinstance(value, int) and abs(value) < _LARGEST):
        value = str(value)
    if not isinstance(value, str):
        raise ContractError("wrong-type", f"{what}: expected a word, found {described(value)}")
    if value not in words:
        known = ", ".join(list(words)[:10])
        raise ContractError("unknown-word", f"{what}: {shown(value)} is none of {known[:200]}")
    return words[value]


def described(value: Any) -> str:
    """A value of a payload, for people, and never longer than a line."""
    if isinstance(value, Decimal):
        return str(value)[:MAX_CHARS]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST:
        return f"a number of more than {MAX_CHARS} digits"
    return shown(value)


def _decimal(text: str) -> Decimal | float:
    return Decimal(text) if len(text) <= MAX_CHARS and _NUMBER.fullmatch(text) else float(text)


def _in_bounds(value: Decimal, what: str) -> Decimal:
    """Refuse an exponent with which no sum could be exact."""
    if value and value.adjusted() > MAX_EXPONENT:
        raise ContractError("out-of-range", f"{what}: {described(value)} is beyond all bounds")
    return value if value.adjusted() >= -MAX_EXPONENT else Decimal(0)


def _written(value: float) -> Decimal:
    """A number of the file as it stands there: 0.1 is one tenth."""
    return Decimal(repr(value))


_DECODER: Final = msgspec.json.Decoder(float_hook=_decimal)
