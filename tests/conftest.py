"""What all tests share: hypothesis without a deadline, for a busy machine is no wrong answer; a log that is as it was;
and both YAML parsers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import settings

settings.register_profile("qilu", deadline=None)
settings.load_profile("qilu")


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """A command that was run in this process may have set up the log; the next test finds it as it was."""
    root, ours = logging.getLogger(), logging.getLogger("qilu")
    before = root.level, ours.level
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler:  # pytest's own are others
            root.removeHandler(handler)


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's parsers: the fast one is not everywhere."""
    if not hasattr(yaml, request.param):
        pytest.skip("this PyYAML has no libyaml")
    monkeypatch.setattr("service.strict_yaml._LOADER", getattr(yaml, request.param))
    return str(request.param)
