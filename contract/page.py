"""``docs/contract.md``, written from the code so that it cannot lie.

What it is: a pure function from the message types, the state table and the errors to Markdown.
What it is not: documentation of its own; every sentence about a kind or field stands in its docstring.

``python -m contract`` prints the page; a test fails when the file in ``docs/`` differs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec

from contract import errors, messages, packml, parts
from contract.address import LEVELS, MAX_LEVEL_CHARS, Address
from contract.wire_json import MAX_BYTES, encode

_HEAD = """<!-- Written by `python -m contract`; change the docstrings in contract/, not this file. -->
# The contract

What a publisher may say and what every reader may rely on. Any program that keeps to this page is a machine of the
plant: `qilu replay` and the simulator have no other way in.

## Addresses and topics

"""


def page() -> str:
    """The whole page as Markdown."""
    sections = [_HEAD, _addresses(), _rules()]
    sections += [_kind(kind, type_) for kind, type_ in messages.KINDS.items()]
    sections += ["## Parts of messages\n\n", *(_structure(type_, "###") for type_ in _part_types())]
    sections += [_states(), _errors()]
    return "".join(sections).rstrip() + "\n"


def _addresses() -> str:
    here = Address("qingdao-appliances", "plant-1", "production", "line-1", "stamp-1")
    return (
        f"{_doc(Address)}\n\nThe levels are `{' / '.join(LEVELS)}`, each 1 to {MAX_LEVEL_CHARS} characters. "
        "A message goes to `qilu/v1/` + the five levels + its kind, for example\n\n"
        f"    {here.topic('state')}\n\n"
    )


def _rules() -> str:
    return (
        "## Messages\n\n"
        f"{_doc(messages)}\n\n"
        f"The payload is UTF-8 JSON of at most {MAX_BYTES} bytes. Counts and counters are at most 2^53 − 1, times at "
        f"most 2^63 − 1 (stores hold them up to the year 2261); a message has at most {messages.MAX_ROWS} rows and "
        f"{parts.MAX_NAMES} names of sensors, or of counters. A name is a string of lower case, digits and _, of the "
        f"form `{parts.NAME_PATTERN}`. "
        "Of a key that stands twice in one object the last counts. Refused, with the reason, are: unknown and "
        "missing fields, wrong types, NaN and infinities, integers beyond their range, times that do not increase, "
        "columns of unequal length and names that stores reserve "
        f"({', '.join(f'`{name}`' for name in sorted(parts.RESERVED_NAMES))}). "
        "What is refused goes to the dead letters and stops nothing else.\n\n"
    )


def _kind(kind: str, type_: type[messages.Message]) -> str:
    example = encode(EXAMPLES[kind]).decode()
    return f"{_structure(type_, '### `' + kind + '`:')}```json\n{example}\n```\n\n"


def _structure(type_: type[msgspec.Struct], heading: str) -> str:
    rows = "".join(
        f"| `{field.name}` | {_type(field.type)} | {'required' if field.required else _default(field)} |\n"
        for field in msgspec.structs.fields(type_)
    )
    return f"{heading} {type_.__name__}\n\n{_doc(type_)}\n\n| field | type | default |\n|---|---|---|\n{rows}\n"


def _part_types() -> Iterator[type[msgspec.Struct]]:
    for _name, type_ in sorted(vars(parts).items()):
        if inspect.isclass(type_) and issubclass(type_, parts.Part) and type_ is not parts.Part:
            yield type_


def _states() -> str:
    rows = "".join(
        f"| {packml.NUMBER[state]} | {state} | {'waits' if state in packml.WAITING else 'acts'} | "
        f"{', '.join(after for after in packml.PackMLState if after in packml.TRANSITIONS[state])} |\n"
        for state in packml.PackMLState
    )
    reasons = "".join(f"| `{reason}` | {packml.MEANING[reason]} |\n" for reason in packml.Reason)
    modes = ", ".join(f"`{mode}`" for mode in packml.Mode)
    return (
        f"## States\n\n{_doc(packml)}\n\n"
        f"| no. | state | kind | may be followed at once by |\n|---|---|---|---|\n{rows}\n"
        f"{_doc(packml.may_follow).split('>>>')[0].strip()}\n\nModes: {modes}.\n\n"
        f"| reason | the machine |\n|---|---|\n{reasons}\n"
    )


def _errors() -> str:
    rows = "".join(
        f"| {'&nbsp;' * 4 * (len(type_.__mro__) - 4)}`{name}` | {_doc(type_).splitlines()[0]} |\n"
        for name, type_ in vars(errors).items()
        if inspect.isclass(type_) and issubclass(type_, errors.QiluError)
    )
    return f"## Errors\n\n{_doc(errors)}\n\n| error | what the caller does |\n|---|---|\n{rows}"


def _doc(thing: Any) -> str:
    text = (inspect.getdoc(thing) or "").split("\nRaises:")[0].split("\n>>>")[0]
    return text.replace("``", "`").strip()


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return f"`{msgspec.json.encode(value).decode()}`"


def _type(annotation: Any) -> str:
    """A type as readers of JSON would put it."""
    return _json_type(msgspec.json.schema(annotation))


def _form(pattern: str) -> str:
    """A pattern as readers would put it."""
    form = pattern.removeprefix(r"\A").removesuffix(r"\Z")
    if form.startswith("("):
        return "one of " + ", ".join(f"`{word}`" for word in form.strip("()").split("|"))
    return f"of the form `{form}`" if form else ""


_LIMITS = (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "at most"), ("minLength", "at least"))


def _json_type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_json_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of the words below"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_json_type(schema['items'])}"
    if kind == "object":
        keys = (
            "name"
            if schema["propertyNames"].get("description") == parts.NAME_WORD
            else _json_type({"type": "string", **schema["propertyNames"]})
        )
        return f"{keys} → {_json_type(schema['additionalProperties'])}"
    words = [kind, schema.get("description", ""), _form(schema.get("pattern", ""))]
    unit = " characters" if kind == "string" else ""
    if "minLength" in schema and schema["minLength"] == schema.get("maxLength"):
        words.append(f"of length {schema['minLength']}")
    else:
        words += [f"{sign} {schema[key]}{unit}" for key, sign in _LIMITS if key in schema]
    return ", ".join(word for word in words if word)


_BOOT = "5ca1ab1e"
_T = 1_795_305_600_000_000_000
_TARIFF = parts.Tariff(
    timezone="Asia/Shanghai",
    bands={"p": parts.Band(name="peak", price_per_kwh=1.04), "f": parts.Band(name="flat", price_per_kwh=0.67)},
    hours=["f" * 16 + "p" * 6 + "ff"] * 12,
)

EXAMPLES: dict[str, messages.Message] = {
    "birth": messages.Birth(
        boot=_BOOT,
        seq=1,
        t=_T,
        role="machine",
        model="servo press line 400 t",
        version="1.0",
        sensors={"press_force": parts.Sensor(unit="kN", low=2600, high=2900)},
        counters={"energy_wh": "Wh"},
        production=parts.Production(step="stamp", position=1, ideal_cycle_ns=16_000_000_000),
        economics=parts.Economics(currency="CNY", operators=3, wage_per_h=43.52, tariff=_TARIFF),
    ),
    "death": messages.Death(boot=_BOOT, seq=0, t=None, reason="connection lost"),
    "telemetry": messages.Telemetry(
        boot=_BOOT,
        seq=2,
        t=[_T, _T + 1_000_000_000],
        values={"press_force": [2741.5, 2758.0], "die_temp": [38.2, None]},
    ),
    "state": messages.State(
        boot=_BOOT,
        seq=3,
        rows=[
            parts.StateRow(t=_T, state=packml.PackMLState.EXECUTE, reason=packml.Reason.RUNNING, order="o-1"),
            parts.StateRow(
                t=_T + 9_000_000_000,
                state=packml.PackMLState.ABORTED,
                reason=packml.Reason.BREAKDOWN,
                order="o-1",
                cause="die wear",
            ),
        ],
    ),
    "cycle": messages.Cycle(
        boot=_BOOT,
        seq=4,
        rows=[
            parts.CycleRow(
                t=_T,
                order="o-1",
                product="washing machine",
                variant="10 kg white",
                good=1,
                scrap=0,
                rework=0,
                ideal_ns=16_000_000_000,
                actual_ns=16_420_000_000,
            )
        ],
    ),
    "meter": messages.Meter(boot=_BOOT, seq=5, rows=[parts.MeterRow(t=_T, counters={"energy_wh": 482_113})]),
    "order": messages.Order(
        boot=_BOOT,
        seq=1,
        rows=[
            parts.OrderRow(
                t=_T,
                order="o-1",
                product="washing machine",
                options={"capacity_kg": "10", "colour": "white"},
                quantity=6,
                price=8700.0,
                due=_T + 604_800_000_000_000,
            )
        ],
    ),
    "delivery": messages.Delivery(boot=_BOOT, seq=2, rows=[parts.DeliveryRow(t=_T, order="o-1", quantity=6)]),
    "return": messages.Return(boot=_BOOT, seq=3, rows=[parts.ReturnRow(t=_T, order="o-1", quantity=1, reason="noise")]),
    "shipment": messages.Shipment(
        boot=_BOOT,
        seq=1,
        rows=[
            parts.ShipmentRow(
                t=_T, shipment="s-1", material="coated steel sheet", status="received", quantity=24_000, price=124_800.0
            )
        ],
    ),
    "command": messages.Command(
        boot=_BOOT,
        seq=1,
        rows=[parts.CommandRow(t=_T, command="c-1", action="maintain", interlock="not while a lot is in the press")],
    ),
    "reply": messages.Reply(boot=_BOOT, seq=6, rows=[parts.ReplyRow(t=_T, command="c-1", status="accepted")]),
}
"""One message of each kind, for the page and for tests."""
