"""Rows as a set: what is known at a moment, whatever the order and however often it was said.

What it is: the first step of every fold of this package. Of different rows with one key the greater stays, which is
arbitrary but always the same.
What it is not: a judge of which boot of a publisher counts; rows that another run superseded are dropped before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Protocol, TypeVar


class _Row(Protocol):
    @property
    def t(self) -> int: ...


_R = TypeVar("_R", bound=_Row)


def known(
    rows: Iterable[_R], until_ns: int, key: Callable[[_R], tuple[Any, ...]], content: Callable[[_R], tuple[Any, ...]]
) -> dict[str, list[_R]]:
    """The rows from before ``until_ns``, each once, by the name that its key begins with, in the order of the keys.

    Args:
        rows: in any order, with or without duplicates.
        until_ns: rows at or after this time are not known yet.
        key: name, time, and what else tells rows apart.
        content: the rest of a row, by which the greater of two with one key is found.
    """
    kept = {key(row): row for row in sorted((row for row in rows if row.t < until_ns), key=content)}
    groups: defaultdict[str, list[_R]] = defaultdict(list)
    for (name, *_), row in sorted(kept.items(), key=itemgetter(0)):
        groups[name].append(row)
    return dict(groups)
