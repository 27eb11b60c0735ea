"""What the tests of the data files share: a text as it is read, and the sentence with which it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from contract import ConfigError
from service.datafile import parse


def read(text: str | bytes, type_: Any = Any) -> Any:
    return parse(text.encode() if isinstance(text, str) else text, type_, "f.yaml")


def refused(text: str | bytes, type_: Any = Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, type_)
    return str(caught.value)
