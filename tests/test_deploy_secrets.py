"""deploy/make_secrets.py: random, complete, never overwritten, and in the form that Mosquitto reads."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "deploy/make_secrets.py"
sys.path.insert(0, str(SCRIPT.parent))
from make_secrets import BROKER_USERS, agrees, mosquitto_hash  # noqa: E402


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, folder], check=False, capture_output=True, text=True, timeout=30)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_what_is_there_is_never_changed(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert run(folder).returncode == 0
    first = contents(folder)
    again = run(folder)
    assert (again.returncode, again.stdout) == (0, f"{folder}: complete\n")
    assert contents(folder) == first


def test_only_what_is_missing_is_made(tmp_path: Path) -> None:
    run(tmp_path / "secrets")
    first = contents(tmp_path / "secrets")
    (tmp_path / "secrets/influx_token").unlink()
    assert "made influx_token\n" in run(tmp_path / "secrets").stdout
    second = contents(tmp_path / "secrets")
    assert second.pop("influx_token") != first.pop("influx_token")
    assert second == first


def test_a_new_password_of_a_broker_user_makes_a_new_password_file(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    run(folder)
    (folder / "mqtt_ingest_password").unlink()
    run(folder)
    words = {user: (folder / f"mqtt_{user}_password").read_text().strip() for user in BROKER_USERS}
    assert agrees((folder / "mosquitto_passwd").read_text(), words)
    assert not agrees((folder / "mosquitto_passwd").read_text(), words | {"ingest": "another"})


def test_no_two_secrets_are_alike_and_all_are_long(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    words = [*contents(tmp_path / "a").values(), *contents(tmp_path / "b").values()]
    assert len(set(words)) == len(words) == 16
    assert all(len(word.strip()) >= 48 for word in words)


def test_other_users_of_the_machine_cannot_enter_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    run(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}  # read by the containers' users


def test_a_folder_that_docker_made_in_a_secrets_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets/influx_token").mkdir(parents=True)
    done = run(tmp_path / "secrets")
    assert done.returncode == 2
    assert "influx_token is a folder; Docker makes a folder where a secret is missing: remove it" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_hash_is_the_one_that_mosquitto_passwd_writes() -> None:
    # mosquitto_passwd 2.0.11 -b FILE ann "correct horse"
    written = (
        "$7$101$c6y1yJi6yiNA7Dgb$"
        "nY7yrXVDTZkBiqaiXNjPobo0jwvCjCtfZRKcMxXtqwf8nNdxkxsuzwz3aYarEWy2kgF9XQca9B1Fvb4Mtae++w=="
    )
    _, kind, iterations, salt, _ = written.split("$")
    assert kind == "7"
    assert mosquitto_hash("correct horse", base64.b64decode(salt), int(iterations)) == written


@pytest.mark.parametrize("text", ["", "ann", "ann:plain", "ann:$6$x$y", "ann:$7$x$y$z", "ann:$7$1$AAAA$AAAA"])
def test_another_or_broken_password_file_does_not_agree(text: str) -> None:
    assert not agrees(text, {"ann": "word"})
