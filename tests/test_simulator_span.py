"""A factory that is started again goes on where it was, and tells no hour twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from console.embedded_broker import EmbeddedBroker
from contract import ConfigError
from service import Broker
from simulator.plant import HOUR_NS, SECOND_NS
from simulator.run import Summary, simulate
from simulator.settings import Settings
from simulator.span import Span, Told, span

NOW_NS = 1_795_305_600 * SECOND_NS + 123


def test_the_history_ends_now() -> None:
    start_ns = NOW_NS - 123 - 24 * HOUR_NS
    assert span(Settings(), NOW_NS, None) == Span(start_ns, start_ns + 24 * HOUR_NS)


def test_a_restart_goes_on_after_what_was_told() -> None:
    told_ns = NOW_NS - 2 * HOUR_NS
    assert span(Settings(), NOW_NS, told_ns) == Span(NOW_NS - 123 - 2 * HOUR_NS + SECOND_NS, NOW_NS - 123)


def test_a_long_absence_is_no_longer_than_the_history() -> None:
    assert span(Settings(), NOW_NS, NOW_NS - 99 * HOUR_NS) == span(Settings(), NOW_NS, None)


def test_a_plant_that_ran_ahead_of_the_clock_goes_on_there() -> None:
    told_ns = NOW_NS - 123 + 5 * HOUR_NS
    assert span(Settings(speed=60), NOW_NS, told_ns) == Span(told_ns + SECOND_NS, told_ns + SECOND_NS)


def test_a_set_start_is_kept_until_it_was_told() -> None:
    settings = Settings(start="2026-11-20T00:00:00Z", history_h=1)
    first = span(settings, NOW_NS, None)
    assert first == Span(1_795_132_800 * SECOND_NS, 1_795_136_400 * SECOND_NS)
    assert span(settings, NOW_NS, first.live_ns).start_ns == first.live_ns + SECOND_NS


def test_what_was_told_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    assert Told(str(path)).read() is None
    Told(str(path)).write(7)
    assert Told(str(path)).read() == 7
    assert Told("").read() is None
    path.write_text("{")
    with pytest.raises(ConfigError, match="remove it to begin anew"):
        Told(str(path)).read()
    with pytest.raises(ConfigError, match=r"simulator\.memory"):
        Told(str(tmp_path / "none" / "told.json")).write(7)


def test_two_starts_tell_no_moment_twice(tmp_path: Path) -> None:
    settings = Settings(history_h=0.2, speed="max", duration_s=60, memory=str(tmp_path / "told.json"))

    async def twice() -> tuple[Summary, Summary]:
        with EmbeddedBroker() as embedded:
            broker = Broker(url=embedded.url)
            first = await simulate(settings, broker, stop=asyncio.Event(), clock_ns=lambda: NOW_NS)
            return first, await simulate(settings, broker, stop=asyncio.Event(), clock_ns=lambda: NOW_NS)

    first, second = asyncio.run(twice())
    assert first.end_ns < second.start_ns <= first.end_ns + SECOND_NS
    assert json.loads((tmp_path / "told.json").read_text()) == {"told_ns": second.end_ns}
