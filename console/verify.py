"""``qilu verify``: what happened, against what is stored and what was computed.

What it is: two comparisons. Messages: every message that the broker acknowledged must rest in the historian, once, with
all its rows, and nothing else. Figures: every KPI, folded from the stored events and as the analytics wrote it, must
equal the simulator's own truth to ``TOLERANCE``.
What it is not: the analytics. The truth's KPIs are computed here from the ledger alone, in a few plain lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from console.figure_check import FigureCheck, check_figures
from console.ledger_file import LedgerFile, read_ledger
from console.progress import Told, untold
from console.runs import newest_run
from console.terminal import Bar
from contract import KINDS, LEVELS, ConfigError
from historian import Historian, Query, open_store
from service import Store

TOLERANCE: Final = 1e-9
_EXAMPLES: Final = 5


@dataclass(slots=True)
class MessageCheck:
    """Messages by name: published by the simulator, acknowledged by the broker, found in the store."""

    published: int
    acknowledged: int
    stored: int
    lost: int
    duplicated: int
    unexpected: int
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What ``qilu verify`` found."""

    ledger: str
    store: str
    ended: bool
    messages: MessageCheck
    figures: FigureCheck
    others: dict[str, int] = field(default_factory=dict)
    """Kind -> lines of the ledger that are no part of the comparison."""

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing twice, nothing strange, every KPI true, and the simulator has ended its ledger."""
        counts = self.messages
        whole = self.ended and not (counts.lost or counts.duplicated or counts.unexpected)
        return whole and self.figures.compared > 0 and self.figures.worst <= TOLERANCE

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        return {"ok": self.ok, "tolerance": TOLERANCE, **asdict(self)}

    def as_text(self) -> str:
        """The report for people."""
        m, f = self.messages, self.figures
        kinds = sorted(self.others.items())
        others = ", ".join(
            [*(f"{n} {kind[:40]!r}" for kind, n in kinds[:_EXAMPLES]), *(["…"] if kinds[_EXAMPLES:] else [])]
        )
        lines = [
            f"ledger  {self.ledger}"
            + ("" if self.ended else "  (the simulator has not ended it: wait, or it was killed)"),
            f"store   {self.store}",
            f"messages: {m.published} published, {m.acknowledged} acknowledged by the broker, {m.stored} stored",
            f"lost: {m.lost}   duplicated: {m.duplicated}   unexpected: {m.unexpected}",
            f"figures: {f.compared} compared with the truth, largest relative error {f.worst:.3g}"
            + (f" ({f.where})" if f.worst else ""),
            *([f"lines of the ledger that are not compared: {others}"] if others else []),
            *[f"  {example}" for example in m.examples + f.examples],
            "verified: nothing lost, every figure true" if self.ok else "NOT verified",
        ]
        return "\n".join(lines)


async def verify(ledger_path: Path, store_url: str, token: str | None = None, *, progress: Told = untold) -> Report:
    """Compare a ledger with a store; raises ConfigError when one of them cannot be read.

    ``progress`` is told of the figures alone: they take nearly all of the time.
    """
    ledger = read_ledger(ledger_path)
    async with open_store(store_url, token) as store:
        messages = await check_messages(ledger, store)
        figures = await check_figures(ledger, store, TOLERANCE, progress)
    return Report(str(ledger_path), store_url, ledger.end_ns is not None, messages, figures, dict(ledger.others))


async def check_messages(ledger: LedgerFile, store: Historian) -> MessageCheck:
    """Compare by name and number of rows, for the addresses and the time of the ledger."""
    found = await _stored(ledger, store)
    boots = {boot for _, boot, _ in ledger.published}
    rows = {(path, boot, seq, kind): n for (path, boot, seq), (kind, n) in ledger.published.items()}
    lost = [name for name, n in rows.items() if name[:3] in ledger.acked and found[name] < n]
    duplicated = [name for name, n in found.items() if name in rows and n > rows[name]]
    unexpected = [name for name in found if name not in rows and not _is_will(name, boots)]
    return MessageCheck(
        published=len(rows),
        acknowledged=len(ledger.acked),
        stored=sum(1 for name in found if name in rows),
        lost=len(lost),
        duplicated=len(duplicated),
        unexpected=len(unexpected),
        examples=[
            f"{what}: {path} {kind} boot {boot} seq {seq}, {found[path, boot, seq, kind]} rows stored"
            for what, names in (("lost", lost), ("duplicated", duplicated), ("unexpected", unexpected))
            for path, boot, seq, kind in sorted(names)[:_EXAMPLES]
        ],
    )


def _is_will(name: tuple[str, str, int, str], boots: set[str]) -> bool:
    """Whether the broker said it, for a link that broke: no ledger can promise that, and it is no stranger."""
    _, boot, seq, kind = name
    return kind == "death" and seq == 0 and boot in boots


async def _stored(ledger: LedgerFile, store: Historian) -> Counter[tuple[str, str, int, str]]:
    """(path, boot, seq, kind) -> stored rows."""
    paths = {path for path, _, _ in ledger.published}
    end_ns = None if ledger.end_ns is None else ledger.end_ns + 1
    found: Counter[tuple[str, str, int, str]] = Counter()
    for kind in KINDS:
        table = await store.read(Query(kind, fields=("_boot", "_seq"), start_ns=ledger.start_ns, end_ns=end_ns))
        if not len(table):
            continue
        tags = zip(*(table.tags[level] for level in LEVELS), strict=True)
        for levels, boot, seq in zip(tags, table.fields["_boot"], table.fields["_seq"], strict=True):
            path = "/".join(levels)
            if path in paths:
                found[path, str(boot), int(seq or 0), kind] += 1
    return found


def run_verify(ledger: Path | None, store_url: str | None, token_file: str, data_dir: Path, *, as_json: bool) -> int:
    """The command; returns the exit code."""
    if (ledger is None) != (store_url is None):
        raise ConfigError("name both --ledger and --store, or neither for the newest run of the demo")
    if ledger is None or store_url is None:
        run = newest_run(data_dir)
        ledger, store_url = run.ledger, run.store_url
    with contextlib.closing(Bar("verify")) as bar:

        def progress(done: float) -> None:
            bar.show(done)
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # by Ctrl-C, which else waits for an await: there are few
                raise asyncio.CancelledError

        token = Store(token_file=token_file).token()
        report = asyncio.run(verify(ledger, store_url, token, progress=progress))
    print(msgspec.json.format(msgspec.json.encode(report.as_json())).decode() if as_json else report.as_text())
    return 0 if report.ok else 1
