"""The doorman: broker -> historian, acknowledging what is durable and nothing else.

What it is: ``ingest`` (run it in a loop of yours, or as ``python -m ingest``), its settings, its status, and the
reader of its dead letters.
What it is not: a broker or a store; both are found by their URLs.
"""

from ingest.deadletter import DeadLetters, Letter, read_letters
from ingest.frames import frames
from ingest.run import ingest
from ingest.settings import Settings
from ingest.status import Status

__all__ = [
    "DeadLetters",
    "Letter",
    "Settings",
    "Status",
    "frames",
    "ingest",
    "read_letters",
]
