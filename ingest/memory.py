"""What the ingester remembers over a restart: which messages came last of each stream, and which series there are.

What it is: one file of JSON, written whole or not at all, at most every few seconds and at the end.
What it is not: needed for anything to be right. It is older than the newest messages after a crash, so what follows
from it is checked against the store before anybody is told; without it the ingester begins anew.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from contract import ContractError
from ingest.gaps import Gaps
from ingest.register import Known, Register

_LOG: Final = logging.getLogger("qilu.ingest")


class Kept(msgspec.Struct, frozen=True):
    """The file."""

    version: int
    gaps: list[Any]
    register: Known


VERSION: Final = 1


class Memory:
    """The file at ``path``; empty: nothing is kept."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._failing = False
        self._lock = threading.Lock()  # the last word may come while a thread is still writing the one before

    def recall(self, gaps: type[Gaps], register: Register, now_s: float) -> Gaps:
        """Fill the register and return the gaps, as far as the file is there and sound."""
        if self._path is None:
            return gaps()
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
            if kept.version != VERSION:
                raise ValueError(f"version {kept.version} is not {VERSION}")
            register.restore(kept.register)
            return gaps.from_state(kept.gaps, now_s)
        except FileNotFoundError:
            return gaps()
        except (OSError, ValueError, RecursionError, ContractError) as error:  # msgspec's errors are ValueErrors
            _LOG.warning("%s cannot be used, so the memory begins anew: %s", self._path, str(error)[:200])
            return gaps()

    def keep(self, gaps: Gaps, register: Register) -> None:
        """Write it. What cannot be written stops no work, and is told once."""
        if self._path is None:
            return
        with self._lock:
            body = msgspec.json.encode(Kept(VERSION, gaps.state(), register.known()))
            draft = self._path.with_suffix(".new")
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(body)
                draft.replace(self._path)
            except OSError as error:
                if not self._failing:
                    _LOG.warning("cannot write %s: %s; trying again", self._path, error.strerror or error)
                self._failing = True
            else:
                self._failing = False
