"""The delivery promise: every promise names its tests, and every test that is named exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ingest import Settings, herald, run, subscriber

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def _names(path: Path) -> set[str]:
    """The tests of a file, and what is assigned there (a state machine's ``TestCase``)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assigned = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    return names | {target.id for targets in assigned for target in targets if isinstance(target, ast.Name)}


def test_the_promises_are_numbered_and_all_of_them_are_read() -> None:
    assert [int(number) for number, _, _ in PROMISES] == list(range(1, len(PROMISES) + 1))
    assert len(PROMISES) == PAGE.count("| **") > 20
    assert PAGE.count("<!-- faults: begin -->") == PAGE.count("<!-- faults: end -->") == 1


@pytest.mark.parametrize(("number", "promise", "tests"), PROMISES, ids=[number for number, _, _ in PROMISES])
def test_nothing_in_the_promise_is_untested(number: str, promise: str, tests: str) -> None:
    named = NAMED.findall(tests)
    assert named, f"promise {number} names no test: {promise}"
    for file, name in named:
        assert (ROOT / file).is_file(), f"promise {number}: there is no {file}"
        assert not name or (name.lower().startswith("test") and name in _names(ROOT / file)), (
            f"promise {number}: {file} has no {name}"
        )


def test_the_parts_of_the_end_stay_below_ten_seconds() -> None:
    """Promise 11: the writes, the last words of a Sparkplug host, the goodbye to the broker, and the last report."""
    assert run.DRAIN_S + 1.0 + subscriber.DISCONNECT_TIMEOUT_S + herald.LAST_REPORT_S < 10


def test_the_page_of_the_ingester_names_every_setting() -> None:
    page = (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8")
    table = page[page.index("## Settings") : page.index("## Points")]
    named = set(re.findall(r"`([a-z_0-9]+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE))))
    assert set(Settings.__struct_fields__) <= named
