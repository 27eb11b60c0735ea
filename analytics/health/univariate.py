"""Each sensor by itself, robustly: a slow shift by an EWMA of clipped deviations, a sudden one by a Hampel filter.

What it is: two statistics per column of the standardised row. EWMA finds what is small and stays; the Hampel filter, in
a window of the last rows, what is large and lonely, and does not count a slow change of level as such.
What it is not: aware of the other sensors. What all of them share (load, say) must be taken off by context columns, or
widens the limits here; ``multivariate.py`` finds what breaks their relation.

Sources: EWMA control chart: Roberts 1959, Technometrics 1, asymptotic limits as in Montgomery's "Introduction to
statistical quality control", ch. 9; the clip: Huber's psi; filter: Hampel 1974, JASA 69, and Pearson 2002, IEEE Trans.
Control Syst. Technol. 10. The limits by formula take rows to be independent; the larger of these and the largest
value of the training window is used, with a margin, for rows of sensors follow each other closely.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtri

from analytics.health.detector import State, Trained
from analytics.health.rowwise import Floats, array_of, median, plain, shared
from analytics.health.scale import MAD_TO_SD

_ROWS_AT_ONCE: Final = 1024
"""Windows overlap; so many are laid out at a time."""


class Robust(Trained):
    """EWMA and Hampel filter for each column; the score is the largest of all over its limit.

    Args:
        weight: of the newest row in the EWMA, in (0, 1].
        clip: deviations count up to so many robust standard deviations in the EWMA.
        window: rows of the Hampel filter, an odd number; the newest is compared with the median of the window that it
            ends.
        alpha: probability that a healthy row is beyond a limit by formula, over all columns together (Bonferroni).
        margin: factor on the largest value of the training window, which is short against what follows (assumed).

    The other arguments are those of ``Trained``.
    """

    def __init__(
        self,
        columns: int,
        contexts: int = 0,
        *,
        weight: float = 0.2,
        clip: float = 4.0,
        window: int = 31,
        alpha: float = 0.001,
        margin: float = 1.15,
        train: int = 1440,
        refit: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(columns, contexts, train=train, refit=refit, seed=seed)
        if not 0.0 < weight <= 1.0 or clip <= 0.0 or window < 3 or window % 2 == 0 or not 0.0 < alpha < 0.5:
            raise ValueError(
                "expected weight in (0, 1], clip above 0, an odd window of at least 3 and alpha in (0, 0.5); "
                f"found {weight}, {clip}, {window}, {alpha}"
            )
        if not margin >= 1.0:
            raise ValueError(f"margin: expected at least 1, found {margin}")
        self.weight, self.clip, self.window, self.alpha, self.margin = weight, clip, window, alpha, margin
        self._mean = np.empty(0)
        self._ring = np.empty((0, 0))  # the last rows, oldest first, at most window - 1
        self._mean_limits = np.empty(0)
        self._spike_limits = np.empty(0)

    def _fit(self, z: Floats) -> None:
        fresh = self._ring.shape[1] != z.shape[1] or not len(self._ring)
        mean, ring = self._mean, self._ring
        self._mean, self._ring = np.zeros(z.shape[1]), np.empty((0, z.shape[1]))
        means, spikes = self._statistics(z)
        if not fresh:
            self._mean, self._ring = mean, ring
        normal = float(-ndtri(self.alpha / (2 * max(z.shape[1], 1))))
        self._mean_limits = np.maximum(self.margin * means.max(axis=0), normal * sqrt(self.weight / (2 - self.weight)))
        self._spike_limits = np.maximum(self.margin * spikes.max(axis=0), normal)

    def _judge(self, z: Floats) -> tuple[Floats, Floats]:
        means, spikes = self._statistics(z)
        each = np.maximum(means / self._mean_limits, spikes / self._spike_limits)
        scores = each.max(axis=1, initial=0.0)
        shares = np.zeros(z.shape)
        beyond = scores > 1.0
        shares[beyond] = shared(np.where(each[beyond] > 1.0, each[beyond], 0.0) ** 2)
        return scores, shares

    def _statistics(self, z: Floats) -> tuple[Floats, Floats]:
        """Size of the EWMA, and of the deviation from the window's median, [row, column]; carries both on.

        An absent value leaves the EWMA as it is, and is no spike.
        """
        parts = [self._part(z[at : at + _ROWS_AT_ONCE]) for at in range(0, len(z), _ROWS_AT_ONCE)]
        if not parts:
            return np.empty(z.shape), np.empty(z.shape)
        return np.concatenate([means for means, _ in parts]), np.concatenate([spikes for _, spikes in parts])

    def _part(self, z: Floats) -> tuple[Floats, Floats]:
        """``_statistics`` of some rows."""
        means = np.empty(z.shape)
        steps, here = np.clip(z, -self.clip, self.clip), ~np.isnan(z)
        mean, weight = self._mean, self.weight
        for number in range(len(z)):
            mean = np.where(here[number], mean + weight * (steps[number] - mean), mean)
            means[number] = mean
        self._mean = mean
        rows = np.concatenate([self._ring, z])
        padded = np.concatenate([np.full((self.window - 1 - len(self._ring), z.shape[1]), np.nan), rows])
        windows = np.ascontiguousarray(np.moveaxis(sliding_window_view(padded, self.window, axis=0), -1, 0))
        middle = median(windows)
        # A window that is quieter than the healthy spread does not make a spike of what is healthy: at least 1.
        spread = np.maximum(MAD_TO_SD * median(np.abs(windows - middle)), 1.0)
        self._ring = rows[max(0, len(rows) - self.window + 1) :].copy()
        return np.abs(means), np.where(here, np.abs(z - middle) / spread, 0.0)

    def _model_state(self) -> State:
        return {
            "mean": plain(self._mean),
            "ring": plain(self._ring),
            "mean_limits": plain(self._mean_limits),
            "spike_limits": plain(self._spike_limits),
        }

    def _load_model(self, state: State) -> None:
        self._mean = array_of(state["mean"])
        self._ring = array_of(state["ring"], len(self._mean)) if len(self._mean) else np.empty((0, 0))
        self._mean_limits, self._spike_limits = array_of(state["mean_limits"]), array_of(state["spike_limits"])
