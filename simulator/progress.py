"""How far a run of the simulator is, and what it was in the end.

What it is: two values, for whoever looks on.
What it is not: the run (``run.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Progress:
    """Where the simulator is; it is kept up to date while ``simulate`` runs, for whoever wants to look."""

    plant_now_ns: int = 0
    speed: float | Literal["max"] = 1.0
    phase: Literal["history", "live", "ended"] = "history"
    history_fraction: float = 0.0
    messages: int = 0
    acked: int = 0
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has said, after its clean end; ``rows`` by kind."""

    boot: str
    start_ns: int
    end_ns: int
    messages: int
    acked: int
    rows: dict[str, int] = field(default_factory=dict)
