"""A scenario: what runs, from when, how fast, under which policies, and what goes wrong.

What it is: the typed form of ``scenarios/*.yaml``: one sector's line, or a park of several enterprises that share a
repair crew, a power limit or a warehouse. ``docs/scenarios.md`` explains each key.
What it is not: what runs (``factory.py``), and not the settings of a program: where the broker is stands elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, field

from contract import ContractError
from contract.address import check_level
from simulator import durations
from simulator.faults import Fault, with_key
from simulator.machine_model import Id, NotNegative, Part, Share, Text
from simulator.sector_model import Dispatch, Policies
from simulator.settings import MAX_SPEED, Period

MAX_ENTERPRISES: Final = 20
MAX_SEED: Final = 2**53 - 1
Shifts = Literal["sector", "continuous"]
"""The sector's own working hours, or around the clock."""
_Level = Annotated[str, Meta(max_length=64)]
_Length = Annotated[str, Meta(max_length=durations.MAX_CHARS)]


class ScenarioDemand(Part, frozen=True, kw_only=True):
    """What is different from the sector's demand.

    ``factor`` multiplies the units per day. ``personalised`` is the share of units in orders that are made for one
    consumer; the channels of each kind keep their proportions.
    """

    factor: Annotated[float, Meta(gt=0, le=100)] = 1.0
    personalised: Share | None = None


class ScenarioPolicies(Part, frozen=True, kw_only=True):
    """The policies that are different from the sector's; what is not given stays."""

    dispatch: Dispatch | None = None
    look: Annotated[int, Meta(ge=1, le=1000)] | None = None
    maintain_age: NotNegative | None = None
    caught: Share | None = None
    planned_repair: Share | None = None
    cheap_power: bool | None = None

    def over(self, policies: Policies) -> Policies:
        """The sector's policies with what is different."""
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(policies, **given)


class Member(Part, frozen=True, kw_only=True):
    """One enterprise of a park; ``seed_offset`` is added to the scenario's seed (not given: its place, from 0)."""

    enterprise: _Level
    sector: Id
    line: _Level = "line-1"
    seed_offset: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    demand: ScenarioDemand = ScenarioDemand()
    policies: ScenarioPolicies = ScenarioPolicies()
    shifts: Shifts = "sector"

    def __post_init__(self) -> None:
        _check_level("enterprise", self.enterprise)
        _check_level("line", self.line)


class Shared(Part, frozen=True, kw_only=True):
    """What the enterprises of a park have in common.

    ``technicians``: one crew of so many repairs for all (not given: each has its own). ``power_limit_kw``: all running
    machines together draw no more (0: each keeps its own limit). ``warehouse``: materials of the same name and price
    are one stock.
    """

    technicians: Annotated[int, Meta(ge=1, le=1000)] | None = None
    power_limit_kw: NotNegative = 0.0
    warehouse: bool = False


class Park(Part, frozen=True, kw_only=True):
    """Several enterprises at one site, whose name is ``id``."""

    id: Id
    enterprises: Annotated[list[Member], Meta(min_length=1, max_length=MAX_ENTERPRISES)]
    shared: Shared = Shared()

    def __post_init__(self) -> None:
        names = [one.enterprise for one in self.enterprises]
        if len(names) != len(set(names)):
            raise ValueError(f"enterprises: a name twice in {', '.join(names)[:200]}")


class Tenant(NamedTuple):
    """One enterprise of a scenario with everything that is decided: its three upper names, its sector, its seed."""

    enterprise: str
    site: str
    line: str
    sector: str
    seed: int
    demand: ScenarioDemand
    policies: ScenarioPolicies
    shifts: Shifts


class Scenario(Part, frozen=True, kw_only=True):
    """What is to be simulated.

    Attributes:
        start: ISO 8601 time at which the history begins; empty: ``history`` before now.
        history: how much plant time is back-filled before the live part.
        duration: how much plant time the live part lasts; empty: until stopped.
        speed: plant seconds per second of the live part, or ``max``.
        sector: a sector's name; or else ``park``.
        enterprise, site, line: names in the addresses; empty: the settings'. A park has its own.
        demand, policies, shifts: what is different from the sector. A park's stand with each enterprise.
        telemetry_s: plant seconds between samples; not given: the settings'.
    """

    id: Id
    name: Text
    description: Annotated[str, Meta(max_length=2000)] = ""
    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] = 1
    start: _Length = ""
    history: _Length = "0s"
    duration: _Length = ""
    speed: Annotated[float, Meta(gt=0, le=MAX_SPEED)] | Literal["max"] = 1.0
    sector: Id | None = None
    park: Park | None = None
    enterprise: _Level = ""
    site: _Level = ""
    line: _Level = ""
    demand: ScenarioDemand = ScenarioDemand()
    policies: ScenarioPolicies = ScenarioPolicies()
    shifts: Shifts = "sector"
    faults: Annotated[list[Fault], Meta(max_length=200)] = field(default_factory=list)
    telemetry_s: Period | None = None

    def __post_init__(self) -> None:
        if (self.sector is None) == (self.park is None):
            raise ValueError(f"expected sector or park, found {'neither' if self.sector is None else 'both'}")
        for level in ("enterprise", "site", "line"):
            if getattr(self, level):
                _check_level(level, getattr(self, level))
        if self.park is not None:
            self._check_park()
        if self.start:
            with_key("start", durations.moment_ns, self.start)
        with_key("history", durations.duration_ns, self.history)
        if self.duration and not with_key("duration", durations.duration_ns, self.duration):
            raise ValueError("duration: expected more than nothing")

    @property
    def start_ns(self) -> int | None:
        """When the history begins; None: ``history_ns`` before now."""
        return durations.moment_ns(self.start) if self.start else None

    @property
    def history_ns(self) -> int:
        """How much plant time is back-filled."""
        return durations.duration_ns(self.history)

    @property
    def duration_ns(self) -> int | None:
        """How long the live part lasts in plant time; None: until stopped."""
        return durations.duration_ns(self.duration) if self.duration else None

    def tenants(self, enterprise: str, site: str, line: str) -> list[Tenant]:
        """Every enterprise, in order; the arguments are the names where a scenario without a park gives none."""
        if self.park is None:
            names = (self.enterprise or enterprise, self.site or site, self.line or line)
            return [Tenant(*names, self.sector or "", self.seed, self.demand, self.policies, self.shifts)]
        return [
            Tenant(
                one.enterprise,
                self.park.id,
                one.line,
                one.sector,
                (self.seed + (place if one.seed_offset is None else one.seed_offset)) % (MAX_SEED + 1),
                one.demand,
                one.policies,
                one.shifts,
            )
            for place, one in enumerate(self.park.enterprises)
        ]

    def _check_park(self) -> None:
        own = {"enterprise": "", "site": "", "line": "", "demand": ScenarioDemand(), "policies": ScenarioPolicies()}
        for key, usual in {**own, "shifts": "sector"}.items():
            if getattr(self, key) != usual:
                where = "the park's id is the site" if key == "site" else "say it of each enterprise of the park"
                raise ValueError(f"{key}: not together with park; {where}")
        assert self.park is not None
        names = [one.enterprise for one in self.park.enterprises]
        for i, fault in enumerate(self.faults):
            if fault.enterprise and fault.enterprise not in names:
                known = ", ".join(names)[:200]
                raise ValueError(f"faults[{i}].enterprise: no enterprise {fault.enterprise!r}; known: {known}")


def _check_level(level: str, name: str) -> None:
    try:
        check_level(level, name)
    except ContractError as error:
        raise ValueError(f"{level}: {error.detail}") from None
