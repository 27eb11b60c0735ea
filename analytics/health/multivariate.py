"""Principal components: is the row far from the centre (T²), or off the plane on which healthy rows lie (Q)?

What it is: PCA of the standardised training window; Hotelling's T² within the plane, Q (squared prediction error) off
it, their limits, and for each row out of control the contribution of each column.
What it is not: a model in time: rows are taken one by one, and lags are not modelled.

Sources: limits of T²: Hotelling 1947, by the F distribution for new observations (Jackson 1991, "A user's guide to
principal components", ch. 1); of Q: Jackson & Mudholkar 1979, Technometrics 21, and where its h0 is not positive Box
1954's g·χ²; contributions that add to the statistic: complete decomposition, Alcala & Qin 2009, J. Process Control 19.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from scipy.special import chdtri, fdtri, ndtri

from analytics.health.detector import State, Trained
from analytics.health.gaps import filled
from analytics.health.rowwise import Floats, array_of, plain, product, shared, sums

Limits = Literal["formula", "empirical", "larger"]
_CLIP: Final = 6.0
"""Training values further off than so many robust deviations are drawn in, so that none turns the plane (assumed)."""
_NONE: Final = 1e-10
"""Eigenvalues below are numerically nothing, of columns that others determine."""


def t2_limit(components: int, rows: int, alpha: float) -> float:
    """The value that T² of a new healthy row exceeds with probability ``alpha``; normal, independent rows assumed.

    >>> round(t2_limit(2, 100, 0.05), 3)
    6.304
    """
    k, n = components, rows
    return float(k * (n * n - 1) / (n * (n - k)) * fdtri(k, n - k, 1.0 - alpha))


def q_limit(left: Floats, alpha: float) -> float:
    """The value that Q of a healthy row exceeds with probability ``alpha``; ``left``: eigenvalues off the plane.

    >>> round(q_limit(np.ones(8), 0.05), 1)  # χ² with 8 degrees of freedom has 15.507
    15.5
    """
    one, two, three = (float(np.sum(left**power)) for power in (1, 2, 3))
    h = 1.0 - 2.0 * one * three / (3.0 * two * two)
    if h > 0.0:
        inner = float(ndtri(1.0 - alpha)) * np.sqrt(2.0 * two * h * h) / one + 1.0 + two * h * (h - 1.0) / one**2
        if inner > 0.0:
            return float(one * inner ** (1.0 / h))
    return float(two / one * chdtri(one * one / two, alpha))


class Pca(Trained):
    """T² and Q of principal components; the score is the larger of both over its limit.

    Args:
        explained: share of the variance that the plane holds; at least one direction stays off it.
        alpha: probability that a healthy row is beyond a limit, of T² and of Q each.
        limits: by the formulas, which take rows to be normal and independent; by the quantile of the training window,
            which does not; or the larger of both.

    The other arguments are those of ``Trained``.
    """

    def __init__(
        self,
        columns: int,
        contexts: int = 0,
        *,
        explained: float = 0.8,
        alpha: float = 0.001,
        limits: Limits = "larger",
        train: int = 1440,
        refit: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(columns, contexts, train=train, refit=refit, seed=seed)
        if not 0.0 < explained <= 1.0 or not 0.0 < alpha < 0.5 or limits not in ("formula", "empirical", "larger"):
            raise ValueError(
                "expected explained in (0, 1], alpha in (0, 0.5) and limits formula, empirical or larger; "
                f"found {explained}, {alpha}, {limits!r}"
            )
        self.explained, self.alpha, self.limits = explained, alpha, limits
        self._centre = np.empty(0)
        self._covariance = np.empty((0, 0))
        self._axes = np.empty((0, 0))  # [column, component]
        self._variances = np.empty(0)
        self._t2_limit = self._q_limit = 0.0

    def statistics(self, z: Floats) -> tuple[Floats, Floats]:
        """T² and Q of standardised rows without absent values; shape (rows,) each."""
        scores, off = self._projected(z)
        return sums(scores * scores / self._variances), sums(off * off)

    def _fit(self, z: Floats) -> None:
        z = np.clip(np.where(np.isnan(z), 0.0, z), -_CLIP, _CLIP)
        n, p = z.shape
        self._centre = z.mean(axis=0) if p else np.empty(0)
        self._covariance = (z - self._centre).T @ (z - self._centre) / (n - 1)
        values, vectors = np.linalg.eigh(self._covariance) if p else (np.empty(0), np.empty((0, 0)))
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        full = int(np.count_nonzero(values > _NONE))
        enough = int(np.searchsorted(np.cumsum(values), self.explained * values.sum() - 1e-12)) + 1
        k = max(min(enough, full, p - 1), min(full, 1))
        self._axes, self._variances = np.ascontiguousarray(vectors[:, :k]), values[:k].copy()
        self._t2_limit = t2_limit(k, n, self.alpha) if k else 1.0
        left = values[k:full]
        self._q_limit = q_limit(left, self.alpha) if len(left) else _NONE * max(p, 1)
        if p and self.limits != "formula":
            t2, q = (float(np.quantile(s, 1.0 - self.alpha, method="higher")) for s in self.statistics(z))
            both = self.limits == "larger"
            self._t2_limit = max(t2, self._t2_limit if both else _NONE)
            self._q_limit = max(q, self._q_limit if both else _NONE)

    def _judge(self, z: Floats) -> tuple[Floats, Floats]:
        absent = np.isnan(z)
        z = filled(z, self._centre, self._covariance)
        projected, off = self._projected(z)
        scaled = projected / np.sqrt(self._variances)
        t2, q = sums(scaled * scaled) / self._t2_limit, sums(off * off) / self._q_limit
        scores = np.maximum(t2, q)
        shares = np.zeros(z.shape)
        beyond = scores > 1.0
        if beyond.any():
            near = product(scaled[beyond], self._axes.T)
            parts = np.where((t2 >= q)[beyond, np.newaxis], near, off[beyond]) ** 2
            shares[beyond] = shared(np.where(absent[beyond], 0.0, parts))
        return scores, shares

    def _projected(self, z: Floats) -> tuple[Floats, Floats]:
        """Coordinates in the plane, and what is left off it."""
        centred = z - self._centre
        scores = product(centred, self._axes)
        return scores, centred - product(scores, self._axes.T)

    def _model_state(self) -> State:
        return {
            "centre": plain(self._centre),
            "covariance": plain(self._covariance),
            "axes": plain(self._axes),
            "variances": plain(self._variances),
            "t2_limit": self._t2_limit,
            "q_limit": self._q_limit,
        }

    def _load_model(self, state: State) -> None:
        self._centre, self._variances = array_of(state["centre"]), array_of(state["variances"])
        p, k = len(self._centre), len(self._variances)
        self._covariance = array_of(state["covariance"]).reshape(p, p)
        self._axes = array_of(state["axes"]).reshape(p, k)
        self._t2_limit, self._q_limit = float(state["t2_limit"]), float(state["q_limit"])
