"""``qilu demo --wire sparkplug``: the same factory as an edge node, and nothing lost by its own ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.cli import parser
from console.demo import DemoOptions, demo
from console.runs import newest_run
from console.simulate import SimulateOptions, settings_of
from console.verify import verify


@pytest.mark.slow
def test_the_demo_over_sparkplug_loses_nothing(tmp_path: Path) -> None:
    factory = SimulateOptions(wire="sparkplug", history_s=3600.0, duration_s=2.0)
    options = DemoOptions(factory, port=0, browser=False, data_dir=tmp_path)

    async def story() -> None:
        async with asyncio.timeout(90):
            result = await demo(options, asyncio.Event())
        assert result.messages.lost == 0
        run = newest_run(tmp_path)
        report = await verify(run.ledger, run.store_url)
        assert report.ok, report.as_text()
        assert report.messages.published == report.messages.stored > 50

    asyncio.run(story())


def test_the_flag_is_that_of_both_commands() -> None:
    for command in ("demo", "simulate"):
        assert parser().parse_args([command, "--wire", "sparkplug"]).wire == "sparkplug"
        assert parser().parse_args([command]).wire is None
    assert settings_of(SimulateOptions(wire="sparkplug")).wire == "sparkplug"
    assert settings_of(SimulateOptions()).wire == "json"
