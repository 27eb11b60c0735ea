"""The Python of an environment that cannot be ours, for an oracle that is asked as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def other_python(name: str) -> str:
    """Path of the Python with ``NAME_requirements.txt``; skips, or with ``QILU_LIVE=required`` fails, without one."""
    made = subprocess.run(
        [TESTS / "other_venv.sh", TESTS / f"{name}_requirements.txt"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        reason = f"no environment for {name}: {made.stderr[-300:]}"
        if os.environ.get("QILU_LIVE") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return made.stdout.strip()
