"""An isolation forest: rows that few random cuts set apart are unusual, whatever the shape of what is normal.

What it is: scikit-learn grows the forest on the training window; its trees are kept as plain tables, so that a state is
plain data, one row costs microseconds instead of milliseconds, and scikit-learn is met at training only.
What it is not: able to see how far outside something is: beyond the training range all cuts are passed, and the score
stops growing. It is not part of ``analytics.health``'s own names, for it needs the extra ``health`` (scikit-learn).

Source: Liu, Ting & Zhou 2008, "Isolation forest", ICDM; limit: quantile of the training window's own scores. Chosen
beside river's HalfSpaceTrees, by measurement: see ``docs/health.md``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from analytics.health.detector import State, Trained
from analytics.health.gaps import filled
from analytics.health.rowwise import Floats, array_of, plain, product, shared

Ints = NDArray[np.int64]
_CLIP: Final = 6.0
_NARROWEST: Final = 0.01
"""Of a variance along an axis, in squares of the healthy spread: what moves less is noise of the arithmetic."""
_ROWS_EXPLAINED: Final = 256
_ROWS_AT_ONCE: Final = 2048
"""So that the tables of a chunk stay in the processor's cache."""


class Forest(Trained):
    """Isolation forest; the score is the excess over the training window's median, as a multiple of the limit's.

    The columns that explain a row are found by putting each, alone, to what the others let expect: the share is how
    much of the excess goes away by that; where none helps alone, by the square of the deviation.

    Args:
        trees: how many.
        alpha: share of the training window beyond the limit.

    The other arguments are those of ``Trained``; ``seed`` draws the trees too.
    """

    def __init__(
        self,
        columns: int,
        contexts: int = 0,
        *,
        trees: int = 50,
        alpha: float = 0.01,
        train: int = 1440,
        refit: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(columns, contexts, train=train, refit=refit, seed=seed)
        if trees < 1 or not 0.0 < alpha < 0.5:
            raise ValueError(f"expected at least 1 tree and alpha in (0, 0.5); found {trees}, {alpha}")
        self.trees, self.alpha = trees, alpha
        self._roots: Ints = np.empty(0, np.int64)
        self._feature: Ints = np.empty(0, np.int64)
        self._next: Ints = np.empty(0, np.int64)  # left, right of node i at 2i, 2i + 1; of a leaf: itself
        self._cut = np.empty(0)
        self._length = np.empty(0)  # of the path that ends in a leaf, with what its rows would still need
        self._depth = 0
        self._covariance = self._turn = np.empty((0, 0))
        self._usual = self._limit = 0.0
        self._per_tree = 1.0

    def unusual(self, z: Floats) -> Floats:
        """The forest's score, in (0, 1): 2^(-mean path length / expected path length).

        Args:
            z: standardised rows without absent values.
        """
        z = self._turned(z)
        made = np.empty(len(z))
        for begin in range(0, len(z), _ROWS_AT_ONCE):
            part = z[begin : begin + _ROWS_AT_ONCE]
            base = np.arange(len(part))[np.newaxis] * part.shape[1]
            flat = np.ascontiguousarray(part).reshape(-1)
            node = np.repeat(self._roots[:, np.newaxis], len(part), axis=1)
            for _ in range(self._depth):
                node = self._next[2 * node + (flat[base + self._feature[node]] > self._cut[node])]
            total = np.zeros(len(part))
            for lengths in self._length[node]:
                total += lengths
            made[begin : begin + len(part)] = np.exp2(-total / self._per_tree)
        return made

    def _fit(self, z: Floats) -> None:
        if z.shape[1] == 0:
            return
        healthy = np.clip(np.where(np.isnan(z), 0.0, z), -_CLIP, _CLIP)
        self._covariance = np.cov(healthy, rowvar=False).reshape(z.shape[1], -1)
        values, vectors = np.linalg.eigh(self._covariance)
        self._turn = vectors / np.sqrt(np.maximum(values, _NARROWEST))
        grown = IsolationForest(n_estimators=self.trees, random_state=self.seed).fit(self._turned(healthy))
        self._keep(grown)
        scores = self.unusual(healthy)
        self._usual = float(np.median(scores))
        self._limit = max(float(np.quantile(scores, 1.0 - self.alpha, method="higher")), self._usual + 1e-9)

    def _turned(self, z: Floats) -> Floats:
        """Along the principal axes, each as wide as the others: cuts go along axes, and healthy sensors move together.

        Rounded to 32 bits, as scikit-learn does.
        """
        return product(z, self._turn).astype(np.float32).astype(np.float64)

    def _keep(self, grown: IsolationForest) -> None:
        """The trees as tables, one behind the other."""
        roots, features, nexts, cuts, lengths, depth, begin = [], [], [], [], [], 0, 0
        for one in grown.estimators_:
            tree = one.tree_
            leaf = np.asarray(tree.children_left) < 0
            own = np.arange(tree.node_count)
            sides = np.stack(
                [np.where(leaf, own, tree.children_left), np.where(leaf, own, tree.children_right)], axis=1
            )
            depths = _depths(sides, leaf)
            roots.append(begin)
            features.append(np.where(leaf, 0, tree.feature))
            cuts.append(np.where(leaf, 0.0, tree.threshold))
            nexts.append((sides + begin).reshape(-1))
            lengths.append(depths + _expected(tree.n_node_samples))
            depth, begin = max(depth, int(depths.max())), begin + tree.node_count
        self._roots = np.array(roots, np.int64)
        self._feature, self._next = np.concatenate(features).astype(np.int64), np.concatenate(nexts).astype(np.int64)
        self._cut, self._length, self._depth = np.concatenate(cuts), np.concatenate(lengths), depth
        self._per_tree = self.trees * float(_expected(np.array([grown.max_samples_]))[0])

    def _judge(self, z: Floats) -> tuple[Floats, Floats]:
        absent = np.isnan(z)
        z = filled(z, np.zeros(z.shape[1]), self._covariance)
        scores = self._scores(z)
        shares = np.zeros(z.shape)
        beyond = np.flatnonzero(scores > 1.0)
        for begin in range(0, len(beyond), _ROWS_EXPLAINED):
            rows = beyond[begin : begin + _ROWS_EXPLAINED]
            shares[rows] = self._explained(z[rows], scores[rows], absent[rows])
        return scores, shares

    def _explained(self, odd: Floats, scores: Floats, absent: NDArray[np.bool_]) -> Floats:
        """Shares of rows: how much of the score goes when one column is what the others let expect."""
        count, p = odd.shape
        precision = product(self._turn, np.ascontiguousarray(self._turn.T))
        expected = odd - product(odd, precision) / np.diag(precision)
        mended = np.repeat(odd[:, np.newaxis], p, axis=1)  # [row, column that is mended, column]
        mended[:, np.arange(p), np.arange(p)] = expected
        gone = scores[:, np.newaxis] - self._scores(mended.reshape(count * p, p)).reshape(count, p)
        parts = np.where(absent, 0.0, np.maximum(gone, 0.0))
        return shared(np.where((parts > 0.0).any(axis=1, keepdims=True), parts, np.where(absent, 0.0, odd) ** 2))

    def _scores(self, z: Floats) -> Floats:
        return np.maximum(self.unusual(z) - self._usual, 0.0) / (self._limit - self._usual)

    def _model_state(self) -> State:
        return {
            "covariance": plain(self._covariance),
            "turn": plain(self._turn),
            "roots": self._roots.tolist(),
            "feature": self._feature.tolist(),
            "next": self._next.tolist(),
            "cut": plain(self._cut),
            "length": plain(self._length),
            "depth": self._depth,
            "usual": self._usual,
            "limit": self._limit,
            "per_tree": self._per_tree,
        }

    def _load_model(self, state: State) -> None:
        self._covariance, self._turn = array_of(state["covariance"]), array_of(state["turn"])
        self._roots, self._feature = np.array(state["roots"], np.int64), np.array(state["feature"], np.int64)
        self._next = np.array(state["next"], np.int64)
        self._cut, self._length, self._depth = array_of(state["cut"]), array_of(state["length"]), int(state["depth"])
        self._usual, self._limit = float(state["usual"]), float(state["limit"])
        self._per_tree = float(state["per_tree"])


def _depths(sides: Ints, leaf: NDArray[np.bool_]) -> Floats:
    """Of each node, from 0 at the root; a parent always stands before its children."""
    depths = np.zeros(len(leaf))
    for node in np.flatnonzero(~leaf):
        depths[sides[node]] = depths[node] + 1.0
    return depths


def _expected(rows: Ints) -> Floats:
    """Mean length of an unsuccessful search in a binary tree of so many rows: c(n) of the paper."""
    n = np.asarray(rows, np.float64)
    big = 2.0 * (np.log(np.maximum(n - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (n - 1.0) / np.maximum(n, 1.0)
    return np.where(n > 2.0, big, np.where(n == 2.0, 1.0, 0.0))
