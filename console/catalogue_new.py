"""``qilu models new`` and ``qilu sectors new``: a commented file that is right from the first moment.

What it is: the template beside this file, or a copy of another one, with the new id; comments stay.
What it is not: an editor. A file that is there is never written over.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import msgspec

from console.catalogue_check import TYPES
from console.catalogue_commands import HOME
from contract import ConfigError
from service.datafile import lines
from service.datafiles_io import read_bytes
from simulator.catalogue import KINDS, Catalogue, is_id

_TEMPLATES: Final = Path(__file__).parent / "templates"
_ID_LINE: Final = re.compile(r"""id\s*:\s*(['"]?)[a-z][a-z0-9_-]*\1(?=\s|$)""")


def run_new(kind: str, name: str, origin: str | None, folder: Path, catalogue: Catalogue, *, as_json: bool) -> int:
    """The command; returns the exit code."""
    if not is_id(name):
        raise ConfigError(f"{name[:80]!r} is no id: use a-z, 0-9, _ and -, first a letter, 61 at most")
    if catalogue.built_in(kind, name):
        raise ConfigError(f"{name} is a built-in {KINDS[kind]}; give yours another name, and --from {name}")
    if origin:
        catalogue.load(kind, origin, TYPES[kind])  # what is wrong is not copied
    source = catalogue.path(kind, origin) if origin else _TEMPLATES / f"{kind}.yaml"
    text = with_id(read_bytes(source), name, str(source))
    file = folder / kind / f"{name}.yaml"
    _write(file, text)
    # `check` finds ./qilu by itself; any other folder must be named to it.
    where = "" if folder == HOME else f" --catalogue {shlex.quote(str(folder))}"
    next_ = f"qilu {kind} check {shlex.quote(str(file))}{where}"
    if as_json:
        body = {"file": str(file), "from": origin or "template", "next": next_}
        print(msgspec.json.format(msgspec.json.encode(body)).decode())
    else:
        print(f"wrote {file} (from {origin or 'the template'})\nnext: edit it, then {next_}")
    return 0


def with_id(text: bytes, name: str, source: str) -> bytes:
    """The same file with another id and nothing else changed; raises ConfigError when its ``id`` cannot be found."""
    number = lines(text, source).get("id", 0)
    rows = text.split(b"\n")
    old = rows[number - 1].decode() if number else ""
    new, found = _ID_LINE.subn(f"id: {name}", old, count=1) if old.startswith("id") else (old, 0)
    if not found:
        raise ConfigError(f"{source}: no line 'id: …' of its own, so the id cannot be changed")
    rows[number - 1] = new.encode()
    return b"\n".join(rows)


def _write(file: Path, text: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as out:
            out.write(text)
    except FileExistsError:
        raise ConfigError(f"{file} is there already, and is not written over; choose another name") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror or error}") from None
