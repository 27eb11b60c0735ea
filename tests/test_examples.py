"""Every example runs, and prints what is saved beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_the_example_prints_what_is_saved(path: Path) -> None:
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == path.with_suffix(".out").read_text(), f"if this is right: python {path} > {path.stem}.out"
    assert not done.stderr


def test_there_are_examples_and_no_stray_outputs() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {path.stem for path in EXAMPLES.glob("*.out")}
    assert len(names) >= 4
