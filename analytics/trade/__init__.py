"""Orders, consumers, suppliers and the flow of a line: how fast, how reliably and at what premium things are delivered.

What it is: pure folds of order, delivery, return and shipment rows to one value per order or shipment, sums over these
that add, and ratios of sums; the physics of takt, batches and work in process.
What it is not: a reader of the historian, and not the cost ledger.
"""

from analytics.trade.consumers import Amounts, Cohort, Flow, backlog, cohorts, flows
from analytics.trade.distribution import Samples, pooled
from analytics.trade.flow import Batch, Limits, Station, Takt, epei, little_rate, little_time, little_wip, takt
from analytics.trade.judged import Verdict
from analytics.trade.orders import DateBasis, MarketEvents, Order, Personalised, Step, fold_orders, other_than
from analytics.trade.personal import Personal, Side, UnitCost, personal, premium
from analytics.trade.schedule import Planned, Schedule, Sequenced, schedule, sequence
from analytics.trade.service import Service, in_window, service, verdict
from analytics.trade.suppliers import (
    Shipment,
    Spread,
    Supply,
    arrival,
    fold_shipments,
    reorder_point,
    safety_stock,
    safety_stock_of,
    supply,
)
from analytics.trade.worth import HourRate, Lost, lost_units, machine_hour_rate, straight_line

__all__ = [
    "Amounts",
    "Batch",
    "Cohort",
    "DateBasis",
    "Flow",
    "HourRate",
    "Limits",
    "Lost",
    "MarketEvents",
    "Order",
    "Personal",
    "Personalised",
    "Planned",
    "Samples",
    "Schedule",
    "Sequenced",
    "Service",
    "Shipment",
    "Side",
    "Spread",
    "Station",
    "Step",
    "Supply",
    "Takt",
    "UnitCost",
    "Verdict",
    "arrival",
    "backlog",
    "cohorts",
    "epei",
    "flows",
    "fold_orders",
    "fold_shipments",
    "in_window",
    "little_rate",
    "little_time",
    "little_wip",
    "lost_units",
    "machine_hour_rate",
    "other_than",
    "personal",
    "pooled",
    "premium",
    "reorder_point",
    "safety_stock",
    "safety_stock_of",
    "schedule",
    "sequence",
    "service",
    "straight_line",
    "supply",
    "takt",
    "verdict",
]
