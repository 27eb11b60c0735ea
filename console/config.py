"""``qilu config``: what would apply here, as a commented document that can be edited and used.

What it is: the list of all sections, for this command and for checking variables.
What it is not: where settings are declared; each room declares its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from analytics.settings import Settings as Analytics
from console.settings import Page
from ingest.settings import Settings as Ingest
from service import Broker, Store, load, read_document, sample
from service.settings import CONFIG_VARIABLE, SECTIONS, check_environment
from simulator.settings import Settings as Simulator

TYPES: dict[str, type[Struct]] = {
    "broker": Broker,
    "store": Store,
    "simulator": Simulator,
    "ingest": Ingest,
    "analytics": Analytics,
    "page": Page,
}

_HEAD = """# Qilu's configuration: defaults, then this document, then variables such as QILU_BROKER_URL.
# Every program of Qilu reads its own sections of one document: --config FILE or QILU_CONFIG=FILE.

"""


def effective(path: str | None, environ: Mapping[str, str]) -> str:
    """The settings that a program started here would have; raises ConfigError."""
    check_environment(environ, SECTIONS)
    document = read_document(path or environ.get(CONFIG_VARIABLE), SECTIONS)
    return _HEAD + sample({name: load(name, type_, document, environ) for name, type_ in TYPES.items()})
