"""A sector, a plant that obeys simple rules and a month of it, for tests of what is said about commerce."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np

from contract import Address, decode
from simulator import chance
from simulator.commerce import Commerce
from simulator.happenings import ORDERED, SHIPPED, OrderEvent, Rows, ShipmentEvent
from simulator.market import DAY_NS, HOUR_NS, Market
from simulator.outgoing import Outgoing
from simulator.sector_model import (
    Calendar,
    Channel,
    Demand,
    Labour,
    Material,
    Option,
    Product,
    Provenance,
    Sector,
    Spread,
    StepModel,
    Supplier,
)

BOOT = "00ff00ff"
START = 1_780_000_000 * 10**9
DAYS = 30
WEB, STOCK = 0, 1
ODD = ["white", 'say "hi", <b>ünï</b> \\ 白', "{{7*7}}\n\x00\x1b[31m"]


def sector(**parts: Any) -> Sector:
    web = Channel(
        id="web",
        personalised=True,
        share=0.5,
        size="geometric",
        mean_units=2,
        quoted_days=3,
        cancel_pct=8,
        return_pct=20,
    )
    stock = Channel(
        id="to-stock", personalised=False, share=0.5, size="uniform", mean_units=40, quoted_days=2, price_factor=0.8
    )
    base: dict[str, Any] = {
        "id": "washers",
        "name": "Washers",
        "version": "1.0",
        "provenance": Provenance(basis="test", confidence="none"),
        "product": Product(id="washer", name="Washer", price=100),
        "options": [
            Option(name="print", choices=ODD, weights=[1, 1, 1], price=[0, 5.5, 0.125]),
            Option(name="dryer", choices=["no", "yes"], weights=[1, 1]),
        ],
        "currency": "CNY",
        "tariff": "shandong",
        "labour": Labour(wage_per_h=30, loaded_factor=1.4),
        "calendar": Calendar(),
        "spread": Spread(cycle_noise=0, cycle_loss=0, worn_slower=0, repair_sigma=0),
        "aux_kw": 1,
        "demand": Demand(
            units_per_day=300, hours=[1.0] * 24, weekdays=[1.0] * 7, season=[1.0] * 12, channels=[web, stock]
        ),
        "suppliers": [
            Supplier(id="mill", name="Mill & Söhne <1>", lead_days_mean=3, lead_days_sd=1, defect_ppm=100),
            Supplier(id="foundry", name="Foundry", lead_days_mean=3, lead_days_sd=1, defect_ppm=100),
        ],
        "materials": [
            Material(id="steel", name="Steel", unit="kg", price=4.5, supplier="mill"),
            Material(id="paint", name="Paint", unit="l", price=20, supplier="mill"),
            Material(id="drum", name="Drum", unit="piece", price=60, supplier="foundry"),
        ],
        "steps": [
            StepModel(
                id="press", name="Press", model="press", machines=1, cycle_s=10, units_per_cycle=1, scrap_pct=0,
                rework_pct=0, operators=1, depreciation_per_h=0, scrap_credit_per_unit=0,
            )
        ],
    }  # fmt: skip
    return Sector(**base | parts)


def rows_of(dtype: Any, rows: list[tuple[Any, ...]]) -> Rows:
    made = np.array(rows, dtype)
    return made[np.argsort(made["t_ns"], kind="stable")]


def plant(orders: Rows, seed: int) -> Rows:
    """A plant that refuses every tenth order, obeys cancellations, and makes an order in one to 60 hours."""
    stream, told = chance.key(seed, "plant"), []
    for n, row in enumerate(orders):
        t_ns, number, units = int(row["t_ns"]), int(row["number"]), int(row["units"])
        if chance.uniform(stream, 2 * n) < 0.1:
            told.append((t_ns, number, OrderEvent.REFUSED, units))
            continue
        told.append((t_ns, number, OrderEvent.ACCEPTED, units))
        done_ns = t_ns + round(HOUR_NS * (1 + 59 * chance.uniform(stream, 2 * n + 1)))
        done_ns -= done_ns % HOUR_NS - HOUR_NS  # many share a full hour
        started_ns = (t_ns + done_ns) // 2
        if row["cancel_ns"] < started_ns:
            told.append((int(row["cancel_ns"]), number, OrderEvent.CANCELLED, units))
        else:
            told += [(started_ns, number, OrderEvent.STARTED, units), (done_ns, number, OrderEvent.FINISHED, units)]
    return rows_of(ORDERED, told)


def supply() -> Rows:
    told = []
    for n in range(20):
        t_ns = START + n * DAY_NS
        for material in range(3):
            due_ns = t_ns + 3 * DAY_NS
            figures = (5_500_000 * (n + 1), 1_250_000, due_ns, 1_000_000 + 10_000 * n)
            for what, at_ns in zip(ShipmentEvent, (t_ns, t_ns + DAY_NS, due_ns), strict=True):
                told.append((at_ns, material, n, what, *figures))
    return rows_of(SHIPPED, told)


class Run:
    """A plant's month, said in one piece or in many."""

    def __init__(self, wants: Sector | None = None, seed: int = 1) -> None:
        self.sector = wants or sector()
        self.seed = seed
        end = START + DAYS * DAY_NS
        consumers = Market(self.sector.demand, self.sector.options, self.sector.product, "Asia/Shanghai", seed)
        self.orders = consumers.orders(START, START + 20 * DAY_NS)
        self.ordered = plant(self.orders, seed)
        self.ordered = self.ordered[self.ordered["t_ns"] < end]
        self.shipped = supply()
        self.end = end

    def commerce(self, seqs: Counter[Address] | None = None) -> Commerce:
        said = Counter[Address]() if seqs is None else seqs

        def next_seq(address: Address) -> int:
            said[address] += 1
            return said[address]

        return Commerce(self.sector, "acme", "plant-1", BOOT, seed=self.seed, next_seq=next_seq)

    def say(self, cuts: list[int] | None = None, commerce: Commerce | None = None) -> tuple[list[Outgoing], Commerce]:
        commerce = commerce or self.commerce()
        said: list[Outgoing] = []
        for a, b in pairwise([START, *sorted(cuts or []), self.end]):
            parts = [r[(a <= r["t_ns"]) & (r["t_ns"] < b)] for r in (self.orders, self.ordered, self.shipped)]
            said += commerce.advance(a, b, *parts)
        return said, commerce


def rows(said: list[Outgoing]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for out in said:
        found[out.address.path, out.kind] += decode(out.kind, out.payload).rows  # type: ignore[attr-defined]
    return dict(found)
