"""How rows become standardised: what context explains is taken off, then robust centre and spread are 0 and 1.

What it is: learned from a training window, least squares on the context, then median and MAD of what is left.
What it is not: a judgement, and not adaptive.

Source: median and MAD with the factor 1.4826 of the normal distribution: Hampel 1974, JASA 69.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.health.rowwise import Floats, array_of, median, plain

MAD_TO_SD: Final = 1.4826
"""Of a normal distribution."""
_CLEAR: Final = 4.0
"""A slope counts if it is so many times its standard error; rows follow each other, so this is less strict than it
looks (assumed)."""
_TINY: Final = 1e-300
_OUTLIER: Final = 5.0
"""Training rows further from the regression than so many robust deviations do not shape it (assumed)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The learned scale.

    Attributes:
        usable: numbers of the columns that were mostly present, and not constant.
        slopes: [context, usable column].
        centre: of each usable column.
        spread: of each usable column, above 0.
    """

    usable: NDArray[np.int64]
    slopes: Floats
    centre: Floats
    spread: Floats

    @classmethod
    def learned(cls, rows: Floats, columns: int) -> Scale:
        """Learn from rows [row, column and context]; the first ``columns`` are to be standardised."""
        values, context = rows[:, :columns], rows[:, columns:]
        often = np.sum(~np.isnan(values), axis=0) * 2 >= len(rows)
        slopes = np.column_stack([_regressed(values[:, j], context) for j in range(columns)])
        left = _less(values, context, slopes)
        centre = median(left)
        spread = MAD_TO_SD * median(np.abs(left - centre))
        wide = np.sqrt(np.nanmean((np.where(often, left, 0.0) - np.where(often, centre, 0.0)) ** 2, axis=0))
        spread = np.where(spread > 0.0, spread, wide)  # more than half are equal: of a coarse transducer, say
        size = np.where(often, np.abs(np.where(np.isnan(centre), 0.0, centre)), 0.0)
        usable = np.flatnonzero(often & (spread > 1e-12 * np.maximum(size, 1e-300)))
        return cls(usable, slopes[:, usable], centre[usable], spread[usable])

    def standard(self, rows: Floats) -> Floats:
        """Standardised values [row, usable column]; not-a-number where absent."""
        context = rows[:, rows.shape[1] - len(self.slopes) :]
        return (_less(np.ascontiguousarray(rows[:, self.usable]), context, self.slopes) - self.centre) / self.spread

    def state(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "usable": self.usable.tolist(),
            "slopes": plain(self.slopes),
            "centre": plain(self.centre),
            "spread": plain(self.spread),
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Scale:
        """The reverse of ``state``."""
        usable = np.array(state["usable"], np.int64)
        slopes = array_of(state["slopes"], len(usable)) if len(usable) else np.empty((len(state["slopes"]), 0))
        return cls(usable, slopes, array_of(state["centre"]), array_of(state["spread"]))


def _less(values: Floats, context: Floats, slopes: Floats) -> Floats:
    """Values without what context explains, term by term."""
    left = values.copy()
    for c in range(len(slopes)):
        left -= context[:, c, np.newaxis] * slopes[c]
    return left


def _regressed(values: Floats, context: Floats) -> Floats:
    """Slopes of least squares on the context, a second time without the rows that lie far off.

    A slope that cannot be told from none is none: what is fitted to noise would grow outside the training window.
    """
    slopes: Floats = np.zeros(context.shape[1])
    keep = ~np.isnan(values)
    for _ in range(2 if context.shape[1] else 0):
        slopes = _clear_slopes(values[keep], context[keep])
        left = _less(values[:, np.newaxis], context, slopes[:, np.newaxis])[:, 0]
        off = np.abs(left - _middle(left))
        keep = ~np.isnan(values) & (off <= _OUTLIER * MAD_TO_SD * _middle(off) + _TINY)
    return slopes


def _clear_slopes(values: Floats, context: Floats) -> Floats:
    """Least squares; the least certain column is left out until all slopes are clear."""
    slopes: Floats = np.zeros(context.shape[1])
    used = [c for c in range(context.shape[1]) if np.ptp(context[:, c]) > 0.0] if len(values) else []
    while used and len(values) > len(used) + 1:
        design = np.column_stack([np.ones(len(values)), context[:, used]])
        inverse = np.linalg.pinv(design.T @ design, hermitian=True)
        fitted = inverse @ (design.T @ values)
        variance = float(np.sum((values - design @ fitted) ** 2)) / (len(values) - len(used) - 1)
        sure = np.abs(fitted) / np.sqrt(np.maximum(variance * np.diag(inverse), _TINY))
        if sure[1:].min() >= _CLEAR:
            slopes[used] = fitted[1:]
            break
        del used[int(np.argmin(sure[1:]))]
    return slopes


def _middle(values: Floats) -> float:
    return float(median(values[:, np.newaxis])[0])
