"""The kinds of faults: what each hits, how long it lasts, and what its magnitude means.

What it is: the one table from which checks, error texts and the page ``docs/scenarios.md`` are made.
What it is not: what a fault does; that is done where the thing is that it hits.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Group = Literal["process", "sensor", "meter", "communication"]
Target = Literal["enterprise", "machine", "sensor", "supplier", "material"]
Kind = Literal[
    "breakdown",
    "wear",
    "slow",
    "scrap",
    "jam",
    "stop",
    "supplier_down",
    "bad_material",
    "power_limit",
    "stuck",
    "drift",
    "spike",
    "noise",
    "dropout",
    "offset",
    "scale",
    "quantise",
    "counter_reset",
    "delay",
    "duplicate",
    "reorder",
    "drop_telemetry",
    "outage",
    "clock_skew",
]


class Magnitude(NamedTuple):
    """A figure within [low, high]; without a default it must be given."""

    what: str
    low: float
    high: float
    default: float | None = None


class KindOfFault(NamedTuple):
    """One kind of fault.

    ``needs`` are the targets that must be named and ``may`` those that can be; every kind may name the enterprise.
    ``lasts``: ``no`` is an instant; ``may`` goes to the end of the run when no length is given; ``must`` needs one.
    """

    group: Group
    meaning: str
    needs: tuple[Target, ...] = ()
    may: tuple[Target, ...] = ()
    lasts: Literal["no", "may", "must"] = "may"
    longest: str = ""
    magnitude: Magnitude | None = None


_MACHINE: Final[tuple[Target, ...]] = ("machine",)
_SENSOR: Final[tuple[Target, ...]] = ("machine", "sensor")
_SPEAKER: Final[tuple[Target, ...]] = ("machine", "supplier")
_BIG: Final = 1e9


def _of_sensor(meaning: str, magnitude: Magnitude | None = None, lasts: Literal["may", "must"] = "may") -> KindOfFault:
    return KindOfFault("sensor", meaning, needs=_SENSOR, lasts=lasts, magnitude=magnitude)


def _of_wire(
    meaning: str, magnitude: Magnitude | None = None, lasts: Literal["may", "must"] = "may", longest: str = ""
) -> KindOfFault:
    return KindOfFault("communication", meaning, (), _SPEAKER, lasts, longest, magnitude)


FAULTS: Final[dict[Kind, KindOfFault]] = {
    "breakdown": KindOfFault(
        "process",
        "the machine fails as soon as it runs, in the mode that the named sensor shows",
        _MACHINE,
        ("sensor",),
        "no",
    ),
    "wear": KindOfFault(
        "process",
        "the machine fails after this much more running, in the mode that the named sensor shows",
        _MACHINE,
        ("sensor",),
        "no",
        magnitude=Magnitude("hours of running left", 0, 100_000, 24),
    ),
    "slow": KindOfFault(
        "process",
        "cycles that begin while it lasts take longer",
        _MACHINE,
        magnitude=Magnitude("share added to the cycle time", 0, 10, 0.2),
    ),
    "scrap": KindOfFault(
        "process",
        "units that begin while it lasts are scrapped more often",
        _MACHINE,
        magnitude=Magnitude("probability added, per unit", 0, 1, 0.05),
    ),
    "jam": KindOfFault("process", "a minor stop as soon as the machine runs", _MACHINE, lasts="no"),
    "stop": KindOfFault("process", "the machine is closed as if by command", _MACHINE),
    "supplier_down": KindOfFault("process", "the supplier ships nothing", ("supplier",)),
    "bad_material": KindOfFault(
        "process",
        "the stock on hand is bad; what comes later mixes in; at the end what is bad is sorted out",
        ("material",),
        magnitude=Magnitude("share of defects", 0, 1, 0.1),
    ),
    "power_limit": KindOfFault(
        "process",
        "what runs together may draw no more; in a park with a common limit, that limit",
        magnitude=Magnitude("kW", 0.001, 1e6),
    ),
    "stuck": _of_sensor("the value of the start stays"),
    "drift": _of_sensor(
        "a value is added, little by little over the whole length", Magnitude("unit of the sensor", -_BIG, _BIG), "must"
    ),
    "spike": _of_sensor("impulses, one a minute in the mean", Magnitude("unit of the sensor", -_BIG, _BIG)),
    "noise": _of_sensor("more noise", Magnitude("standard deviation, unit of the sensor", 0, _BIG)),
    "dropout": _of_sensor("no values"),
    "offset": _of_sensor("a value is added", Magnitude("unit of the sensor", -_BIG, _BIG)),
    "scale": _of_sensor("values are multiplied", Magnitude("factor", -1000, 1000)),
    "quantise": _of_sensor("values are rounded to multiples", Magnitude("step, unit of the sensor", 1e-9, _BIG)),
    "counter_reset": KindOfFault(
        "meter",
        "the counter that `sensor` names, or all of the machine's, begin again at 0",
        _MACHINE,
        ("sensor",),
        "no",
    ),
    "delay": _of_wire("messages are held back", Magnitude("seconds", 0.001, 3600, 60)),
    "duplicate": _of_wire("messages are sent twice", Magnitude("share of the messages", 0, 1, 0.1)),
    "reorder": _of_wire(
        "a message goes behind the next one of its address", Magnitude("share of the messages", 0, 1, 0.1)
    ),
    "drop_telemetry": _of_wire("telemetry is never sent", Magnitude("share of the messages", 0, 1, 1)),
    "outage": _of_wire("everything is held until it is over", lasts="must", longest="7d"),
    "clock_skew": _of_wire("the clock is wrong: all event times are shifted", Magnitude("seconds", -86_400, 86_400, 5)),
}
"""Every kind of fault."""


def table() -> str:
    """The kinds as a table in Markdown."""
    lines = ["| kind | class | targets | lasts | magnitude | what happens |", "|---|---|---|---|---|---|"]
    for kind, of in FAULTS.items():
        cells = [f"`{kind}`", of.group, _targets(of), _lasts(of), _figure(of.magnitude), of.meaning]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _targets(of: KindOfFault) -> str:
    return ", ".join([f"`{name}`" for name in of.needs] + [f"[`{name}`]" for name in of.may]) or "–"


def _lasts(of: KindOfFault) -> str:
    words = {"no": "an instant", "may": "`for`, or to the end", "must": "`for` must be given"}
    return words[of.lasts] + (f", at most {of.longest}" if of.longest else "")


def _figure(of: Magnitude | None) -> str:
    if of is None:
        return "–"
    default = "must be given" if of.default is None else f"default {of.default:g}"
    return f"{of.what}, {of.low:g} to {of.high:g}; {default}"
