"""The names and data types of our metrics.

What it is: what stands in the metrics of every message of ours, derived from the contract's types, so that a new kind
or field needs no line here.
What it is not: their values (``sparkplug_metrics.py``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import inspect

from contract.messages import KINDS
from contract.sparkplug_payload import DataType

BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
BOOT: Final = "Qilu/boot"
SEQ: Final = "Qilu/seq"
KIND: Final = "Qilu/kind"
BIRTH: Final = "Qilu/birth"
MESSAGE: Final = "Qilu/message"
GATEWAY: Final = "Qilu/gateway"


class Field(NamedTuple):
    """A field of a row as a metric; ``parts``: it holds a table, said as JSON."""

    name: str
    datatype: DataType
    parts: bool


def said_name(name: str) -> str:
    """How a sensor or counter is called in a metric: ``<kind>/t`` is the time, and no name begins with ``_``."""
    return "_t" if name == "t" else name


def meant_name(name: str) -> str:
    """The sensor or counter that ``said_name`` has said."""
    return "t" if name == "_t" else name


def _fields(kind: str) -> tuple[Field, ...]:
    """The fields of a kind's rows but the time, out of their types."""
    fields = {field.name: field.type for field in inspect.type_info(KINDS[kind]).fields}  # type: ignore[attr-defined]
    if "rows" in fields:
        fields = {field.name: field.type for field in fields["rows"].item_type.fields}
    return tuple(_field(name, type_) for name, type_ in fields.items() if name not in {"v", "boot", "seq", "t"})


def _field(name: str, type_: inspect.Type) -> Field:
    if isinstance(type_, inspect.UnionType):
        (type_,) = (one for one in type_.types if not isinstance(one, inspect.NoneType))
    if isinstance(type_, inspect.Metadata):
        type_ = type_.type
    if isinstance(type_, inspect.DictType):
        return Field(name, DataType.String, parts=True)
    by_type = {inspect.IntType: DataType.Int64, inspect.FloatType: DataType.Double}
    return Field(name, by_type.get(type(type_), DataType.String), parts=False)


FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    **{kind: _fields(kind) for kind in KINDS if kind not in ("birth", "telemetry", "meter")},
    "meter": (),
}
"""The fields of a row of each kind, but the time; a meter's are its counters."""
ALWAYS: Final = {
    SEQ: DataType.Int64,
    KIND: DataType.String,
    BOOT: DataType.String,
    BIRTH: DataType.String,
    MESSAGE: DataType.String,
    **{f"{kind}/t": DataType.Int64 for kind in KINDS if kind != "birth"},
    **{f"{kind}/{field.name}": field.datatype for kind, fields in FIELDS.items() for field in fields},
}
"""What is declared for everything: the rows of all kinds, since the contract does not tie kinds to roles."""
