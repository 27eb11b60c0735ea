"""Reads the simulator's ledger: what was published, what the broker took, and what really happened.

What it is: the reader's side of the format that ``simulator/ledger.py`` writes, kept apart from it on purpose: the
verification must not share code with what it verifies.
What it is not: used by anything but ``qilu verify`` and the demo's closing report.

The ledger testifies to more than this side checks: lines of other kinds are counted and passed over, and so are counts
of a truth, and keys of the header, that have no figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from contract import ConfigError

Name = tuple[str, str, int]
"""What names a message besides its kind: (address path, boot, seq)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What one machine had really done up to ``t_ns``, cumulative since the start."""

    t_ns: int
    state_ns: dict[str, int]
    counts: dict[str, int]
    money: dict[str, Fraction]


@dataclass(slots=True)
class LedgerFile:
    """A ledger in memory."""

    seed: int = 0
    sector: str = ""
    start_ns: int = 0
    end_ns: int | None = None
    published: dict[Name, tuple[str, int]] = field(default_factory=dict)
    """Message -> (kind, rows), for everything that was handed to the broker at least once."""
    acked: set[Name] = field(default_factory=set)
    truths: defaultdict[str, list[Truth]] = field(default_factory=lambda: defaultdict(list))
    """Address path -> the truth at the start, at each full hour and at the end."""
    others: Counter[str] = field(default_factory=Counter)
    """Kind -> lines that this side does not know, and does not check."""


_KINDS: Final = frozenset({"p", "a", "truth", "end"})
_COUNTS: Final = ("good", "scrap", "rework", "ideal_total_ns", "ideal_good_ns", "failures", "energy_wh")


def read_ledger(path: Path) -> LedgerFile:
    """Read the whole file; a last line that a kill has torn is left out.

    Raises:
        ConfigError: no such file, or not a ledger, with the line.
    """
    ledger = LedgerFile()
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    _take(ledger, msgspec.json.decode(line), first=number == 1)
                except (msgspec.DecodeError, ValueError, ArithmeticError, AttributeError, KeyError, TypeError) as error:
                    raise ConfigError(f"{path}:{number}: not a line of a Qilu ledger ({error!r})") from None
    except OSError as error:
        raise ConfigError(f"cannot read the ledger {path}: {error.strerror}") from None
    if not ledger.start_ns:
        raise ConfigError(f"{path} is empty: no simulator has written it yet")
    return ledger


def _take(ledger: LedgerFile, line: Any, *, first: bool) -> None:
    if first:
        if line["ledger"] != 1:
            raise ValueError(f"version {line['ledger']}")
        ledger.seed, ledger.sector, ledger.start_ns = int(line["seed"]), str(line["sector"]), int(line["start_ns"])
        return
    match line:
        case ["p", str() as path, str() as kind, str() as boot, int() as seq, int() as rows]:
            ledger.published[path, boot, seq] = (kind, rows)
        case ["a", str() as path, str() as boot, int() as seq]:
            ledger.acked.add((path, boot, seq))
        case ["truth", str() as path, int() as t_ns, dict() as body]:
            state_ns = {str(state): int(spent) for state, spent in body.get("state_ns", {}).items()}
            counts = {name: int(body.get(name, 0)) for name in _COUNTS}
            money = {line: Fraction(amount) for line, amount in body.get("money", {}).items()}
            ledger.truths[path].append(Truth(t_ns, state_ns, counts, money))
        case ["end", int() as t_ns]:
            ledger.end_ns = t_ns
        case [str() as kind, *_] if kind not in _KINDS:
            ledger.others[kind] += 1
        case _:
            raise ValueError("unknown entry")
