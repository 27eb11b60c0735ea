"""Settings of the window: the section ``[page]``.

What it is: where the page is served and how often it looks into the historian.
What it is not: the settings of the store and the broker, which ``service/settings.py`` declares for everybody.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Page(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web page: where it is served, and how often it looks into the historian."""

    host: Annotated[str, Meta(description="address to listen on; 127.0.0.1 keeps the page on this machine")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes any free one")] = 8080
    names: Annotated[
        list[str], Meta(description="further host names by which browsers may ask for the page (a proxy's, say)")
    ] = []
    refresh_s: Annotated[float, Meta(gt=0, le=60, description="seconds between two looks into the historian")] = 1.0
    history_h: Annotated[int, Meta(ge=1, le=168, description="hours that the sparklines reach back")] = 24
    clients: Annotated[int, Meta(ge=1, le=1000, description="browsers that may watch at the same time")] = 50
    slow_client_s: Annotated[
        float, Meta(gt=0, le=60, description="a browser that takes longer than this to take an update is cut off")
    ] = 5.0
