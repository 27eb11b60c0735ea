"""Pictures of a report as SVG: bars, a waterfall, a scatter of dots.

What it is: numbers and names to drawings, each with its figures beside it, so that colour carries nothing alone.
What it is not: a chart library: nothing moves, and nothing is asked of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

_WIDTH: Final = 960
_ROW: Final = 26
_NAMES: Final = 210
_FIGURES: Final = 130
_DARK: Final = "#2f5d8a"
_LIGHT: Final = "#9db8d2"
_LOSS: Final = "#c26a1d"
_GAIN: Final = "#3c7d4f"
_LINE: Final = "#c9d1da"
_LONGEST_NAME: Final = 32
Text = Callable[[float], str]


class Bar(NamedTuple):
    """One bar: its name, how long it is, and whether it is drawn dark."""

    name: str
    value: float
    dark: bool


def bars(found: Sequence[Bar], text: Text) -> str:
    """Bars below each other; one below zero goes to the left of the zero line."""
    if not found:
        return "<p>none</p>"
    low, high = min(0.0, *(bar.value for bar in found)), max(0.0, *(bar.value for bar in found))
    scale = _scale(low, high)
    zero = scale(0.0)
    rows = []
    for number, bar in enumerate(found):
        colour = _GAIN if bar.value < 0 else _DARK if bar.dark else _LIGHT
        begin, end = sorted((zero, scale(bar.value)))
        rows.append(_row(number, bar.name, (begin, end), colour, text(bar.value)))
    return _picture(len(found), "".join(rows) + _rule(zero, len(found)))


def fall_picture(steps: Sequence[tuple[str, float, float]], text: Text) -> str:
    """A waterfall: ``(name, begin, length)``; what begins at nought is a level, the others are losses between."""
    high = max((begin + length for _, begin, length in steps), default=0.0)
    scale = _scale(0.0, high)
    rows = []
    for number, (name, begin, length) in enumerate(steps):
        colour = _DARK if begin == 0 else _LOSS if length >= 0 else _GAIN
        left, right = sorted((scale(begin), scale(begin + length)))
        rows.append(_row(number, name, (left, right), colour, text(length)))
    return _picture(len(steps), "".join(rows))


def scatter(points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """Dots over two axes from nought."""
    most_x, most_y = max(x for x, _ in points) or 1, max(y for _, y in points) or 1
    height, left, bottom = 320, 70, 40
    dots = []
    for x, y in points:
        across_px, up_px = left + (_WIDTH - left - 20) * x / most_x, (height - bottom) * (1 - y / most_y) + 10
        told = f"{x:,.0f} {across}, {y:,.0f} {up}"
        at = f'cx="{across_px:.1f}" cy="{up_px:.1f}" r="4" fill="{_DARK}" fill-opacity=".75"'
        dots.append(f"<circle {at}><title>{escape(told)}</title></circle>")
    floor = height - bottom + 10
    axes = (
        f'<path d="M{left} 10V{floor}H{_WIDTH - 20}" fill="none" stroke="{_LINE}"/>'
        f'<text x="{left - 8}" y="20" text-anchor="end">{most_y:,.0f}</text>'
        f'<text x="{left - 8}" y="{floor}" text-anchor="end">0 {escape(up)}</text>'
        f'<text x="{_WIDTH - 20}" y="{floor + 20}" text-anchor="end">{most_x:,.0f} {escape(across)}</text>'
    )
    return _svg(height + 10, axes + "".join(dots))


def _scale(low: float, high: float) -> Callable[[float], float]:
    room = _WIDTH - _NAMES - _FIGURES
    span = (high - low) or 1.0
    return lambda value: _NAMES + room * (value - low) / span


def _row(number: int, name: str, ends: tuple[float, float], colour: str, text: str) -> str:
    y, (begin, end) = number * _ROW, ends
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return (
        f'<text x="{_NAMES - 10}" y="{y + 17}" text-anchor="end">{escape(short)}</text>'
        f'<rect x="{begin:.1f}" y="{y + 4}" width="{max(end - begin, 1):.1f}" height="{_ROW - 8}" fill="{colour}"/>'
        f'<text x="{end + 8:.1f}" y="{y + 17}">{escape(text)}</text>'
    )


def _rule(x: float, rows: int) -> str:
    return f'<path d="M{x:.1f} 0V{rows * _ROW}" stroke="{_LINE}"/>'


def _picture(rows: int, body: str) -> str:
    return _svg(rows * _ROW, body)


def _svg(height: int, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" font-size="13" fill="#1b2430" '
        f'font-family="system-ui, sans-serif">{body}</svg>'
    )
