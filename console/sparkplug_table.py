"""The assertions of Sparkplug 3.0 by id, and the groups that we promise.

What it is: the reader of ``sparkplug_assertions.yaml``.
What it is not: the checks (``sparkplug_checks_*.py``), nor the assertions' texts, which stand in the specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

PROMISED: Final = {"edge": ("core",), "host": ("core", "reordering")}
"""Role -> the groups that count. The other groups are optional, and each is all or nothing: we send none of them."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """One testable sentence of the specification for one role; ``level`` is MUST, MUST NOT, SHOULD, SHOULD NOT, MAY."""

    id: str
    role: str
    group: str
    level: str


@cache
def assertions() -> tuple[Assertion, ...]:
    """All of them; one for both roles stands here twice, once for each."""
    text = resources.files("console").joinpath("sparkplug_assertions.yaml").read_text(encoding="utf-8")
    return tuple(
        Assertion(id_, role, group, level)
        for roles, groups in yaml.safe_load(text).items()
        for role in roles.split("+")
        for group, levels in groups.items()
        for level, ids in levels.items()
        for id_ in ids
    )


@cache
def promised(role: str) -> dict[str, Assertion]:
    """What an implementation of this role (``edge``, ``host``) is measured by: id -> assertion, in table order."""
    return {one.id: one for one in assertions() if one.role == role and one.group in PROMISED[role]}
