"""What outlives a restart; and a damaged file, which costs a memory and never a message."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_plant import plant

from contract import Address
from ingest.admission import SharedGaps
from ingest.gaps import Gaps
from ingest.memory import Memory
from ingest.register import Register

PRESS = Address("acme", "plant-1", "production", "line-1", "press-1")


def filled() -> tuple[SharedGaps, Register]:
    gaps, register = SharedGaps(), Register()
    for one in plant(1, 60):
        if one.message.seq % 5:
            gaps.came(one.address, one.message.boot, one.message.seq, 0.0)
            register.admit(one.address, one.kind, one.message)
    return gaps, register


def kept(path: Path) -> bytes:
    Memory(str(path)).keep(*filled())
    return path.read_bytes()


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    gaps, register = filled()
    path = tmp_path / "new" / "memory.json"
    Memory(str(path)).keep(gaps, register)
    again = Register()
    back = Memory(str(path)).recall(SharedGaps, again, 50.0)
    assert type(back) is SharedGaps
    assert back.state() == gaps.state()
    assert again.known() == register.known()
    assert again.series > 0
    missing = [{one.address: one.ranges for one in of.missing(60.0, 9.0)} for of in (back, gaps)]
    assert missing[0] == missing[1] != {}
    assert [one.name for one in path.parent.iterdir()] == ["memory.json"], "no draft is left"


def test_without_a_file_there_is_nothing_to_remember(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("", str(tmp_path / "none")):
        assert Memory(path).recall(Gaps, Register(), 0.0).state() == []
    Memory("").keep(*filled())
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


@given(cut=st.floats(0, 1, exclude_max=True), data=st.data())
def test_a_file_that_is_cut_or_bent_is_told_or_used_and_never_raises(
    cut: float, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("memory") / "memory.json"
    body = bytearray(kept(path))
    if data.draw(st.booleans()):
        body = body[: int(len(body) * cut)]
    else:
        body[int(len(body) * cut)] = data.draw(st.integers(0, 255))
    path.write_bytes(body)
    register = Register()
    gaps = Memory(str(path)).recall(Gaps, register, 0.0)
    assert gaps.came(PRESS, "0badf00d", 1, 0.0) is False, "it can be worked with"
    Memory(str(path)).keep(gaps, register)
    assert Memory(str(path)).recall(Gaps, Register(), 0.0).state() == gaps.state(), "and is sound again"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"version":2,"gaps":[],"register":{}}',
        b'{"version":1,"gaps":[["a/b","00",1,"",""]],"register":{}}',
        b'{"version":1,"gaps":[["acme/p/a/l/m","00",1,"5-9",""]],"register":{}}',
        b'{"version":1,"gaps":[],"register":{"series":[["a","b","c","d","#","telemetry"]]}}',
        b'{"version":1,"gaps":[],"register":{"strange":1}}',
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_used_is_told_in_one_bounded_line(
    body: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "memory.json"
    path.write_bytes(body)
    with caplog.at_level(logging.WARNING):
        assert Memory(str(path)).recall(Gaps, Register(), 0.0).state() == []
    (line,) = (record.getMessage() for record in caplog.records)
    assert "the memory begins anew" in line
    assert len(line) < 400 + len(str(path))


def test_a_file_that_cannot_be_written_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").write_text("in the way")
    memory = Memory(str(tmp_path / "folder" / "memory.json"))
    with caplog.at_level(logging.WARNING):
        memory.keep(*filled())
        memory.keep(*filled())
    assert len(caplog.records) == 1
    (tmp_path / "folder").unlink()
    memory.keep(*filled())
    assert Memory(str(tmp_path / "folder" / "memory.json")).recall(Gaps, Register(), 0.0).state() != []


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    before = kept(path)
    (tmp_path / "memory.new").mkdir()
    Memory(str(path)).keep(Gaps(), Register())
    assert path.read_bytes() == before
