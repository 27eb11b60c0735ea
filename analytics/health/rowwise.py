"""Arithmetic on rows whose result does not depend on how many rows come at once, and arrays as plain data.

What it is: sums and products term by term, in the order of the columns: a library's product may round otherwise for
another number of rows, and results must not depend, to the bit, on how a stream is cut into chunks.
What it is not: numpy anew; what is elementwise already is used as it is.

Source of ``slots``: SplitMix64 (Steele, Lea & Flood 2014, OOPSLA) of the row's number, so that no chance is drawn in
sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


def median(rows: Floats) -> Floats:
    """Medians along the first axis over what is present; not-a-number where nothing is."""
    ordered = np.sort(rows, axis=0)  # absent ones come last
    count = np.sum(~np.isnan(rows), axis=0)[np.newaxis]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, 0)
    high = np.take_along_axis(ordered, np.minimum(count // 2, np.maximum(count - 1, 0)), 0)
    return np.asarray((low + high)[0] / 2)


def product(rows: Floats, matrix: Floats) -> Floats:
    """The product rows · matrix, term by term: a library's product may round otherwise for other numbers of rows."""
    made = np.zeros((len(rows), matrix.shape[1]))
    for j in range(matrix.shape[0]):
        made += rows[:, j, np.newaxis] * matrix[j]
    return made


def sums(rows: Floats) -> Floats:
    """Sums of the rows, term by term."""
    total = np.zeros(len(rows))
    for j in range(rows.shape[1]):
        total += rows[:, j]
    return total


def shared(parts: Floats) -> Floats:
    """Each row divided by its sum; evenly where that is 0."""
    total = sums(parts)[:, np.newaxis]
    even = 1.0 / max(parts.shape[1], 1)
    return np.where(total > 0.0, parts / np.where(total > 0.0, total, 1.0), even)


def slots(seed: int, first: int, count: int, size: int) -> NDArray[np.int64]:
    """Random places 0 … size - 1 for the rows that have the numbers from ``first`` on."""
    with np.errstate(over="ignore"):
        x = (np.arange(first, first + count).astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) % np.uint64(size)).astype(np.int64)


def plain(array: Floats) -> list[Any]:
    """An array as nested lists, None for not-a-number."""
    made = array.astype(object)
    made[np.isnan(array)] = None
    return list(made.tolist())


def array_of(lists: list[Any], columns: int | None = None) -> Floats:
    """The reverse of ``plain``; ``columns`` gives a table without rows its shape."""
    made = np.array(lists, np.float64)
    return made.reshape(-1, columns) if columns is not None else made
