"""`qilu mapping`: the exit codes, what is printed, and that text of a message never reaches the terminal raw."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from console.mapping_commands import add_mapping_commands
from contract import ConfigError

EXAMPLES = Path(__file__).parents[1] / "examples" / "mappings"
VENDOR = str(EXAMPLES / "vendor_plain.yaml")
AT = ["--at", "2026-11-22T08:00:00Z"]


def qilu(*words: str) -> int:
    top = argparse.ArgumentParser()
    add_mapping_commands(top.add_subparsers())
    options = top.parse_args(["mapping", *words])
    return int(options.run(options))


def test_check_tells_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = sorted(map(str, EXAMPLES.glob("*.yaml")))
    assert qilu("check", *right) == 0
    assert capsys.readouterr().out.count(": ok\n") == len(right) >= 4
    bad = tmp_path / "bad.yaml"
    bad.write_text((EXAMPLES / "vendor_plain.yaml").read_text().replace("pick: signal", "pick: sensor"))
    assert qilu("check", VENDOR, str(bad)) == 1
    assert f"{bad}:10: devices[0].topics[0].topic: pick needs {{sensor}}" in capsys.readouterr().out
    assert qilu("check", str(bad), "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["ok"], len(found["problems"])) == (False, 1)
    with pytest.raises(ConfigError, match="cannot be read"):
        qilu("check", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="not a regular file"):
        qilu("check", str(tmp_path))


def test_check_tells_all_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    text = (EXAMPLES / "vendor_plain.yaml").read_text()
    bad.write_text(text.replace("payload: plain", "payload: json").replace("{line}/{machine}\n", "{line}/{press}\n"))
    assert qilu("check", str(bad)) == 1
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_try_shows_what_a_message_becomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert qilu("try", VENDOR, "factory/l/m/status", "FAULT", *AT) == 0
    out = capsys.readouterr().out
    assert out.startswith("acme/plant-2/production/l/m\n  birth     2026-11-22T00:00:00Z  machine filling station: ")
    assert "  state     2026-11-22T08:00:00Z  Aborted, breakdown, reported by the gateway\n" in out
    (tmp_path / "payload").write_bytes(b"21.5\n")
    assert qilu("try", VENDOR, "factory/l/m/temperature", f"@{tmp_path / 'payload'}", *AT, "--json") == 0
    birth, telemetry = map(json.loads, capsys.readouterr().out.splitlines())
    assert birth["kind"] == "birth"
    assert telemetry["message"]["values"] == {"temperature": [21.5]}


def test_try_shows_every_row_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    items = ",".join(f'{{"tagname":"Press.PLC1.Force","timestamp":179533531010{i},"value":{i}}}' for i in range(3))
    assert qilu("try", str(EXAMPLES / "gateway_list.yaml"), "gateway/p", f"[{items}]", *AT) == 0
    out = capsys.readouterr().out
    assert [line[12:] for line in out.splitlines() if "telemetry" in line] == [
        "2026-11-22T08:15:10.1Z  force 0.0",
        "2026-11-22T08:15:10.101Z  force 1.0",
        "2026-11-22T08:15:10.102Z  force 2.0",
    ]
    assert "not in this payload: sensor oil (value), counter energy_wh (value), state (value)" in out


def test_try_says_why_a_message_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert qilu("try", VENDOR, "factory/l/m/\x1b[31m", "1", *AT) == 1
    out = capsys.readouterr().out
    assert out.startswith("refused: unknown-value: ")
    assert "\x1b" not in out
    assert qilu("try", VENDOR, "factory/l/m/temperature", "hot", *AT, "--json") == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "wrong-type"
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: x\n")
    assert qilu("try", str(bad), "a", "1") == 1
    assert "the key devices is missing" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"^--at: expected a time such as 2026-11-22T09:15:10Z, found 'noon'$"):
        qilu("try", VENDOR, "a", "1", "--at", "noon")
