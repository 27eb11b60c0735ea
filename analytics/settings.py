"""What can be set about the analytics.

What it is: the ``[analytics]`` section of the configuration, with its defaults.
What it is not: where the store is; that is ``[store]`` (``service/settings.py``).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The analytics: how often and over which windows the figures are taken."""

    period_s: Annotated[float, Meta(gt=0, le=3600, description="seconds between two passes over what is new")] = 1.0
    windows_s: Annotated[
        list[Annotated[int, Meta(ge=1, le=86_400)]],
        Meta(min_length=1, description="window lengths in seconds; the first divides the others, they divide a day"),
    ] = field(default_factory=lambda: [300, 3600])
    lookback_h: Annotated[
        float, Meta(gt=0, le=24 * 366, description="hours before the newest event in which late data still count")
    ] = 36.0
    late_scan_s: Annotated[float, Meta(gt=0, le=3600, description="seconds between two searches for late data")] = 10.0
    heartbeat: Annotated[str, Meta(description="file rewritten while all is well; empty: none")] = ""

    def __post_init__(self) -> None:
        """Refuse windows that do not fit into each other."""
        for window_s in self.windows_s:
            if window_s % self.windows_s[0] or 86_400 % window_s:
                raise ValueError(f"windows_s: {window_s} is no multiple of {self.windows_s[0]} that divides a day")
