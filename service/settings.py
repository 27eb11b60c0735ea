"""Configuration: one TOML document with a section per room, overridden by ``QILU_<SECTION>_<KEY>`` variables.

What it is: typed loading by msgspec. Unknown sections, keys and variables are refused with the nearest valid name.
What it is not: a list of settings; each room declares its own structure and hands it in.

>>> load("broker", Broker, {"broker": {"url": "mqtt://b:1884"}}, {"QILU_BROKER_USERNAME": "ann"}).url
'mqtt://b:1884'
>>> load("broker", Broker, {"broker": {"ulr": "mqtt://b"}}, {})
Traceback (most recent call last):
contract.errors.ConfigError: configuration: unknown key broker.ulr; did you mean broker.url?
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from contract import ConfigError

PREFIX: Final = "QILU_"
CONFIG_VARIABLE: Final = "QILU_CONFIG"
SECTIONS: Final = ("broker", "store", "simulator", "ingest", "analytics", "page")
"""One document serves all programs; each reads its own sections, and none is refused for another's."""
T = TypeVar("T", bound=Struct)
Document = Mapping[str, Mapping[str, Any]]


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the MQTT broker is."""

    url: Annotated[str, Meta(description="mqtt://HOST:PORT")] = "mqtt://127.0.0.1:1883"
    username: Annotated[str, Meta(description="empty: connect without a user name")] = ""
    password_file: Annotated[str, Meta(description="file that holds the password; never the password itself")] = ""

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self._split()[0]

    @property
    def port(self) -> int:
        """The port of the URL; 1883 where it names none."""
        return self._split()[1]

    def password(self) -> str | None:
        """The password out of its file, or None; raises ConfigError when the file cannot be read."""
        return read_secret("broker.password_file", self.password_file)

    def _split(self) -> tuple[str, int]:
        try:
            parts = urlsplit(self.url)
            if parts.username is not None:  # the URL itself is not repeated: it may hold the secret
                raise ConfigError(
                    "configuration: broker.url holds a user name; write it into broker.username, and the password into "
                    "the file that broker.password_file names"
                )
            if parts.scheme == "mqtt" and parts.hostname:
                return parts.hostname, parts.port or 1883
        except ValueError:
            pass
        raise ConfigError(f"configuration: broker.url {self.url!r} is not of the form mqtt://HOST:PORT")


class Store(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the historian is."""

    url: Annotated[str, Meta(description="influx://HOST:PORT/BUCKET?org=ORG or duckdb:PATH")] = (
        "duckdb:data/qilu.duckdb"
    )
    token_file: Annotated[str, Meta(description="file that holds the InfluxDB token; never the token itself")] = ""

    def token(self) -> str | None:
        """The token out of its file, or None; raises ConfigError when the file cannot be read."""
        return read_secret("store.token_file", self.token_file)


def read_secret(key: str, name: str) -> str | None:
    """The one line of the file ``name``; None when no file is named."""
    if not name:
        return None
    try:
        secret = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"configuration: {key}: cannot read {name}: {why}") from None
    if len(secret.splitlines()) != 1:
        raise ConfigError(f"configuration: {key}: {name} is not one line of text; put the secret alone into it")
    return secret


def read_document(path: str | None, sections: Iterable[str]) -> Document:
    """The TOML document at ``path`` (empty when none is named), with only the given sections; raises ConfigError."""
    if not path:
        return {}
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration: cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration: {path} is not TOML: {error}") from None
    known = list(sections)
    for name, body in document.items():
        if name not in known:
            raise ConfigError(f"{path}: unknown section [{name}]{_hint(name, known)}")
        if not isinstance(body, dict):
            raise ConfigError(f"{path}: {name} must be a section, written [{name}]")
    return document


def load(section: str, type_: type[T], document: Document, environ: Mapping[str, str]) -> T:
    """The settings of one section: defaults, then the document, then the environment.

    Raises:
        ConfigError: an unknown key or variable, or a value of the wrong type.
    """
    known = {field.name: field for field in msgspec.structs.fields(type_)}
    values: dict[str, Any] = dict(document.get(section, {}))
    for key in values:
        if key not in known:
            raise ConfigError(f"configuration: unknown key {section}.{key}{_hint(key, known, section + '.')}")
    prefix = f"{PREFIX}{section.upper()}_"
    for name, text in environ.items():
        if not name.startswith(prefix):
            continue
        key = name.removeprefix(prefix).lower()
        if key not in known:
            hint = _hint(key, known, prefix).upper().replace("; DID YOU MEAN ", "; did you mean ")
            raise ConfigError(f"environment: unknown variable {name}{hint}")
        try:
            values[key] = _from_text(text, known[key].type)
        except msgspec.ValidationError as error:
            raise ConfigError(f"environment: {name}: {error}") from None
    try:
        return msgspec.convert(values, type_, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration: [{section}]: {error}") from None


def _from_text(text: str, type_: Any) -> Any:
    """The value of a variable: a list is written as in TOML and JSON, ``["a", "b"]``."""
    try:
        return msgspec.convert(text, type_, strict=False)
    except msgspec.ValidationError as error:
        if not text.lstrip().startswith("["):
            raise
        problem = error
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:  # no list after all
        raise problem from None


def check_environment(environ: Mapping[str, str], sections: Iterable[str]) -> None:
    """Refuse ``QILU_`` variables that belong to no section; raises ConfigError."""
    known = [f"{PREFIX}{section.upper()}_" for section in sections]
    for name in environ:
        if name.startswith(_OTHER_PREFIXES) or name in _OTHER_VARIABLES:
            continue
        if name.startswith(PREFIX) and not name.startswith(tuple(known)):
            raise ConfigError(f"environment: unknown variable {name}; sections are {', '.join(known)}")


_OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, "QILU_CACHE_DIR", "QILU_FAILPOINT", "QILU_LIVE"})
_OTHER_PREFIXES: Final = ("QILU_CHAOS_", "QILU_FUZZ_")  # the tests' own


def sample(sections: Mapping[str, Struct]) -> str:
    """A TOML document of the given settings, each key commented with what it means."""
    lines: list[str] = []
    for section, values in sections.items():
        summary = (type(values).__doc__ or "").strip().splitlines()[0]
        lines += [f"# {summary}", f"[{section}]"]
        for field in msgspec.structs.fields(values):
            described = _described(field.type)
            if described:
                lines.append(f"# {described}")
            lines.append(f"{field.name} = {_toml(getattr(values, field.name))}")
        lines.append("")
    return "\n".join(lines)


def _described(annotation: Any) -> str:
    return "; ".join(m.description for m in getattr(annotation, "__metadata__", ()) if m.description)


def _toml(value: Any) -> str:
    return msgspec.json.encode(value).decode()  # strings, numbers, booleans and lists read the same in both


def _hint(name: str, known: Iterable[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {prefix}{near[0]}?" if near else f"; known are {', '.join(known)}"
