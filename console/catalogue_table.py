"""Tables in a terminal.

What it is: columns as wide as they must be, numbers to the right.
What it is not: a page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NUMBER: Final = re.compile(r"[-+]?[\d,.]+(e[-+]\d+)?|")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    r"""The lines of a table; a column of numbers stands to the right.

    >>> print("\n".join(table(["step", "s"], [["press", "16"], ["drum", "9.5"]])))
    step     s
    press   16
    drum   9.5
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (header, *rows)
    ]


def number(value: float | None) -> str:
    """A figure as short as it is; nothing for None.

    >>> number(16.0), number(0.126), number(2000000.0), number(None)
    ('16', '0.126', '2,000,000', '')
    """
    if value is None:
        return ""
    text = f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}" if abs(value) < 1e12 else f"{value:g}"
    return text


def band(values: Sequence[float] | None) -> str:
    """An interval: ``2.9 … 3.1``; nothing for None."""
    return "" if values is None else f"{number(values[0])} … {number(values[1])}"


def indented(lines: Sequence[str]) -> list[str]:
    """The lines, two columns to the right."""
    return [f"  {line}".rstrip() for line in lines]
