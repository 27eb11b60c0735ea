"""The rights of ``deploy/mosquitto/acl`` for Mosquitto's dynamic-security plugin, which judges subscriptions as well.

What it is: ``python3 deploy/dynamic_security.py secrets`` writes ``secrets/dynamic-security.json``: the same users,
passwords and topics, everything else denied. docs/scale.md says when it is needed, and what to set.
What it is not: in force by itself, nor kept up to date: once the plugin has the file, ``mosquitto_ctrl dynsec``
changes it.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACL = Path(__file__).parent / "mosquitto" / "acl"
HASHED = "mosquitto_passwd"
MADE = "dynamic-security.json"
DENIED = {"publishClientSend": False, "publishClientReceive": False, "subscribe": False, "unsubscribe": True}


def main(words: list[str] | None = None) -> int:
    """Make the file in the folder of the secrets; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("secrets", type=Path, help="folder that make_secrets.py has filled")
    parser.add_argument("--share", default="ingest", help="the ingesters' group (ingest.share)")
    given = parser.parse_args(words)
    made = given.secrets / MADE
    try:
        hashed = dict(line.split(":", 1) for line in (given.secrets / HASHED).read_text().split() if ":" in line)
        text = json.dumps(configuration(ACL.read_text(), hashed, given.share), indent=1) + "\n"
        made.write_text(text)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"dynamic security: {error}\n")
        return 2
    sys.stdout.write(f"{made}: made\n")
    return 0


def configuration(acl: str, hashed: Mapping[str, str], share: str) -> dict[str, Any]:
    """The plugin's configuration.

    Args:
        acl: text of an ``acl_file`` with ``user`` and ``topic read`` or ``topic write`` lines.
        hashed: user -> password as ``mosquitto_passwd`` writes it, ``$7$iterations$salt$digest``.
        share: name of the group in which who may read may also subscribe; only ``ingest`` gets that.

    Raises:
        ValueError: the text has another kind of line, or a password another form.
    """
    return {
        "defaultACLAccess": DENIED,
        "clients": [_client(user, word) for user, word in hashed.items()],
        "groups": [],
        "roles": [
            {"rolename": user, "acls": [rule for line in lines for rule in _rules(user, line, share)]}
            for user, lines in _users(acl).items()
        ],
    }


def _users(acl: str) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    user = ""
    for line in acl.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "user":
            users[user := rest.strip()] = []
        elif kind == "topic" and user:
            users[user].append(rest)
        elif kind and not kind.startswith("#"):
            raise ValueError(f"{line[:100]!r} cannot be said to the plugin; known are user, topic read, topic write")
    return users


def _rules(user: str, line: str, share: str) -> list[dict[str, Any]]:
    access, _, topic = line.partition(" ")
    if access == "write":
        return [_rule("publishClientSend", topic)]
    if access != "read":
        raise ValueError(f"topic {line[:100]!r}: known are read and write")
    rules = [_rule("publishClientReceive", topic), _rule("subscribePattern", topic)]
    if user == "ingest" and share:
        rules.append(_rule("subscribePattern", f"$share/{share}/{topic}"))
    return rules


def _rule(kind: str, topic: str) -> dict[str, Any]:
    return {"acltype": kind, "topic": topic, "priority": 0, "allow": True}


def _client(user: str, hashed: str) -> dict[str, Any]:
    try:
        _, version, iterations, salt, digest = hashed.split("$")
        if version != "7":
            raise ValueError
        return {
            "username": user,
            "password": digest,
            "salt": salt,
            "iterations": int(iterations),
            "roles": [{"rolename": user}],
        }
    except ValueError:
        raise ValueError(f"the password of {user!r} is not of the form $7$iterations$salt$digest") from None


if __name__ == "__main__":
    sys.exit(main())
