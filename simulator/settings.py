"""The simulator's section of the configuration.

What it is: every setting with its default and its meaning.
What it is not: where they are read; ``service.load`` does that.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

SAMPLES_PER_S: Final = 60
"""At most this many samples per machine and wall second: above this speed the telemetry period widens."""

Name = Annotated[str, Meta(min_length=1)]
Period = Annotated[int, Meta(ge=1, le=3600)]
MAX_SPEED: Final = 1_000_000
TEN_YEARS_H: Final = 10 * 366 * 24


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated factory."""

    sector: Annotated[Name, Meta(description="which line to run; a name from simulator/sectors or the catalogue")] = (
        "home_appliances"
    )
    scenario: Annotated[
        str, Meta(description="what to run instead: a name from simulator/scenarios, or a file; empty: the sector")
    ] = ""
    catalogue: Annotated[
        str, Meta(description="folder with models, sectors, tariffs and scenarios of your own; empty: none")
    ] = ""
    scenario_first: Annotated[
        bool, Meta(description="where a setting has its default, the scenario's seed, speed, times and period hold")
    ] = True
    shifts: Annotated[
        Literal["", "sector", "continuous"],
        Meta(description="the sector's working hours, or continuous: around the clock; empty: the scenario's"),
    ] = ""
    faults: Annotated[list[str], Meta(max_length=200, description="faults to inject, each as on the command line")] = (
        field(default_factory=list)
    )
    commands: Annotated[bool, Meta(description="whether commands over MQTT are obeyed")] = True
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1, description="decides everything that chance decides")] = 1
    speed: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_SPEED)] | Literal["max"],
        Meta(description='plant seconds per second, or "max"'),
    ] = 1.0
    history_h: Annotated[
        float, Meta(ge=0, le=TEN_YEARS_H, description="hours of plant time to back-fill before going live")
    ] = 24.0
    telemetry_s: Annotated[Period, Meta(description="plant seconds between samples when live; wider above 60x")] = 1
    history_telemetry_s: Annotated[Period, Meta(description="plant seconds between samples of the back-fill")] = 60
    enterprise: Annotated[str, Meta(description="first level of every address; empty: the sector's own")] = ""
    site: Annotated[Name, Meta(description="second level of every address")] = "plant-1"
    line: Annotated[Name, Meta(description="the line's level of every address")] = "line-1"
    ledger: Annotated[str, Meta(description="file for the ledger of the truth; empty: none")] = ""
    client_id: Annotated[Name, Meta(description="MQTT client identifier")] = "qilu-simulator"
    wire: Annotated[
        Literal["json", "sparkplug"],
        Meta(description="json: the contract's messages at QoS 1; sparkplug: a Sparkplug B edge node for each gateway"),
    ] = "json"
    sparkplug_memory: Annotated[
        str, Meta(description="file that remembers the birth numbers (bdSeq) over restarts; empty: they begin at 0")
    ] = ""
    sparkplug_mqtt: Annotated[
        Literal["5", "3.1.1"], Meta(description="version of MQTT that the edge nodes speak; of the JSON wire it is 5")
    ] = "5"
    sparkplug_primary_host: Annotated[
        str,
        Meta(description="Sparkplug host without which nothing is published; empty: it does not matter who listens"),
    ] = ""
    heartbeat: Annotated[str, Meta(description="file for the health check; empty: none")] = ""
    memory: Annotated[
        str, Meta(description="file that remembers how far was told, so that a restart goes on there; empty: none")
    ] = ""
    outbox: Annotated[
        str, Meta(description="file of the edge buffer: what is said waits there, and is sent again; empty: none")
    ] = ""
    outbox_bytes: Annotated[
        int, Meta(ge=2**20, le=2**40, description="largest size of the edge buffer; the oldest acknowledged goes first")
    ] = 2**28
    compress: Annotated[
        Literal["none", "gzip", "zstd"], Meta(description="how payloads above 1 KiB are packed; none: as they are")
    ] = "none"
    start: Annotated[
        str, Meta(description="ISO 8601 time at which the history begins; empty: history_h before now")
    ] = ""
    duration_s: Annotated[
        float,
        Meta(
            ge=0,
            le=TEN_YEARS_H * 3600,
            description="end after so many live seconds (plant seconds at max); 0: run until stopped",
        ),
    ] = 0.0

    @property
    def pace(self) -> float:
        """What one second of ``duration_s`` is in plant time; at ``max``, where no clock paces, a plant second."""
        return 1.0 if isinstance(self.speed, str) else self.speed

    @property
    def live_telemetry_s(self) -> int:
        """The period of samples when live.

        Up to 60x it is ``telemetry_s``; above, as wide as keeps 60 samples per machine and wall second; at ``max``
        that of the back-fill.
        """
        if isinstance(self.speed, str):
            return max(self.telemetry_s, self.history_telemetry_s)
        return max(self.telemetry_s, ceil(self.speed / SAMPLES_PER_S))
