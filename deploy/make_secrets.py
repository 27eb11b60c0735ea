"""Random passwords for the containers, one file each, in a folder that git ignores.

What it is: ``make secrets``. A secret that is there is never changed: the stores remember the first one they saw.
What it is not: a vault. The folder is closed to other users of this machine; the files inside can be read by any user
id, because the containers run under their own and Docker mounts a file with the mode that it has here.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

BROKER_USERS = ("simulator", "ingest", "operator", "health")
NAMES = (*(f"mqtt_{user}_password" for user in BROKER_USERS), "influx_password", "influx_token", "grafana_password")
HASHED = "mosquitto_passwd"
ITERATIONS = 1000
"""Little stretching is needed: the passwords are 192 random bits, not words."""


def main(folder: Path) -> int:
    """Make what is missing in ``folder``; returns the exit code."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        made = [name for name in NAMES if _make(folder / name, secrets.token_hex(24))]
        passwords = {user: (folder / f"mqtt_{user}_password").read_text().strip() for user in BROKER_USERS}
        hashed = folder / HASHED
        if not hashed.exists() or not agrees(hashed.read_text(), passwords):
            hashed.unlink(missing_ok=True)
            _make(hashed, "\n".join(f"{user}:{mosquitto_hash(word)}" for user, word in passwords.items()))
            made.append(HASHED)
    except OSError as error:
        hint = (
            "; Docker makes a folder where a secret is missing: remove it"
            if isinstance(error, IsADirectoryError)
            else ""
        )
        sys.stderr.write(f"make secrets: {error}{hint}\n")
        return 2
    sys.stdout.write(f"{folder}: made {', '.join(made)}\n" if made else f"{folder}: complete\n")
    return 0


def mosquitto_hash(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The password as mosquitto_passwd writes it: ``$7$``, PBKDF2 with SHA-512, a salt of twelve bytes."""
    salt = secrets.token_bytes(12) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def agrees(text: str, passwords: Mapping[str, str]) -> bool:
    """Whether the password file ``text`` names exactly these users with these passwords."""
    lines = dict(line.split(":", 1) for line in text.split() if ":" in line)
    if lines.keys() != passwords.keys():
        return False
    for user, word in passwords.items():
        parts = lines[user].split("$")
        if len(parts) != 5 or parts[1] != "7" or not parts[2].isdigit():
            return False
        again = mosquitto_hash(word, base64.b64decode(parts[3]), int(parts[2]))
        if not hmac.compare_digest(again, lines[user]):
            return False
    return True


def _make(path: Path, text: str) -> bool:
    """Write the file whole, or leave the one that is there; says whether it was made."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if path.exists():
        return False
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text + "\n", encoding="utf-8")
    draft.chmod(0o444)
    draft.replace(path)
    return True


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_secrets.py FOLDER")
    sys.exit(main(Path(sys.argv[1])))
