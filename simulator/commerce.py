"""What is said about consumers and suppliers: orders, deliveries, returns and shipments.

What it is: pure. It turns what the kernel told of orders and shipments into messages of the contract. A delivery and a
return come later than what causes them, so they wait in a queue until their time; rows are said in the order of their
times, and no cut of time changes a row. Rows of one address and kind that would share a time move by 1 ns.
What it is not: a decision: who orders is decided in ``market.py``, what becomes of an order in the kernel, and when a
parcel arrives and what comes back in ``fates.py``.

An order is said when it is accepted, with the price of the whole order; a refused one is only counted. A cancellation
is the same order again with quantity 0 and price 0. A delivery is said when the units are with the consumer, or, of an
order to stock, in the warehouse. The price of a shipment is the price of all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from contract import (
    MAX_BYTES,
    Address,
    Birth,
    Delivery,
    DeliveryRow,
    Economics,
    Order,
    OrderRow,
    Return,
    ReturnRow,
    Shipment,
    ShipmentRow,
)
from simulator.fates import Fates
from simulator.happenings import OrderEvent, Rows, ShipmentEvent
from simulator.later import BATCH_ROWS, Later, Row, Stream
from simulator.outgoing import Outgoing
from simulator.sector_model import Sector
from simulator.variants import Variants

MARKET: Final = "market"
SUPPLY: Final = "supply"
_MILLION: Final = 1_000_000
_ROW_BYTES: Final = 350  # more than an order's row takes without its options
_STATUS: Final = {event: event.name.lower() for event in ShipmentEvent}


class _Placed(NamedTuple):
    """What is known of an order."""

    channel: int
    variant: int
    units: int
    due_ns: int


class Commerce:
    """Speaks for the consumers and the suppliers of one line.

    Args:
        sector: whose channels, product, materials and suppliers they are; numbers in rows are places in its lists.
        enterprise: first level of every address.
        site: second level of every address.
        boot: hexadecimal, new at each start.
        seed: decides everything that chance decides.
        next_seq: the next number of a message from an address; called once for each message, in the order said.
    """

    def __init__(
        self, sector: Sector, enterprise: str, site: str, boot: str, *, seed: int, next_seq: Callable[[Address], int]
    ) -> None:
        self._sector, self._boot, self._next_seq = sector, boot, next_seq
        self._channels, self._materials = sector.demand.channels, sector.materials
        self._variants = Variants(sector.options, sector.product)
        self._fates = Fates(seed, enterprise, site)
        self._market = tuple(Address(enterprise, site, MARKET, channel.id, "consumers") for channel in self._channels)
        supply = {s.id: supplier_address(enterprise, site, s.id) for s in sector.suppliers}
        self._supply = tuple(supply.values())
        rows = _orders_in_a_message(sector)
        self._orders = [Stream(address, Order, rows) for address in self._market]
        self._deliveries = [Stream(address, Delivery) for address in self._market]
        self._returns = [Stream(address, Return) for address in self._market]
        by_supplier = {name: Stream(address, Shipment) for name, address in supply.items()}
        self._shipments = [by_supplier[material.supplier] for material in self._materials]
        self._later = Later([*self._orders, *self._deliveries, *self._returns, *by_supplier.values()])
        self._known: dict[int, _Placed] = {}
        self._until_ns: int | None = None
        self._count: Counter[str] = Counter()
        self._supplied = [Counter[str]() for _ in self._materials]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Everyone who speaks here: the channels, then the suppliers."""
        return (*self._market, *self._supply)

    def births(self, t_ns: int) -> list[Outgoing]:
        """I am here: each channel and each supplier, to be retained by the broker."""
        said = []
        for address, channel in zip(self._market, self._channels, strict=True):
            sort = "personalised orders" if channel.personalised else "stock orders"
            said.append(self._birth(address, MARKET, f"consumers, {sort}", t_ns))
        for address, supplier in zip(self._supply, self._sector.suppliers, strict=True):
            said.append(self._birth(address, SUPPLY, supplier.name, t_ns))
        return said

    def advance(self, from_ns: int, until_ns: int, orders: Rows, ordered: Rows, shipped: Rows) -> list[Outgoing]:
        """Say everything that is due in ``from_ns <= t < until_ns``, in the order of the times.

        Args:
            from_ns: where the last stretch ended.
            until_ns: the end, not part of it.
            orders: the orders (``market.PLACED``) that rows of this stretch or of later ones will name, each handed
                in once. Their ``number`` is the ``order`` of the rows: the kernel's, where it counts for itself.
            ordered: what happened to orders in this stretch (``happenings.ORDERED``).
            shipped: what happened to shipments in this stretch (``happenings.SHIPPED``).

        Raises:
            ValueError: the stretch does not follow the last, a row lies outside it, or its order is not known.
        """
        self.hear(from_ns, until_ns, orders, ordered, shipped)
        return self.say()

    def say(self) -> list[Outgoing]:
        """Everything heard that is due and not yet said, in the order of the times."""
        return self._later.messages(self._boot, self._next_seq)

    def skip(self, from_ns: int, until_ns: int, orders: Rows, ordered: Rows, shipped: Rows) -> None:
        """Count everything that is due, as ``advance``, and say nothing of it."""
        self.hear(from_ns, until_ns, orders, ordered, shipped)
        self._later.drop()

    def hear(self, from_ns: int, until_ns: int, orders: Rows, ordered: Rows, shipped: Rows) -> None:
        """Count everything that is due, as ``advance``; ``say`` says it."""
        if self._until_ns not in {None, from_ns} or until_ns < from_ns:
            raise ValueError(f"the stretch from {from_ns} to {until_ns} does not follow {self._until_ns}")
        for rows in (ordered, shipped):
            if len(rows) and not from_ns <= rows["t_ns"].min() <= rows["t_ns"].max() < until_ns:
                raise ValueError(f"a row lies outside the stretch from {from_ns} to {until_ns}")
        self._until_ns = until_ns
        columns = [orders[name].tolist() for name in ("number", *_Placed._fields)]
        self._known.update((number, _Placed(*rest)) for number, *rest in zip(*columns, strict=True))
        ordered = ordered[ordered["what"] != OrderEvent.STARTED]  # nobody outside is told
        for t_ns, order, what in zip(*(ordered[name].tolist() for name in ("t_ns", "order", "what")), strict=True):
            if order not in self._known:
                raise ValueError(f"order {order} is not known, or is done")
            self._happened(t_ns, order, what)
        for shipment in shipped:
            self._moved(shipment)
        for row, detail in self._later.take(until_ns):
            self._book(row, detail)

    def truth(self) -> dict[str, Any]:
        """What has happened since the start: orders and units, and each material in millionths of its unit.

        ``orders`` and ``units_ordered`` are what was accepted, ``on_time_units`` were delivered by the due date,
        ``backlog_units`` are accepted and neither cancelled nor finished.
        """
        words = ("orders", "refused_orders", "cancelled_orders", "finished_orders", "deliveries", "returns")
        units = ("ordered", "refused", "cancelled", "finished", "delivered", "on_time", "returned")
        count = self._count
        result: dict[str, Any] = {word: count[word] for word in words}
        result |= {f"{word}_units": count[f"{word}_units"] for word in units}
        result["backlog_units"] = count["ordered_units"] - count["cancelled_units"] - count["finished_units"]
        for word in ("promised", "shipped", "received"):
            result[f"shipments_{word}"] = sum(supplied[word] for supplied in self._supplied)
        result["materials"] = {
            material.id: {name: supplied[name] for name in ("promised_u", "received_u", "defective_u")}
            for material, supplied in zip(self._materials, self._supplied, strict=True)
        }
        return result

    def _birth(self, address: Address, role: str, model: str, t_ns: int) -> Outgoing:
        sector = self._sector
        birth = Birth(
            boot=self._boot,
            seq=self._next_seq(address),
            t=t_ns,
            role=role,
            model=model,
            version=f"{sector.id} {sector.version}",
            economics=Economics(currency=sector.currency),
        )
        return Outgoing.of(address, birth, retain=True)

    def _happened(self, t_ns: int, order: int, what: int) -> None:
        if what == OrderEvent.ACCEPTED:
            placed = self._known[order]
            self._later.wait(self._orders[placed.channel], self._order_row(t_ns, order, placed, placed.units))
            return
        placed, count = self._known.pop(order), self._count
        if what == OrderEvent.REFUSED:
            count["refused_orders"] += 1
            count["refused_units"] += placed.units
        elif what == OrderEvent.CANCELLED:
            self._later.wait(self._orders[placed.channel], self._order_row(t_ns, order, placed, 0), placed.units)
        else:
            count["finished_orders"] += 1
            count["finished_units"] += placed.units
            self._deliver(t_ns, order, placed)

    def _order_row(self, t_ns: int, order: int, placed: _Placed, quantity: int) -> OrderRow:
        each = self._variants.price(placed.variant, self._channels[placed.channel].price_factor)
        return OrderRow(
            t=t_ns,
            order=order_name(order),
            product=self._sector.product.id,
            options=self._variants.options(placed.variant),
            quantity=quantity,
            price=round(each * quantity, 2),
            due=placed.due_ns,
        )

    def _deliver(self, t_ns: int, order: int, placed: _Placed) -> None:
        """It is known from now on when the units arrive and which of them come back."""
        channel, name = self._channels[placed.channel], order_name(order)
        t_ns += self._fates.way_ns(order, channel)
        row = DeliveryRow(t=t_ns, order=name, quantity=placed.units)
        self._later.wait(self._deliveries[placed.channel], row, placed.due_ns)
        if back := self._fates.back(order, placed.units, channel):
            gone = ReturnRow(t=t_ns + back.after_ns, order=name, quantity=back.units, reason=back.reason)
            self._later.wait(self._returns[placed.channel], gone)

    def _moved(self, row: Any) -> None:
        """A shipment is promised, shipped or received."""
        place, quantity_u, defective_u = int(row["material"]), int(row["quantity_u"]), int(row["defective_u"])
        material, status = self._materials[place], _STATUS[ShipmentEvent(int(row["what"]))]
        self._supplied[place].update({status: 1, f"{status}_u": quantity_u})
        if status == "received":
            self._supplied[place]["defective_u"] += defective_u
        t_ns, quantity = int(row["t_ns"]), quantity_u / _MILLION
        said = ShipmentRow(
            t=t_ns,
            shipment=f"{material.id}-s-{int(row['number']):06d}",
            material=material.id,
            status=status,
            quantity=quantity,
            defective=defective_u / _MILLION,
            price=round(quantity * material.price * int(row["price_ppm"]) / _MILLION, 2),
            promised=int(row["due_ns"]),
        )
        self._later.wait(self._shipments[place], said)

    def _book(self, row: Row, detail: int) -> None:
        """Count what is said; ``detail`` is the due date of what is delivered, the units of what is cancelled."""
        count = self._count
        if isinstance(row, OrderRow) and row.quantity:
            count["orders"] += 1
            count["ordered_units"] += row.quantity
        elif isinstance(row, OrderRow):
            count["cancelled_orders"] += 1
            count["cancelled_units"] += detail
        elif isinstance(row, DeliveryRow):
            count["deliveries"] += 1
            count["delivered_units"] += row.quantity
            count["on_time_units"] += row.quantity if row.t <= detail else 0
        elif isinstance(row, ReturnRow):
            count["returns"] += 1
            count["returned_units"] += row.quantity


def supplier_address(enterprise: str, site: str, supplier: str) -> Address:
    """Who speaks of a supplier's shipments to a site."""
    return Address(enterprise, site, SUPPLY, supplier, "shipments")


def order_name(number: int) -> str:
    """What an order is called on the wire, wherever it is named."""
    return f"o-{number:06d}"


def _orders_in_a_message(sector: Sector) -> int:
    """So many that the longest texts of the options still fit."""
    longest = {option.name: max(option.choices, key=_json_bytes) for option in sector.options}
    return max(1, min(BATCH_ROWS, (MAX_BYTES - 1000) // (_json_bytes(longest) + _ROW_BYTES)))


def _json_bytes(text: object) -> int:
    return len(msgspec.json.encode(text))
