"""What a detector of anomalies is, and what all of ours share: learning on a healthy window, then judging row by row.

What it is: the protocol ``Detector``, its result ``Scored``, and ``Trained``: a bounded training window, adjustment for
context by regression, robust scaling, and, if wanted, slow adaptation by refitting on a reservoir. Every sum runs over
the columns of one row in a fixed order, so a result does not depend, to the bit, on how the rows were cut into chunks.
What it is not: a model of what is normal (``multivariate.py``, ``univariate.py``, ``learned.py``).

Source of the biased reservoir: Aggarwal 2006, "On biased reservoir sampling in the presence of stream evolution",
VLDB.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.health.rowwise import Floats, Times, array_of, plain, slots
from analytics.health.scale import Scale

State = dict[str, Any]
"""Plain data: numbers, texts, lists and dictionaries, as JSON has them (not-a-number stands as None)."""
LONG_AGO: Final = -(2**63)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The rows that were judged; rows of the training window, and those without any value, are not among them.

    Attributes:
        times: ns, increasing; shape (rows,).
        scores: how unusual, as a multiple of the limit: above 1 is out of control. Shape (rows,), finite.
        shares: which columns explain it, shape (rows, columns): each row adds to 1 where the score is above 1, and is
            zero elsewhere.
    """

    times: Times
    scores: Floats
    shares: Floats


class Detector(Protocol):
    """Judges a stream of rows, with memory that does not grow with it.

    Any cut of the stream into chunks gives the same result to the bit. ``load(state())`` into one made with the same
    arguments goes on as if nothing had been.
    """

    def update(self, times: Times, values: Floats) -> Scored:
        """Take rows in time order; shape (rows,) ns and (rows, columns), not-a-number for what is absent."""

    def state(self) -> State:
        """All that is remembered, as plain data."""

    def load(self, state: State) -> None:
        """Go on from a state."""


def nothing(columns: int) -> Scored:
    """No row judged."""
    return Scored(np.empty(0, np.int64), np.empty(0), np.empty((0, columns)))


def joined(parts: list[Scored], columns: int) -> Scored:
    """Several results, one after the other."""
    if not parts:
        return nothing(columns)
    return Scored(
        np.concatenate([p.times for p in parts]),
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.shares for p in parts]),
    )


def fresh(times: ArrayLike, values: ArrayLike, columns: int, last_ns: int) -> tuple[Times, Floats, NDArray[np.bool_]]:
    """The rows, checked, and which of them are later than all before: what comes twice or late is not judged again.

    Raises:
        ValueError: the shapes do not fit, a value is infinite, or the times of the chunk are not in order.
    """
    t, v = np.asarray(times), np.ascontiguousarray(values, np.float64)
    if t.ndim != 1 or v.ndim != 2 or v.shape != (len(t), columns):
        raise ValueError(f"values: expected shape ({t.size}, {columns}), found {v.shape}")
    if not np.can_cast(t.dtype, np.int64) and np.any(t != np.rint(t)):
        raise ValueError("times: expected whole nanoseconds")
    t = t.astype(np.int64)
    if np.isinf(v).any():
        raise ValueError("values: expected finite values, or not-a-number where absent; found an infinite one")
    if np.any(t[1:] < t[:-1]):
        raise ValueError("times: expected an order of time within the chunk")
    new = t > last_ns
    new[1:] &= t[1:] > t[:-1]
    return t, v, new


class Trained(ABC):
    """Learns from the first ``train`` rows, which are taken to be healthy, and judges all later ones.

    Args:
        columns: sensors, or features of sensors, to judge.
        contexts: further columns at the end that explain (load, warmth, hour) and are not judged themselves: what they
            explain linearly in the training window is taken off. A row that lacks one is not judged.
        train: rows of the training window, at least 32.
        refit: 0: what was learned stays (frozen). Else after so many judged rows it is learned anew from a reservoir
            of ``train`` rows, in which each row in control replaces a random one. A slow degradation that stays below
            the limit is then learned too: choose it far longer than the degradations that are to be found.
        seed: of the reservoir, and of what a learned model draws.

    A column that is constant, or mostly absent, in the training window says nothing and is not judged.
    """

    def __init__(self, columns: int, contexts: int = 0, *, train: int = 1440, refit: int = 0, seed: int = 0) -> None:
        if columns < 1 or contexts < 0 or train < 32 or refit < 0 or not 0 <= seed < 2**32:
            raise ValueError(
                "expected columns of at least 1, contexts of at least 0, train of at least 32, refit of at least 0 and "
                f"a seed of 32 bits; found {columns}, {contexts}, {train}, {refit}, {seed}"
            )
        self.columns, self.contexts, self.train, self.refit, self.seed = columns, contexts, train, refit, seed
        self._last_ns = LONG_AGO
        self._rows = np.empty((0, columns + contexts))
        self._judged = 0
        self._scale: Scale | None = None

    @property
    def learning(self) -> bool:
        """Whether the training window is not full yet."""
        return self._scale is None

    def update(self, times: ArrayLike, values: ArrayLike) -> Scored:
        """Learn from rows, or judge them; see ``Detector``. Rows that come twice or late are left out.

        Raises:
            ValueError: as of ``fresh``.
        """
        t, v, new = fresh(times, values, self.columns + self.contexts, self._last_ns)
        if len(t):
            self._last_ns = max(self._last_ns, int(t[-1]))
        known = ~np.isnan(v[:, self.columns :]).any(axis=1) & ~np.isnan(v[:, : self.columns]).all(axis=1)
        t, v = t[new & known], v[new & known]
        parts: list[Scored] = []
        while len(t):
            if self._scale is None:
                taken = self.train - len(self._rows)
                self._rows = np.concatenate([self._rows, v[:taken]])
                if len(self._rows) == self.train:
                    self._learn()
            else:
                taken = len(t) if not self.refit else self.refit - self._judged % self.refit
                parts.append(self._scored(self._scale, t[:taken], v[:taken]))
            t, v = t[taken:], v[taken:]
        return joined(parts, self.columns)

    def state(self) -> State:
        """All that is remembered, as plain data."""
        return {
            "last_ns": self._last_ns,
            "judged": self._judged,
            "rows": plain(self._rows),
            "scale": None if self._scale is None else self._scale.state(),
            "model": None if self._scale is None else self._model_state(),
        }

    def load(self, state: State) -> None:
        """Go on from a state of a detector that was made with the same arguments."""
        self._last_ns, self._judged = int(state["last_ns"]), int(state["judged"])
        self._rows = array_of(state["rows"], self.columns + self.contexts)
        self._scale = None if state["scale"] is None else Scale.of(state["scale"])
        if self._scale is not None:
            self._load_model(state["model"])

    @abstractmethod
    def _fit(self, z: Floats) -> None:
        """Learn what is normal from standardised rows [row, usable column], not-a-number where absent."""

    @abstractmethod
    def _judge(self, z: Floats) -> tuple[Floats, Floats]:
        """Scores, and shares of the usable columns, of standardised rows."""

    @abstractmethod
    def _model_state(self) -> State:
        """What ``_fit`` learned and ``_judge`` remembers."""

    @abstractmethod
    def _load_model(self, state: State) -> None:
        """The reverse of ``_model_state``."""

    def _learn(self) -> None:
        self._scale = Scale.learned(self._rows, self.columns)
        self._fit(self._scale.standard(self._rows))
        if not self.refit:
            self._rows = self._rows[:0].copy()

    def _scored(self, scale: Scale, t: Times, v: Floats) -> Scored:
        z = scale.standard(v)
        seen = ~np.isnan(z).all(axis=1)  # of a row with values in unusable columns alone there is nothing to judge
        scores, usable = self._judge(z[seen])
        shares = np.zeros((len(scores), self.columns))
        shares[:, scale.usable] = usable
        if self.refit:
            places = slots(self.seed, self._judged, len(t), self.train)[seen][scores <= 1.0]
            self._rows[places] = v[seen][scores <= 1.0]
        self._judged += len(t)
        if self.refit and self._judged % self.refit == 0:
            self._learn()
        return Scored(t[seen], scores, shares)
