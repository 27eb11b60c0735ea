"""How many samples of sensors a second the detectors keep up with, on one core.

Run: ``python bench/detectors.py [--hours 4] [--chunk 60] [--rounds 3] [--json]``. A sample is one value of one sensor.
One machine of eight sensors, one row a second, with stops; it is trained before the time is taken. ``watch``: the whole
way from samples to alarms, one bucket a minute, in chunks of ``--chunk`` rows, as they come live; ``odd``: the same
with a sensor out of control throughout. ``ratio`` is the slowest of these over the limit of 50,000. ``rows``: the
detector alone, which judges every row of the chunk; ``single`` the same with one row per call. ``state_kb``: what one
machine remembers, as JSON; it does not grow. ``train_ms``: learning from 1440 rows. ``forest_sklearn`` and
``half_space_trees`` (if river is installed) score the same rows by those libraries' own means.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # so that it runs from a checkout that is not installed

import numpy as np  # noqa: E402
from figures import best_s, surroundings, tell  # noqa: E402
from sklearn.ensemble import IsolationForest  # noqa: E402

from analytics.health import REST, Pca, Robust, Watch  # noqa: E402
from analytics.health.learned import Forest  # noqa: E402

LIMIT_PER_S = 50_000
SECOND_NS = 10**9
SENSORS = 8
TRAIN = 1440
MAKES: dict[str, Callable[..., Any]] = {"pca": Pca, "robust": Robust, "forest": Forest}


def samples(rows: int, seed: int) -> np.ndarray:
    """Sensors that follow a common load, at different levels."""
    draw = np.random.default_rng(seed)
    load = np.interp(
        np.arange(rows), np.arange(0, rows + 600, 600), draw.uniform(-1, 1, len(range(0, rows + 600, 600)))
    )
    noise = draw.normal(size=(rows, SENSORS))
    return np.asarray(np.geomspace(1, 1000, SENSORS) * (5 + 0.5 * load[:, np.newaxis] + 0.1 * noise))


def changes(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Stops of ten seconds, two a minute in the mean."""
    begin = np.arange(0, rows, 30, dtype=np.int64) * SECOND_NS
    return np.sort(np.concatenate([begin, begin + 20 * SECOND_NS])), np.tile([0, REST], len(begin))


def fed(watch: Watch, values: np.ndarray, first: int, chunk: int) -> int:
    """Feed a watch chunk by chunk from row ``first`` on; the number of buckets judged."""
    changed, modes = changes(first + len(values))
    judged = 0
    for begin in range(first, first + len(values), chunk):
        part = values[begin - first : begin - first + chunk]
        times = np.arange(begin, begin + len(part), dtype=np.int64) * SECOND_NS
        low, high = np.searchsorted(changed, [times[0] - SECOND_NS, times[-1]], side="right")
        judged += len(watch.update(times, part, changed[low:high], modes[low:high]).scored.times)
    return judged


def whole(make: Callable[..., Any], hours: int, chunk: int, rounds: int) -> dict[str, object]:
    """Figures of the way from samples to alarms."""
    rows, settle = hours * 3600, 26 * 3600
    watch = Watch([f"s{n}" for n in range(SENSORS)], make)
    changed, modes = changes(settle)
    watch.update(np.arange(settle, dtype=np.int64) * SECOND_NS, samples(settle, 1), changed, modes)
    state = watch.state()
    values = samples(rows, 2)
    odd = values * np.where(np.arange(SENSORS) == 2, 1.3, 1.0)

    def work(of: np.ndarray) -> Callable[[], None]:
        def run() -> None:
            watch.load(state)
            assert fed(watch, of, settle, chunk) > hours * 50

        return run

    return {
        "watch": round(rows * SENSORS / best_s(rounds, work(values))),
        "odd": round(rows * SENSORS / best_s(rounds, work(odd))),
        "state_kb": round(len(json.dumps(watch.state())) / 1000),
    }


def alone(make: Callable[..., Any], chunk: int, rounds: int) -> dict[str, object]:
    """Figures of a detector that judges every row."""
    count = max(chunk, 20_000 // chunk * chunk)
    values = samples(TRAIN + count, 3)
    detector = make(SENSORS, train=TRAIN)
    begin = time.process_time()
    detector.update(np.arange(TRAIN, dtype=np.int64), values[:TRAIN])
    train_s = time.process_time() - begin
    state = detector.state()

    def work(size: int, until: int) -> Callable[[], None]:
        def run() -> None:
            detector.load(state)
            for at in range(TRAIN, TRAIN + until, size):
                detector.update(np.arange(at, at + size, dtype=np.int64), values[at : at + size])

        return run

    few = min(count, 2000)
    return {
        "rows": round(count * SENSORS / best_s(rounds, work(chunk, count))),
        "single": round(few * SENSORS / best_s(rounds, work(1, few))),
        "train_ms": round(train_s * 1000, 1),
    }


def libraries(chunk: int, rounds: int) -> dict[str, object]:
    """The same by the libraries' own means, samples a second."""
    values = samples(TRAIN + 6000, 3).astype(np.float32)
    grown = IsolationForest(n_estimators=50, random_state=0).fit(values[:TRAIN])

    def score() -> None:
        for at in range(TRAIN, len(values), chunk):
            grown.score_samples(values[at : at + chunk])

    figures: dict[str, object] = {"forest_sklearn": round(6000 * SENSORS / best_s(rounds, score))}
    if find_spec("river") is not None:
        trees = import_module("river.anomaly").HalfSpaceTrees(n_trees=25, height=8, seed=0)
        low, high = values.min(axis=0), values.max(axis=0)
        rows = [dict(enumerate(row)) for row in ((values - low) / (high - low)).tolist()]

        def stream() -> None:
            for row in rows[-6000:]:
                trees.score_one(row)
                trees.learn_one(row)

        figures["half_space_trees"] = round(6000 * SENSORS / best_s(rounds, stream))
    return figures


def measure(hours: int, chunk: int, rounds: int) -> dict[str, object]:
    """All figures, in samples a second unless named otherwise."""
    each = [
        {"detector": name} | whole(make, hours, chunk, rounds) | alone(make, chunk, rounds)
        for name, make in MAKES.items()
    ]
    slowest = min(int(str(one[way])) for one in each for way in ("watch", "odd"))
    return (
        {"bench": "detectors", "chunk": chunk, "ratio": round(slowest / LIMIT_PER_S, 2), "samples_per_s": each}
        | libraries(chunk, rounds)
        | surroundings()
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=4)
    parser.add_argument("--chunk", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    tell(measure(flags.hours, flags.chunk, flags.rounds), as_json=flags.json)


if __name__ == "__main__":
    main()
