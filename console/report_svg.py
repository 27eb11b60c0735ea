"""Pictures of a report as SVG: bars, a waterfall, a scatter of dots.

What it is: numbers and names to drawings, each with its figures beside it, so that colour carries nothing alone.
What it is not: a chart library: nothing moves, and nothing is asked of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final, NamedTuple

from console.report_rows import Step

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


class Bar(NamedTuple):
    """One bar: its name, how long it is (None: undefined, no bar), and whether it is drawn dark."""

    name: str
    value: float | None
    dark: bool = True


def bars(found: Sequence[Bar], text: Callable[[Any], str]) -> str:
    """Bars below each other; one below zero goes to the left of the zero line."""
    if not found:
        return "<p>none</p>"
    lengths = [bar.value or 0.0 for bar in found]
    scale = _scale(min(0.0, *lengths), max(0.0, *lengths))
    zero = scale(0.0)
    drawn = [f'<path d="M{zero:.1f} 0V{len(found) * _ROW}" stroke="{_LINE}"/>']
    for number, (bar, length) in enumerate(zip(found, lengths, strict=True)):
        colour = _GAIN if length < 0 else _DARK if bar.dark else _LIGHT
        drawn.append(_row(number, bar.name, (zero, scale(length)), colour, text(bar.value)))
    return _svg(len(found) * _ROW, "".join(drawn))


def fall_picture(steps: Sequence[Step], text: Callable[[Any], str]) -> str:
    """A waterfall: levels from nought, and between them the losses, each where it leaves off."""
    ends = [(step.begin_ns, step.begin_ns + step.time_ns) for step in steps]
    scale = _scale(0.0, max(map(max, ends)))
    drawn = []
    for number, (step, (begin, end)) in enumerate(zip(steps, ends, strict=True)):
        colour = _DARK if step.level else _LOSS if step.time_ns >= 0 else _GAIN
        drawn.append(_row(number, step.name, (scale(begin), scale(end)), colour, text(step.time_ns)))
    return _svg(len(steps) * _ROW, "".join(drawn))


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
    y, (begin, end) = number * _ROW, sorted(ends)
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return (
        f'<text x="{_NAMES - 10}" y="{y + 17}" text-anchor="end">{escape(short)}</text>'
        f'<rect x="{begin:.1f}" y="{y + 4}" width="{max(end - begin, 1):.1f}" height="{_ROW - 8}" fill="{colour}"/>'
        f'<text x="{end + 8:.1f}" y="{y + 17}">{escape(text)}</text>'
    )


def _svg(height: int, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" font-size="13" fill="#1b2430" '
        f'font-family="system-ui, sans-serif">{body}</svg>'
    )
