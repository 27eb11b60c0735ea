"""A column of plain decimal numbers that stays text until somebody looks at a value.

What it is: for whoever only carries a long column on. Making a number of each value and a text of each number again
costs ten times as much as the rest of its way.
What it is not: lenient. The text is part of a JSON document that has been checked; a column with an exponent, with
``null``, with blanks or with hundreds of digits is left to the ordinary way.

>>> found = plain({"a": b"[1.5,2,-0.25]", "b": b"[3,4,5]"})
>>> len(found["a"]), found["a"].text, list(found["a"])
(3, b'1.5,2,-0.25', [1.5, 2.0, -0.25])
>>> [plain({"a": array}) for array in (b"[1.5,null]", b"[1e3]", b"[]", b"[[1]]", b"[1, 2]", b"1")]
[None, None, None, None, None, None]
>>> plain({"a": b"5", "b": b"[[1]]"}) is None
True
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, overload

import msgspec

_LONGEST: Final = 300
_OTHER: Final = b"x"
_SHAPE: Final = bytes(byte if byte in b"[,.-]" else b"0x"[byte not in b"0123456789"] for byte in range(256))
"""Every digit as a nought, what belongs to a list of plain numbers as it is, all else as an x."""
_DECODER: Final = msgspec.json.Decoder(list[float])


class Decimals(Sequence[float]):
    """Numbers as the text of a JSON array without its brackets; equal to any sequence of the same numbers.

    Attributes:
        text: the numbers, with commas and nothing else between them; finite, as all have less than 300 characters.
    """

    __slots__ = ("_length", "text")
    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __init__(self, text: bytes, length: int) -> None:
        self.text = text
        self._length = length

    @classmethod
    def joined(cls, parts: Sequence[Decimals]) -> Decimals:
        """All of them, one behind the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(b",".join([part.text for part in parts]), sum(map(len, parts)))

    def values(self) -> list[float]:
        """The numbers."""
        return _DECODER.decode(b"[%b]" % self.text)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[float]:
        return iter(self.values())

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        return self.values()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and self.values() == list(other)

    def __repr__(self) -> str:
        return f"Decimals({self.values()})"


def plain(arrays: Mapping[str, Any]) -> dict[str, Decimals] | None:
    """The columns of valid JSON arrays, given as bytes or another buffer, or None where one wants the ordinary way."""
    text = b",".join(arrays.values())
    shape = text.translate(_SHAPE)
    if not arrays or _OTHER in shape or shape.count(b"[") != len(arrays) or not _all_short(text):
        return None
    columns = text[1:-1].split(b"],[")
    if len(columns) != len(arrays) or b"" in columns:
        return None
    return {name: Decimals(column, column.count(b",") + 1) for name, column in zip(arrays, columns, strict=True)}


def _all_short(text: bytes) -> bool:
    """Whether no number is so long that it might be beyond all floats."""
    at = 0
    while len(text) - at > _LONGEST:
        at = text.rfind(b",", at, at + _LONGEST) + 1
        if not at:
            return False
    return True
