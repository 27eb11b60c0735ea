"""Where a thing stands in the enterprise, and the MQTT topics that follow from it.

What it is: the ISA-95 (IEC 62264-1, clause 5) equipment hierarchy as one frozen value that checks itself.
What it is not: a registry; an address says nothing about whether something is there.

>>> here = Address("acme", "plant-1", "production", "line-1", "stamp-1")
>>> here.topic("state")
'qilu/v1/acme/plant-1/production/line-1/stamp-1/state'
>>> Address.of_topic("qilu/v1/acme/plant-1/production/line-1/stamp-1/state") == (here, "state")
True
>>> here.path
'acme/plant-1/production/line-1/stamp-1'
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Final

from contract.errors import ContractError

LEVELS: Final = ("enterprise", "site", "area", "line", "machine")
"""The five levels, from the top. A line is ISA-95's work centre, a machine its work unit."""

PREFIX: Final = "qilu/v1"
MAX_LEVEL_CHARS: Final = 64
MAX_TOPIC_CHARS: Final = 512


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The five levels of one machine (or of a consumer or supplier in the areas ``market`` and ``supply``).

    Any text goes as a name, ``<script>`` included, but for what MQTT or a terminal would take as a command:
    ``/``, ``+``, ``#``, a leading ``$``, control characters, lone surrogates, outer white space, or more
    than 64 characters.

    Raises:
        ContractError: ``bad-address``, naming the level that is wrong.
    """

    enterprise: str
    site: str
    area: str
    line: str
    machine: str

    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for level in LEVELS:
            check_level(level, getattr(self, level))
        object.__setattr__(self, "_hash", hash(self.levels))  # it names a series a dozen times for each message

    def __hash__(self) -> int:
        return self._hash

    @property
    def path(self) -> str:
        """The five levels joined by ``/``: how an address is shown to people."""
        return "/".join(self.levels)

    @property
    def levels(self) -> tuple[str, str, str, str, str]:
        """The five names, from the top."""
        return (self.enterprise, self.site, self.area, self.line, self.machine)

    def topic(self, kind: str) -> str:
        """The MQTT topic on which this machine publishes messages of ``kind``."""
        return f"{PREFIX}/{self.path}/{kind}"

    @classmethod
    def parse(cls, path: str) -> Address:
        """Read ``enterprise/site/area/line/machine``; raises ContractError (``bad-address``)."""
        parts = path.split("/")
        if len(parts) != len(LEVELS):
            raise ContractError("bad-address", f"{path[:200]!r} has {len(parts)} levels, not {len(LEVELS)}")
        return cls(*parts)

    @classmethod
    def of_topic(cls, topic: str) -> tuple[Address, str]:
        """Split a topic into the address and the kind; raises ContractError (``bad-topic``)."""
        if len(topic) > MAX_TOPIC_CHARS or not topic.startswith(PREFIX + "/"):
            raise ContractError("bad-topic", f"{topic[:200]!r} is no topic of the form {PREFIX}/…/<kind>")
        *levels, kind = topic[len(PREFIX) + 1 :].split("/")
        if len(levels) != len(LEVELS):
            raise ContractError(
                "bad-topic", f"{topic[:200]!r} has {len(levels)} levels before the kind, not {len(LEVELS)}"
            )
        return cls(*levels), kind


def check_level(level: str, name: str) -> None:
    """Refuse a name that may not stand in an address; raises ContractError (``bad-address``)."""
    wrong = ""
    if not name:
        wrong = "is empty"
    elif len(name) > MAX_LEVEL_CHARS:
        wrong = f"has {len(name)} characters, at most {MAX_LEVEL_CHARS} are allowed"
    elif name != name.strip():
        wrong = "begins or ends with white space"
    elif name.startswith("$"):
        wrong = "begins with $"
    else:
        bad = next((c for c in name if c in "/+#" or unicodedata.category(c) in _BAD_CATEGORIES), None)
        if bad is not None:
            wrong = f"holds the character {bad!r}"
    if wrong:
        raise ContractError("bad-address", f"{level} {name[:80]!r} {wrong}")


_BAD_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def topic_filter(enterprise: str = "+", kind: str = "+") -> str:
    """The MQTT filter for every message of the contract, or of one enterprise or kind.

    >>> topic_filter()
    'qilu/v1/+/+/+/+/+/+'
    """
    return f"{PREFIX}/{enterprise}/+/+/+/+/{kind}"
