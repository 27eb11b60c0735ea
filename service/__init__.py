"""How a process of ours is configured, starts, reports its health and ends.

What it is: the little that ``simulator/run.py``, ``ingest/run.py``, ``analytics/run.py`` and ``console/`` would
otherwise each write again.
What it is not: a framework. It knows no room and no broker, and imports the contract alone.
"""

from service.process import Heartbeat, Start, configure_logging, ended, heartbeat_problem, run_until_signalled, together
from service.program import Program, Sections
from service.settings import Broker, Store, load, read_document, sample

__all__ = [
    "Broker",
    "Heartbeat",
    "Program",
    "Sections",
    "Start",
    "Store",
    "configure_logging",
    "ended",
    "heartbeat_problem",
    "load",
    "read_document",
    "run_until_signalled",
    "sample",
    "together",
]
