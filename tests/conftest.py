"""What all tests share: hypothesis without a deadline, for a busy machine is no wrong answer; and both YAML parsers."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import settings

settings.register_profile("qilu", deadline=None)
settings.load_profile("qilu")


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's parsers: the fast one is not everywhere."""
    if not hasattr(yaml, request.param):
        pytest.skip("this PyYAML has no libyaml")
    monkeypatch.setattr("service.strict_yaml._LOADER", getattr(yaml, request.param))
    return str(request.param)
