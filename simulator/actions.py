"""What can be asked of the plant while it runs, by a command of the contract.

What it is: the words of a command as a typed value, or one sentence that says what is wrong with them.
What it is not: who may command, until when, or what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from contract import Address, CommandRow
from service.datafile import nearest
from service.strict_yaml import shown
from simulator.faults import Fault, fault_of_words
from simulator.plant import GATEWAY
from simulator.sector_model import Dispatch

ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "fault": ("kind", "for", "machine", "sensor", "supplier", "material", "magnitude", "cause"),
    "maintain": (),
    "stop": (),
    "start": (),
    "set_dispatch": ("rule",),
    "set_priority": ("order", "priority"),
}
"""The actions, and the arguments that each takes."""
MAX_PRIORITY: Final = 1_000_000
_RULES: Final[tuple[Dispatch, ...]] = get_args(Dispatch)
_WHOLE: Final = re.compile(r"-?[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Inject:
    """Begin a fault now."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Maintain:
    """Maintain the machine when it has done what it is doing and a technician is free."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Close the machine."""


@dataclass(frozen=True, slots=True)
class Start:
    """Open the machine that was closed by command."""


@dataclass(frozen=True, slots=True)
class SetDispatch:
    """Pick the next lot by this rule."""

    rule: Dispatch


@dataclass(frozen=True, slots=True)
class SetPriority:
    """Give an order a priority, for steps that dispatch by it; higher goes first."""

    order: str
    priority: int


Action = Inject | Maintain | Stop | Start | SetDispatch | SetPriority


def action_of(row: CommandRow, address: Address) -> Action:
    """What a command that came to an address asks for.

    Raises:
        ValueError: an unknown action or argument, with the nearest known one; a missing or wrong argument.
    """
    words = row.arguments
    if row.action not in ARGUMENTS:
        raise ValueError(f"no action {shown(row.action)}{nearest(row.action, ARGUMENTS)}")
    try:
        for word in words:
            if word not in ARGUMENTS[row.action]:
                raise ValueError(f"{shown(word)}: unknown argument{nearest(word, ARGUMENTS[row.action])}")
        return _action(row.action, words, address)
    except ValueError as error:
        raise ValueError(f"{row.action}: {error}") from None


def _action(name: str, words: Mapping[str, str], address: Address) -> Action:
    match name:
        case "fault":
            return Inject(_fault(words, address))
        case "set_dispatch":
            rule = next((rule for rule in _RULES if rule == _given(words, "rule")), None)
            if rule is None:
                raise ValueError(f"rule: no rule {shown(words['rule'])}{nearest(words['rule'], _RULES)}")
            return SetDispatch(rule)
        case "set_priority":
            priority = _given(words, "priority")
            if not _WHOLE.fullmatch(priority) or abs(int(priority)) > MAX_PRIORITY:
                raise ValueError(f"priority: expected a whole number within ±{MAX_PRIORITY}, found {shown(priority)}")
            return SetPriority(_given(words, "order"), int(priority))
        case "maintain":
            return Maintain()
        case "stop":
            return Stop()
        case _:
            return Start()


def _fault(words: Mapping[str, str], address: Address) -> Fault:
    """The fault that a command asks for: at the machine it was sent to, from now on.

    Sent to the gateway, which speaks for the whole line, it may name its target, or hit all of it.
    """
    said = {**words, "enterprise": address.enterprise}
    if address.machine != GATEWAY:
        if "machine" in words:
            raise ValueError(f"machine: the command came to {address.machine}; name another at the {GATEWAY} only")
        said["machine"] = address.machine
    return fault_of_words(said)


def _given(words: Mapping[str, str], key: str) -> str:
    value = words.get(key, "")
    if not 0 < len(value) <= 200:
        raise ValueError(f"{key}: expected 1 to 200 characters" if value else f"the argument {key} is missing")
    return value
